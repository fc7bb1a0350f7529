"""The container image, and the script of its health checks."""
