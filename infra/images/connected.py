"""A health check as a script: exits with 0 if process 1 is connected to Kafka, else with 1.

    python connected.py [PORT]

Processes without a port of their own offer nothing else to check. A process without Kafka ends or waits, and is not
healthy.
"""

import sys

import psutil


def connected(pid: int, port: int) -> bool:
    """Return whether the process has an open connection to that port of any host."""
    return any(
        connection.status == psutil.CONN_ESTABLISHED and connection.raddr.port == port
        for connection in psutil.Process(pid).net_connections("tcp")
    )


if __name__ == "__main__":
    sys.exit(0 if connected(1, int(sys.argv[1]) if len(sys.argv) > 1 else 9092) else 1)
