"""Does a Kafka answer there? Asked with Kafka's own first request, which every broker answers to anyone."""

import secrets
import socket
import struct
from collections.abc import Collection

_API_VERSIONS = 18
_CORRELATION = 0x0C0F1DE
_PORTS = range(20_000, 32_000)


def answers(bootstrap: str, seconds: float = 5.0) -> bool:
    """Whether any address of `bootstrap` ("host:port,host:port") is a Kafka broker's that answers in time."""
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
    """Whether a broker could listen on `port` of the loopback address."""
    with socket.socket() as attempt:
        # As Java does: a port in TIME_WAIT after its last owner was killed is free.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(but: Collection[int] = ()) -> int:
    """A port of the loopback address that nobody listens on at the moment, none of `but`.

    Below the range that the system takes outgoing connections' ports from: clients that keep reconnecting while their
    broker is down could else take its port, even by connecting to themselves.
    """
    candidates = (secrets.choice(_PORTS) for _ in range(1000))
    return next(port for port in candidates if port not in but and port_free(port))
