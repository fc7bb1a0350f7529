"""The processes around the topics."""
