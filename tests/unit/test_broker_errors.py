"""Every failure of a broker's start is one line with the reason and the remedy."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from infra.broker import (
    BrokerDied,
    BrokerUnreachable,
    DiskFull,
    JarMismatch,
    JarsUnavailable,
    LocalBroker,
    PortTaken,
    StaleFolder,
    answers,
    die_with_parent,
    find_bootstrap,
    jars,
    local,
)
from infra.broker.probe import free_port, port_free
from services.cli import broker as cli


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def wrong_repository() -> Iterator[str]:
    """A Maven repository that returns wrong bytes for every jar."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"not the jar you are looking for"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_script_that_starts_java_is_there() -> None:
    """A path in a string is not found by a rename: without the script no broker starts."""
    assert local._DIE_WITH_PARENT.samefile(die_with_parent.__file__)


def assert_one_line(problem: BaseException) -> None:
    assert "\n" not in str(problem)


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken_port} is taken") as problem:
        LocalBroker(tmp_path, port=taken_port).start()
    assert_one_line(problem.value)


def test_the_command_prints_it_and_ends_with_1(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(local, "class_path", lambda: "never run")
    result = CliRunner().invoke(cli.broker, ["start", "--port", str(taken_port)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"confide: port {taken_port} is taken")


def test_a_folder_of_another_kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "class_path", lambda: "never run")
    (tmp_path / "data").mkdir()
    (tmp_path / "confide-broker.json").write_text(json.dumps({"kafka": "3.9.1", "port": 1, "controller_port": 2}))
    with pytest.raises(StaleFolder, match=r"holds data of Kafka 3\.9\.1, this is Kafka 4") as problem:
        LocalBroker(tmp_path).start()
    assert_one_line(problem.value)


@pytest.mark.parametrize("stamp", [None, "{", "[]"])
def test_a_folder_of_something_else(tmp_path: Path, stamp: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "class_path", lambda: "never run")
    (tmp_path / "data").mkdir()
    if stamp is not None:
        (tmp_path / "confide-broker.json").write_text(stamp)
    with pytest.raises(StaleFolder) as problem:
        LocalBroker(tmp_path).start()
    assert_one_line(problem.value)
    assert not (tmp_path / "server.properties").exists()


def test_a_disk_with_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "class_path", lambda: "never run")
    monkeypatch.setattr(local, "_NEEDED", 2**60)
    with pytest.raises(DiskFull, match=r"has \d+ MiB left and a broker needs") as problem:
        LocalBroker(tmp_path).start()
    assert_one_line(problem.value)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("java.io.IOException: No space left on device\n\tat java.base/x\n", DiskFull),
        ("Error: Could not find or load main class kafka.Kafka\n", BrokerDied),
    ],
)
def test_the_last_words_of_the_jvm_are_the_reason(tmp_path: Path, said: str, kind: type[Exception]) -> None:
    problem = LocalBroker(tmp_path)._death("ended with 1 while starting", said)
    assert type(problem) is kind
    assert_one_line(problem)
    if kind is BrokerDied:
        assert "Could not find or load main class" in str(problem)


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(JarsUnavailable, match="connect to the network once") as problem:
        jars.class_path(tmp_path / "kafka", repository=f"http://127.0.0.1:{free_port()}")
    assert_one_line(problem.value)
    assert list((tmp_path / "kafka").iterdir()) == []


def test_a_jar_that_is_not_the_pinned_one_is_not_used(tmp_path: Path, wrong_repository: str) -> None:
    with pytest.raises(JarMismatch, match="is pinned; it was not used") as problem:
        jars.class_path(tmp_path / "kafka", repository=wrong_repository)
    assert_one_line(problem.value)
    assert list((tmp_path / "kafka").iterdir()) == []


def test_every_pin_is_a_whole_digest_of_a_released_version() -> None:
    pins = jars.pinned()
    assert {jar.version for jar in pins if jar.group == "org.apache.kafka"} == {jars.KAFKA_VERSION}
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in pins)
    assert len({jar.filename for jar in pins}) == len(pins)


def test_a_named_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnreachable, match="no Kafka answers at KAFKA_BOOTSTRAP=") as problem:
        find_bootstrap()
    assert_one_line(problem.value)


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", ":9092"])
def test_an_address_that_is_none_does_not_answer(address: str) -> None:
    assert not answers(address, 0.2)


def test_something_that_listens_but_is_no_kafka_does_not_answer(taken_port: int) -> None:
    assert not answers(f"127.0.0.1:{taken_port}", 0.2)


def test_nothing_is_found_where_nothing_was_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert find_bootstrap() is None
    result = CliRunner().invoke(cli.broker, ["status"])
    assert result.exit_code == cli.NOT_RUNNING
    assert CliRunner().invoke(cli.broker, ["stop"]).stdout == "no broker was running\n"


def test_a_free_port_is_free_and_not_one_that_outgoing_connections_take(taken_port: int) -> None:
    assert not port_free(taken_port)
    port = free_port()
    assert port_free(port)
    assert port < 32_768
