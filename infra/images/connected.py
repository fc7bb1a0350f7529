"""Run as a script by health checks: is process 1 connected to Kafka?

    python connected.py [PORT]

The processes without a port of their own have nothing else to ask; one that lost Kafka ends or waits, and is not
healthy.
"""

import sys

import psutil


def connected(pid: int, port: int) -> bool:
    """Whether the process has an open connection to that port of any host."""
    return any(
        connection.status == psutil.CONN_ESTABLISHED and connection.raddr.port == port
        for connection in psutil.Process(pid).net_connections("tcp")
    )


if __name__ == "__main__":
    sys.exit(0 if connected(1, int(sys.argv[1]) if len(sys.argv) > 1 else 9092) else 1)
