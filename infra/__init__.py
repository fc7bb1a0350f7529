"""Infrastructure of the processes: a local Kafka, the topics, telemetry. Only the command line and tests import it."""
