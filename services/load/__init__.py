"""The load test: a plan fixed beforehand, a process that sends it on time, one that watches what comes of it."""
