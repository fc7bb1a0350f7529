"""The local broker's life: started, killed, started again with its data; stopped without a trace."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError
from typer.testing import CliRunner

from infra.broker import KAFKA_VERSION, BrokerDied, LocalBroker, answers, find_bootstrap
from infra.broker.probe import free_port
from infra.topics import apply
from schemas.topics import Topic
from services.cli import broker as cli

pytestmark = [pytest.mark.integration, pytest.mark.faults]

TOPIC = Topic("test.broker-life.v1", 1, {"max.message.bytes": str(4 * 2**20 + 1000)})
CLI = "from services.cli import broker; broker.broker()"


def write(bootstrap: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=5 * 2**20)
    try:
        producer.send(TOPIC.name, value).get(30)
    finally:
        producer.close()


def read(bootstrap: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    try:
        consumer.assign([TopicPartition(TOPIC.name, 0)])
        return [record.value for record in islice(consumer, count)]
    finally:
        consumer.close()


def test_a_port_that_is_taken_after_it_was_chosen_is_replaced_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        choices = chain([taken], iter(free_port, None))
        monkeypatch.setattr("infra.broker.local.free_port", lambda _: next(choices))
        with LocalBroker(tmp_path) as broker:
            assert broker.bootstrap != f"127.0.0.1:{taken}"
            assert answers(broker.bootstrap)


@pytest.mark.faults
def test_a_killed_broker_starts_again_where_it_was_with_its_data(own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    first_pid, address = broker.pid, broker.bootstrap
    apply(address, 1, catalogue={TOPIC.name: TOPIC})
    write(address, b"before")
    os.kill(first_pid or 0, signal.SIGKILL)
    broker.kill()
    assert not answers(address)
    # A new object over the same folder, as a new process would make it.
    with LocalBroker(broker.folder) as again:
        assert again.bootstrap == address
        assert again.pid != first_pid
        write(address, b"after")
        assert read(address, 2) == [b"before", b"after"]
    assert again.pid is None


def test_a_record_of_four_mebibytes_fits(own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 1, catalogue={TOPIC.name: TOPIC})
    large = os.urandom(4 * 2**20)
    write(broker.bootstrap, large)
    assert read(broker.bootstrap, 1) == [large]


def test_a_topic_that_was_not_declared_is_not_made(own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=500)
    try:
        with pytest.raises(KafkaTimeoutError):
            producer.send("test.nobody-declared-this", b"").get(5)
    finally:
        producer.close()
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        assert admin.list_topics() == []


def test_the_last_words_of_a_broker_that_dies_are_quoted(own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    broker.stop()
    (broker.folder / "data" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=77\n")
    with pytest.raises(BrokerDied, match=r"ended with \d+ while starting.*77") as problem:
        broker.start()
    assert "\n" not in str(problem.value)
    assert broker.pid is None


def test_it_dies_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from infra.broker import LocalBroker\n"
        "broker = LocalBroker(Path(sys.argv[1])).start(); print(broker.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    broker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    parent.stdin.close()
    psutil.wait_procs([broker], timeout=10)
    assert not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE


def test_start_survives_its_command_and_stop_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)

    def confide(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CLI, *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    try:
        started = confide("start")
        assert started.returncode == 0, started.stderr
        assert started.stdout.startswith("started: 127.0.0.1:")
        assert confide("start").stdout == started.stdout.replace("started", "already running", 1)
        status = confide("status")
        assert status.returncode == 0
        assert started.stdout.endswith(status.stdout)
        address, pid, version, folder = status.stdout.split()
        assert find_bootstrap() == address
        assert version == f"kafka={KAFKA_VERSION}"
        assert Path(folder.removeprefix("folder=")).is_relative_to(tmp_path)

        broker = psutil.Process(int(pid.removeprefix("pid=")))
        broker.kill()
        psutil.wait_procs([broker], timeout=10)
        assert find_bootstrap() is None
        assert confide("status").returncode == cli.NOT_RUNNING
        again = confide("start")
        assert again.stdout.startswith(f"started: {address} "), again.stderr
        broker = psutil.Process(int(again.stdout.split()[2].removeprefix("pid=")))
    finally:
        stopped = CliRunner().invoke(cli.broker, ["stop"])
    assert stopped.stdout.startswith("stopped: ")
    assert not broker.is_running()
    assert not answers(address)
