"""Why there is no broker, each in one line that says what to do.

BrokerError
├── JarsUnavailable    Kafka's jars are not in the cache and cannot be fetched
├── JarMismatch        a fetched jar is not the one that is pinned
├── PortTaken          something else listens on the port that was asked for
├── DiskFull           too little space left where the broker keeps its data
├── StaleFolder        the folder holds the data of another Kafka version, or of something else
├── BrokerDied         the broker ended, or did not come up in time; its last words are quoted
└── BrokerUnreachable  the broker that KAFKA_BOOTSTRAP names does not answer
"""

from pathlib import Path


class BrokerError(Exception):
    """There is no broker; the message is one line with the reason and what to do."""


class JarsUnavailable(BrokerError):
    """Kafka's jars are not in the cache and cannot be fetched."""

    def __init__(self, jar: str, reason: str) -> None:
        super().__init__(
            f"cannot fetch Kafka ({jar}): {reason}; connect to the network once, "
            "or set KAFKA_BOOTSTRAP to a running broker"
        )


class JarMismatch(BrokerError):
    """A fetched jar is not the one that is pinned."""

    def __init__(self, jar: str, expected: str, found: str) -> None:
        super().__init__(
            f"{jar} has SHA-256 {found[:16]}… where {expected[:16]}… is pinned; it was not used: "
            "check what stands between this machine and Maven Central"
        )


class PortTaken(BrokerError):
    """Something else listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken; stop what listens there, name another port, or none for a free one")
        self.port = port


class DiskFull(BrokerError):
    """Too little space left where the broker keeps its data."""

    def __init__(self, folder: Path, free: int, needed: int) -> None:
        super().__init__(
            f"{folder} has {free // 2**20} MiB left and a broker needs {needed // 2**20}; "
            "make room or choose another folder"
        )


class StaleFolder(BrokerError):
    """The folder holds the data of another Kafka version, or of something else."""

    def __init__(self, folder: Path, found: str, wanted: str) -> None:
        super().__init__(f"{folder} holds {found}, this is Kafka {wanted}; remove the folder or choose another")


class BrokerDied(BrokerError):
    """The broker ended, or did not come up in time; its last words are quoted."""

    def __init__(self, how: str, last_words: str, log: Path) -> None:
        super().__init__(f"the broker {how}: {last_words or 'it said nothing'} (all of it: {log})")


class BrokerUnreachable(BrokerError):
    """The broker that KAFKA_BOOTSTRAP names does not answer."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(f"no Kafka answers at KAFKA_BOOTSTRAP={bootstrap}; start it, correct the address, or unset it")
