"""`confide` with limits of seconds, for the chaos test: `python -m tests.chaos.program VERB …`."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import schemas.policy
from schemas.policy import Policies
from services.cli import main
from services.json_lines_file import JsonLinesFile
from services.notifier import channels
from services.notifier.channels import ChannelPort, Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notifier import Notifier
from tests.chaos.plan import ATTEMPT_SECONDS, LIMIT_SECONDS, NOTICE_CALLS, TELL_SECONDS
from tests.hurried import hurry


def tell_within(seconds: float) -> None:
    """Set `tell_within` of every version of the policy to that many seconds."""
    load = schemas.policy.load_policies
    sooner = {"tell_within": timedelta(seconds=seconds)}

    def load_policies(path: Path | None = None) -> Policies:
        return Policies(each.model_copy(update=sooner) for each in load(path))

    schemas.policy.load_policies = load_policies


def stamp_notices() -> None:
    """Add the time `at` to each line of the file of notices; a repeated notice is still recognised."""
    digest = channels._digest

    class StampedFile(JsonLinesFile):
        def append(self, fields: Mapping[str, Any]) -> None:
            super().append({**fields, "at": datetime.now(UTC).isoformat()})

    def of_content(fields: Mapping[str, Any]) -> bytes:
        return digest({name: value for name, value in fields.items() if name != "at"})

    channels.JsonLinesFile = StampedFile  # type: ignore[attr-defined]
    channels._digest = of_content


class LoggedChannel:
    """Logs each call with its time, then calls the channel, which drops a notice that it has already.

    `lane` names one opening of a lane of the notifier. A line stays when the process is killed: it is in the system's
    memory then, and needs no sync, which would slow the notifier down.
    """

    def __init__(self, channel: ChannelPort, log: Path, lane: str) -> None:
        self._channel = channel
        self._log = log
        self._lane = lane

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Log the call and make it."""
        called = {
            "notification_id": notice.notification_id,
            "says": notice.says.value,
            "channel": notice.channels[0].value,
            "lane": self._lane,
            "at": datetime.now(UTC).isoformat(),
        }
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # One write for the whole line: a kill leaves all of it or nothing.
            os.write(log, json.dumps(called).encode("ascii") + b"\n")
        finally:
            os.close(log)
        return await self._channel.tell(notice)


def log_calls(log: Path) -> None:
    """Give each opened lane of the notifier a channel that logs its calls: the runtime makes one notifier for each."""
    begin = Notifier.__init__

    def begin_logged(notifier: Notifier, channel: ChannelPort, *arguments: Any, **named: Any) -> None:
        begin(notifier, LoggedChannel(channel, log, str(uuid4())), *arguments, **named)

    Notifier.__init__ = begin_logged  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    hurry(
        LIMIT_SECONDS,
        attempt_timeout=timedelta(seconds=ATTEMPT_SECONDS),
        first_wait=timedelta(seconds=0.2),
        longest_wait=timedelta(seconds=2),
        longest_probe_wait=timedelta(seconds=1),
        longest_wait_after_limit=timedelta(seconds=3),
    )
    tell_within(TELL_SECONDS)
    stamp_notices()
    if "--file" in sys.argv:
        log_calls(Path(sys.argv[sys.argv.index("--file") + 1]).with_name(NOTICE_CALLS))
    sys.argv = ["confide", *sys.argv[1:]]
    main()
