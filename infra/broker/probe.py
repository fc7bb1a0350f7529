"""Checks whether a Kafka broker answers, and whether ports are free.

The check uses ApiVersions, the first request of every Kafka client: a broker answers it without authentication.
"""

import secrets
import socket
import struct
from collections.abc import Collection

_API_VERSIONS = 18
_CORRELATION = 0x0C0F1DE
_PORTS = range(20_000, 32_000)


def answers(bootstrap: str, seconds: float = 5.0) -> bool:
    """Return whether a Kafka broker at any address of `bootstrap` ("host:port,host:port") answers within `seconds`."""
    return any(_answers(address.strip(), seconds) for address in bootstrap.split(",") if address.strip())


def _answers(address: str, seconds: float) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return False
    # Size, then ApiVersions v0 with a null client id.
    request = struct.pack(">ihhih", 10, _API_VERSIONS, 0, _CORRELATION, -1)
    try:
        with socket.create_connection((host.strip("[]"), int(port)), seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(request)
            answer = b""
            while len(answer) < 8 and (received := connection.recv(8 - len(answer))):
                answer += received
    except (OSError, OverflowError):
        return False
    return len(answer) == 8 and struct.unpack(">ii", answer)[1] == _CORRELATION


def port_free(port: int) -> bool:
    """Return whether a broker could listen on `port` of the loopback address."""
    with socket.socket() as attempt:
        # As in Java: a port in TIME_WAIT, after its last owner was killed, counts as free.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(but: Collection[int] = ()) -> int:
    """Return a port of the loopback address that is free now and not in `but`.

    The port is below the range of the system's ports for outgoing connections. Otherwise a client that reconnects while
    its broker is down could take the broker's port, even by a connection to itself.
    """
    candidates = (secrets.choice(_PORTS) for _ in range(1000))
    return next(port for port in candidates if port not in but and port_free(port))
