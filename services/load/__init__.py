"""The load test: a plan, a process that sends its records on time, and a process that observes the results."""
