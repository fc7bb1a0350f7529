"""Settings of the local brokers. Each node is broker and controller, and listens only on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from schemas.topics import MAX_BATCH_BYTES

LOGGING = """\
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c: %m%n%throwable
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=OUT
# Logs when the broker is ready.
logger.ready.name=kafka.server.KafkaRaftServer
logger.ready.level=INFO
"""
READY = "Kafka Server started"

#: The broker's limit for the time-out of transactions, and our value (milliseconds). An open transaction of another
#: program hides the records committed after it from our readers, emergencies too. Our lanes ask for a time-out of 6 s.
MAX_TRANSACTION = "transaction.max.timeout.ms"
MAX_TRANSACTION_MS = 10_000

#: Settings of every single broker of Confide, also in a container.
SINGLE_NODE: Mapping[str, str] = MappingProxyType(
    {
        # Topics come from the catalogue, with their own settings; a typing error must not create one.
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # The default is 50 each, and the broker opens all of them at the first transaction and group.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        # An open transaction of a killed worker hides the records committed after it until the broker aborts it: after
        # its own time-out (6 s for lanes) plus this interval at most. A writer that asks for more than 10 s is refused.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        MAX_TRANSACTION: str(MAX_TRANSACTION_MS),
        "message.max.bytes": str(MAX_BATCH_BYTES),
        "replica.fetch.max.bytes": str(MAX_BATCH_BYTES),
        # After a SIGKILL the controller refuses the new process until the old registration ends (default 9 s).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The defaults suit a big machine: more threads, and 128 MiB for the cleaner.
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    }
)


#: Time after which a follower that is behind leaves the in-sync replicas, in milliseconds (default 30 s). Until then a
#: partition acknowledges no write if one of its followers cannot be reached.
_LAG_MS = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a cluster. `voters` are the controllers' addresses (`host:port`) by node id."""

    node_id: int
    cluster_id: str
    brokers: int
    voters: Mapping[int, str]
    is_broker: bool = True
    host: str = "127.0.0.1"
    #: The address (`host:port`) that clients and the other brokers get; None: the one that the node listens on.
    advertised: str | None = None
    #: The program that starts Java, with its arguments, for example `ip netns exec NAME`.
    launcher: tuple[str, ...] = ()


def cluster_settings(brokers: int) -> dict[str, str]:
    """Return the settings of a cluster's brokers: each record is on all of them, and all but one acknowledge it."""
    copies, in_sync = str(brokers), str(max(1, brokers - 1))
    return {
        **SINGLE_NODE,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "replica.lag.time.max.ms": str(_LAG_MS),
    }


def server_properties(data: Path, port: int, controller_port: int, member: Member | None = None) -> str:
    """Return a broker's properties file, for its data folder and two ports; with `member`, for a node of a cluster."""
    if member is None:
        settings = _node(data, 1, {1: f"127.0.0.1:{controller_port}"})
        settings |= _listening(f"127.0.0.1:{port}", f"127.0.0.1:{controller_port}", f"127.0.0.1:{port}")
        settings |= SINGLE_NODE
    else:
        broker = f"{member.host}:{port}" if member.is_broker else None
        controller = f"{member.host}:{controller_port}" if member.node_id in member.voters else None
        settings = _node(data, member.node_id, member.voters)
        settings |= _listening(broker, controller, member.advertised or broker) | cluster_settings(member.brokers)
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _node(data: Path, node_id: int, voters: Mapping[int, str]) -> dict[str, str]:
    return {
        "node.id": str(node_id),
        "controller.quorum.voters": ",".join(f"{node}@{voter}" for node, voter in voters.items()),
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
    }


def _listening(broker: str | None, controller: str | None, advertised: str | None) -> dict[str, str]:
    """Return the roles of a node and its address in each role; None: the node does not have the role."""
    settings = {"process.roles": ",".join(["broker"] * bool(broker) + ["controller"] * bool(controller))}
    listeners = [f"PLAINTEXT://{broker}"] * bool(broker) + [f"CONTROLLER://{controller}"] * bool(controller)
    settings["listeners"] = ",".join(listeners)
    if broker:
        settings["advertised.listeners"] = f"PLAINTEXT://{advertised}"
        settings["inter.broker.listener.name"] = "PLAINTEXT"
    return settings
