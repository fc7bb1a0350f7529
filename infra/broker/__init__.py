"""A local Apache Kafka without installation: one node or several, KRaft, Java from a wheel, jars from Maven Central."""

from infra.broker.cluster import LocalCluster, NodeLocation
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
    "NodeLocation",
    "PortTaken",
    "StaleFolder",
    "answers",
    "find_bootstrap",
]
