"""One agency as a process: `python -m tests.chaos.agencies …`. A file holds its present behaviour.

    python -m tests.chaos.agencies AGENCY PORT LOG BEHAVIOUR_FILE

The agency `FORGETFUL` does not recognise a report that it has: it accepts each request as a new report.
"""

import asyncio
import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.vocabulary import Agency
from services.cli.ready import ready
from services.http_server import listen, serve
from services.simulated_agencies import AgencyLog, Fault, Faults, create_app
from services.simulated_agencies.log import Attempt, Seen
from tests.chaos.plan import ATTEMPT_SECONDS, FORGETFUL, Behaviour

_UNAVAILABLE, _DENIED = 503, 401
#: Range of the time until a late answer (seconds): some still come within the limit.
_LATE_SECONDS = 0.8 * ATTEMPT_SECONDS, 2.0 * ATTEMPT_SECONDS


def behaviour_of(file: Path) -> Behaviour | None:
    """Return the behaviour in a file, or None without a file or a behaviour in it."""
    with suppress(FileNotFoundError, ValueError):
        return Behaviour(file.read_text())
    return None


class Misbehaving(Faults):
    """The faults of an agency, chosen by its present behaviour."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._chance = random.Random(0)

    def next(self) -> int | Fault | None:
        """Return the fault for the present request, or None."""
        match behaviour_of(self._file):
            case Behaviour.DROPS:
                return Fault.DROP
            case Behaviour.HANGS:
                return Fault.TIMEOUT
            case Behaviour.REFUSES:
                return _UNAVAILABLE
            case Behaviour.DENIES:
                return _DENIED
            case Behaviour.TAKES_SILENTLY:
                return self._chance.choice((Fault.DROP_AFTER_ACCEPT, Fault.TIMEOUT_AFTER_ACCEPT))
            case _:
                return None


class LateAnswers:
    """The application of an agency; its answers are delayed while its behaviour is `ANSWERS_LATE`."""

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self._app = app
        self._file = file
        self._chance = random.Random(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            if message["type"] == "http.response.start" and behaviour_of(self._file) is Behaviour.ANSWERS_LATE:
                await asyncio.sleep(self._chance.uniform(*_LATE_SECONDS))
            await send(message)

        await self._app(scope, receive, late)


class ForgetfulLog(AgencyLog):
    """A log that accepts a report again that it has already."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._times: Counter[str] = Counter()

    def reference_of(self, agency: str, report_id: str) -> str:
        """Return another reference each time: the agency answers twice, and differently."""
        self._times[report_id] += 1
        return f"{super().reference_of(agency, report_id)}-{self._times[report_id]}"

    def _judge(self, attempt: Attempt, refuse: bool) -> Seen:
        seen = super()._judge(attempt, refuse)
        return Seen.ACCEPTED if seen in (Seen.REPEAT, Seen.CONFLICT) else seen


def main(agency: Agency, port: int, path: Path, behaviour: Path) -> None:
    """Serve until SIGTERM."""
    log = (ForgetfulLog if agency is FORGETFUL else AgencyLog)(path)
    try:
        with listen("127.0.0.1", port) as bound:
            app = LateAnswers(create_app(agency, log, Misbehaving(behaviour)), behaviour)
            asyncio.run(serve([(app, bound)], ready(f"agency {agency}")))
    finally:
        log.close()


if __name__ == "__main__":
    main(Agency(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
