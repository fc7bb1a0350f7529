"""What the local broker is told: one node that is broker and controller, on this machine's loopback alone."""

from pathlib import Path

# The largest record of the contract's output and `.rejected` topics, and what a batch and its headers add.
_LARGEST_BATCH = 4 * 2**20 + 256 * 2**10

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


def server_properties(data: Path, port: int, controller_port: int) -> str:
    """The broker's properties file for its data folder and its two ports."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        # Topics come from the catalogue, with their own settings; a typing error must not make one.
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # 50 each unless told, all of them opened at the first transaction and group.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # An open transaction of a killed worker hides what others committed behind it until it is aborted: at most
        # its own time-out (6 s for lanes) and this.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "transaction.max.timeout.ms": 60_000,
        "message.max.bytes": _LARGEST_BATCH,
        "replica.fetch.max.bytes": _LARGEST_BATCH,
        # After a SIGKILL the controller holds the old registration against the new one for as long (9 s unless told).
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # The default asks for a thread a core of a big machine.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16 * 2**20,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
