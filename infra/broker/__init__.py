"""A local Apache Kafka that needs nothing installed: one node or several, KRaft, Java from a wheel, jars of Maven."""

from infra.broker.cluster import LocalCluster, Place
from infra.broker.discovery import find_bootstrap
from infra.broker.errors import (
    BrokerDied,
    BrokerError,
    BrokerUnreachable,
    DiskFull,
    JarMismatch,
    JarsUnavailable,
    PortTaken,
    StaleFolder,
)
from infra.broker.jars import KAFKA_VERSION
from infra.broker.local import LONG_LIVED, SHORT_LIVED, LocalBroker
from infra.broker.probe import answers

__all__ = [
    "KAFKA_VERSION",
    "LONG_LIVED",
    "SHORT_LIVED",
    "BrokerDied",
    "BrokerError",
    "BrokerUnreachable",
    "DiskFull",
    "JarMismatch",
    "JarsUnavailable",
    "LocalBroker",
    "LocalCluster",
    "Place",
    "PortTaken",
    "StaleFolder",
    "answers",
    "find_bootstrap",
]
