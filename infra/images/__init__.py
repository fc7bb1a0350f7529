"""What containers are built from, and what their health checks run."""
