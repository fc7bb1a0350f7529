"""The errors of the local broker. Each message is one line with the reason and the remedy.

    Exception
    └── BrokerError            there is no broker to use
        ├── JarsUnavailable    Kafka's jars are not in the cache and cannot be fetched
        ├── JarMismatch        a fetched jar differs from the pinned one
        ├── PortTaken          another program listens on the requested port
        ├── DiskFull           the disk of the broker's folder has too little space
        ├── StaleFolder        the folder has data of another Kafka version or of another program
        ├── BrokerDied         the broker ended or did not start in time; its last log lines are quoted
        └── BrokerUnreachable  the broker that KAFKA_BOOTSTRAP names does not answer

No error is retried, except `PortTaken` of a port that `LocalBroker` chose itself: it then takes another one.
"""

from pathlib import Path


class BrokerError(Exception):
    """There is no broker to use. The message is one line with the reason and the remedy."""


class JarsUnavailable(BrokerError):
    """Kafka's jars are not in the cache and cannot be fetched."""

    def __init__(self, jar: str, reason: str) -> None:
        super().__init__(
            f"cannot fetch Kafka ({jar}): {reason}; connect to the network once, "
            "or set KAFKA_BOOTSTRAP to a running broker"
        )


class JarMismatch(BrokerError):
    """A fetched jar differs from the pinned one."""

    def __init__(self, jar: str, expected: str, found: str) -> None:
        super().__init__(
            f"{jar} has SHA-256 {found[:16]}… where {expected[:16]}… is pinned; it was not used: "
            "check the proxy or mirror between this machine and Maven Central"
        )


class PortTaken(BrokerError):
    """Another program listens on the requested port."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken; stop what listens there, name another port, or none for a free one")
        self.port = port


class DiskFull(BrokerError):
    """The disk of the broker's folder has too little space."""

    def __init__(self, folder: Path, free: int, needed: int) -> None:
        super().__init__(
            f"{folder} has {free // 2**20} MiB left and a broker needs {needed // 2**20}; "
            "make room or choose another folder"
        )


class StaleFolder(BrokerError):
    """The folder has data of another Kafka version or of another program."""

    def __init__(self, folder: Path, found: str, wanted: str) -> None:
        super().__init__(f"{folder} holds {found}, this is Kafka {wanted}; remove the folder or choose another")


class BrokerDied(BrokerError):
    """The broker ended or did not start in time; its last log lines are quoted."""

    def __init__(self, how: str, last_words: str, log: Path) -> None:
        super().__init__(f"the broker {how}: {last_words or 'it logged nothing'} (the whole log: {log})")


class BrokerUnreachable(BrokerError):
    """The broker that KAFKA_BOOTSTRAP names does not answer."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(f"no Kafka answers at KAFKA_BOOTSTRAP={bootstrap}; start it, correct the address, or unset it")
