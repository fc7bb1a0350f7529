"""A real Kafka for the tests: the one that is named, one in a container, or a native one of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.broker import LocalBroker, answers
from infra.broker.configuration import READY, SINGLE_NODE
from infra.broker.probe import free_port
from infra.topics import apply

IMAGE = "apache/kafka:4.2.2"
PARTITIONS = 4


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a broker with every topic of the catalogue; KAFKA_BOOTSTRAP and BROKER say which broker."""
    if named := os.environ.get("KAFKA_BOOTSTRAP"):
        if not answers(named):
            raise RuntimeError(f"no Kafka answers at KAFKA_BOOTSTRAP={named}")
        apply(named, PARTITIONS)
        yield named
        return
    match os.environ.get("BROKER", "native"):
        case "native":
            with LocalBroker(folder) as broker:
                apply(broker.bootstrap, PARTITIONS)
                yield broker.bootstrap
        case "container":
            with _container() as bootstrap:
                apply(bootstrap, PARTITIONS)
                yield bootstrap
        case other:
            raise RuntimeError(f"BROKER is native or container, not {other}")


@contextmanager
def _container() -> Iterator[str]:
    import docker.errors
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    # The client address has to be in the broker's settings before it starts, so the port is chosen here.
    port = free_port()
    try:
        container = DockerContainer(IMAGE)
    except docker.errors.DockerException as problem:
        raise RuntimeError("BROKER=container needs a container engine that answers; use BROKER=native") from problem
    container.with_bind_ports(9092, port)
    container.with_envs(**_settings(container.get_container_host_ip(), port))
    container.waiting_for(LogMessageWaitStrategy(READY).with_startup_timeout(120))
    with container:
        yield f"{container.get_container_host_ip()}:{port}"


def _settings(host: str, port: int) -> dict[str, str]:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **SINGLE_NODE,
    }
    return {"KAFKA_" + name.replace(".", "_").upper(): value for name, value in settings.items()}
