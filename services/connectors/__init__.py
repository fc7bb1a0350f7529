"""Connectors, one process an agency: each sends the reports of its agency and records the delivery of each."""
