"""Alarms: our processes write them to their topic, and calls deliver them to a webhook, a command or the log."""
