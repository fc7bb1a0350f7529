"""What the local broker is told: one node that is broker and controller, on this machine's loopback alone."""

from collections.abc import Mapping
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
# Says when the broker is ready.
logger.ready.name=kafka.server.KafkaRaftServer
logger.ready.level=INFO
"""
READY = "Kafka Server started"

#: The broker's limit for transactions, and how long one may stay open (milliseconds): a stranger's open transaction
#: hides from our readers what was committed behind it, an emergency too. Our lanes ask for 6 s.
MAX_TRANSACTION = "transaction.max.timeout.ms"
MAX_TRANSACTION_MS = 10_000

#: What any single broker of Confide is told, in a container too.
SINGLE_NODE: Mapping[str, str] = MappingProxyType(
    {
        # Topics come from the catalogue, with their own settings; a typing error must not make one.
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # 50 each unless told, all of them opened at the first transaction and group.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        # An open transaction of a killed worker hides what others committed behind it until it is aborted: at most
        # its own time-out (6 s for lanes) and this. A writer that asks for longer than 10 s is refused.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        MAX_TRANSACTION: str(MAX_TRANSACTION_MS),
        "message.max.bytes": str(MAX_BATCH_BYTES),
        "replica.fetch.max.bytes": str(MAX_BATCH_BYTES),
        # After a SIGKILL the controller holds the old registration against the new one for as long (9 s unless told).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The default asks for a thread a core of a big machine, and 128 MiB for the cleaner.
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    }
)


def server_properties(data: Path, port: int, controller_port: int) -> str:
    """The broker's properties file for its data folder and its two ports."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        **SINGLE_NODE,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
