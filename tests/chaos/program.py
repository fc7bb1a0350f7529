"""`confide` with limits of seconds, for the chaos test: `python -m tests.chaos.program VERB …`."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemas.policy
from schemas.policy import Policies
from services.cli import main
from services.json_lines_file import JsonLinesFile
from services.notifier import channels
from tests.chaos.plan import ATTEMPT_SECONDS, LIMIT_SECONDS, TELL_SECONDS
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
    sys.argv = ["confide", *sys.argv[1:]]
    main()
