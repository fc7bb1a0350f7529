"""The receivers: a webhook on a real server, a real command, and what CONFIDE_ALARM may be."""

import asyncio
import json
import os
import select
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.broker.probe import free_port
from schemas.vocabulary import AlarmKind
from services.alarm.command import CommandAlarm
from services.alarm.console import ConsoleAlarm
from services.alarm.ports import alarm_port
from services.alarm.webhook import WebhookAlarm
from services.settings import SettingsError
from streams.domain.alarm_calls import compose
from streams.domain.alarms import CauseStatus
from tests.alarm_receiver import Receiver, receiving

pytestmark = pytest.mark.long

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
LANE = CauseStatus(cause="lane/x", kind=AlarmKind.LANE, is_raised=True, step=0, since=NOW, facts={"waiting": 3})
CALL = compose([LANE], {}, NOW)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


async def test_a_webhook_gets_the_json_and_the_key(receiver: Receiver) -> None:
    assert await WebhookAlarm(receiver.url).deliver(CALL) is None
    assert receiver.calls == [(CALL.key, json.loads(CALL.body))]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_delivered(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    assert await WebhookAlarm(receiver.url).deliver(CALL) is None


@pytest.mark.parametrize("status", [301, 304, 400, 401, 404, 429, 500, 503])
async def test_any_other_status_is_not(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    assert await WebhookAlarm(receiver.url).deliver(CALL) == f"status_{status}"
    assert len(receiver.calls) == 1  # no redirect is followed


async def test_a_webhook_that_does_not_answer_has_a_time_limit(receiver: Receiver) -> None:
    receiver.held = threading.Event()
    async with asyncio.timeout(10):
        assert await WebhookAlarm(receiver.url, seconds=0.3).deliver(CALL) == "timeout"


async def test_a_webhook_that_is_away() -> None:
    assert await WebhookAlarm(f"http://127.0.0.1:{free_port()}").deliver(CALL) == "no_connection"


def command(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script, *arguments)


async def test_a_command_gets_the_json_and_the_key(tmp_path: Path) -> None:
    script = (
        "import os, sys; open(sys.argv[1], 'w').write(os.environ['IDEMPOTENCY_KEY'] + ' ' + sys.stdin.read());"
        "print('said', file=sys.stderr)"
    )
    assert await CommandAlarm(command(script, str(tmp_path / "call"))).deliver(CALL) is None
    assert (tmp_path / "call").read_text() == f"{CALL.key} {CALL.body}"


async def test_a_command_that_fails_or_does_not_read_is_reported_by_its_status() -> None:
    assert await CommandAlarm(command("raise SystemExit(3)")).deliver(CALL) == "exit_status_3"
    large = CALL.model_copy(update={"body": "x" * 10_000_000})
    assert await CommandAlarm(command("pass")).deliver(large) is None
    assert await CommandAlarm(("/nowhere/at-all",)).deliver(CALL) == "cannot_start"


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        script = 'exec 3> "$0"; echo started >&3; sleep 60 & wait'
        assert await CommandAlarm(("sh", "-c", script, str(fifo)), seconds=1.0).deliver(CALL) == "timeout"
        assert os.read(pipe, 100) == b"started\n"
        # End of file: neither the shell nor its child holds the other end of the pipe any more.
        assert select.select([pipe], [], [], 5.0)[0]
        assert os.read(pipe, 100) == b""
    finally:
        os.close(pipe)


@pytest.mark.parametrize("url", ["https://alarm.example/hook?token=a%27b", "http://127.0.0.1:9/x", "https://a.example"])
def test_a_url_is_a_webhook(url: str) -> None:
    assert isinstance(alarm_port(url), WebhookAlarm)


@pytest.mark.parametrize("line", [f"{sys.executable} -c pass", "sh -c 'cat > \"a file\"'", "sh -c http://x"])
def test_a_command_line_is_a_command(line: str) -> None:
    assert isinstance(alarm_port(line), CommandAlarm)


def test_nothing_is_the_log() -> None:
    assert isinstance(alarm_port(None), ConsoleAlarm)


@pytest.mark.parametrize(
    "setting",
    [
        "https://",
        "http://:80",
        "ftp://alarm.example",
        "https://alarm.example:99999",
        "https://a b",
        "sh 'open",
        " ",
        "no-such-program-anywhere --flag",
        "alarm.example/secret",
    ],
)
def test_a_wrong_setting_names_the_allowed_forms_and_not_its_value(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"must be a URL such as .* or a command line") as raised:
        alarm_port(setting)
    assert "secret" not in str(raised.value)


async def test_the_log_has_one_line_a_call(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ConsoleAlarm().deliver(CALL) is None
    said = caplog.text + "".join(capsys.readouterr())
    assert said.count("lane/x") == 1
