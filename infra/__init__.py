"""What the processes stand on: a local Kafka, the topics, telemetry; imported by the command line and tests alone."""
