"""What a process needs around it is said in one line when it is not there."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.settings import Keys


def confide(*arguments: str, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return the exit status and the lines on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode().splitlines()


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    Keys.create(tmp_path / "keys")
    return {
        "KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.mark.parametrize(
    "verb", [("worker",), ("connector", "999", "--agency-url", "http://localhost:1"), ("notifier",)]
)
def test_a_kafka_that_does_not_answer(verb: tuple[str, ...], surroundings: dict[str, str]) -> None:
    assert confide(*verb, environment=surroundings) == (2, ["confide: Kafka at 127.0.0.1:9 does not answer"])


def test_no_kafka_at_all(surroundings: dict[str, str]) -> None:
    del surroundings["KAFKA_BOOTSTRAP"]
    said = "confide: KAFKA_BOOTSTRAP is not set: name the Kafka to use, or run `confide broker start`"
    assert confide("worker", environment=surroundings) == (2, [said])


def test_a_key_that_is_none_is_named_and_not_shown(surroundings: dict[str, str]) -> None:
    (Path(surroundings["CONFIDE_KEYS"]) / "token.key").write_text("secret but no key")
    said = ["confide: key file token.key: is not hexadecimal"]
    surroundings["KAFKA_BOOTSTRAP"] = "127.0.0.1:9"
    assert confide("gateway", "--port", "0", environment=surroundings) == (2, said)


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert [path.name for path in Keys.create(folder)] == [
        "master.key",
        "token.key",
        "service-forum.key",
        "service-text_line.key",
    ]
    first = Keys.load(folder)
    assert Keys.create(folder) == []
    assert Keys.load(folder) == first
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert first.master.hex() not in repr(first)
