"""The plan of a worker of simple agents: its settings, and the files that control it while it runs."""

import time
from dataclasses import dataclass
from pathlib import Path

from streams.runtime import BrokerAgrees, BrokerAhead, ClockAgrees, ClockStepped, LaneEvent
from streams.runtime.steps import Step


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a worker; files in `folder` control it while it runs."""

    application: str
    bootstrap: str
    folder: str
    output: str
    #: Name, sources in order of urgency, changelog, and `count` or `effects`.
    groups: tuple[tuple[str, tuple[str, ...], str, str], ...]
    #: Shortest time that a counting lane takes for each record (seconds).
    record_seconds: float = 0.0
    #: A topic that a follower copies in the background; it fails on a value marked `follow`.
    follow: str | None = None
    instance: str | None = None
    #: The step and the count of its passings, over all lanes, at which the process kills itself; it notes that first.
    kill: tuple[Step, int] | None = None
    #: Lanes that refused and now begin where their logs do.
    accepted: tuple[str, ...] = ()
    #: Longest call into an agent (seconds).
    stuck_seconds: float = 30.0

    def says(self, name: str) -> bool:
        """Return whether a file of that name lies in the folder."""
        return (Path(self.folder) / name).exists()

    def wall(self) -> float:
        """Return the time of the machine's wall clock, in seconds since 1970."""
        file = Path(self.folder) / "clock"
        return time.time() + (float(file.read_text()) if file.exists() else 0.0)

    def hear(self, event: LaneEvent) -> None:
        """Write an event of the process's clock to the file `clock-events`."""
        if isinstance(event, ClockStepped | ClockAgrees | BrokerAhead | BrokerAgrees):
            self.note("clock-events", type(event).__name__)

    def note(self, name: str, line: str) -> None:
        """Append a line to a file of the folder."""
        with (Path(self.folder) / name).open("a") as file:
            file.write(f"{line}\n")

    def fail(self, place: str, word: str) -> None:
        """Raise an error that quotes the word, as code does that meets an unexpected value."""
        if word.startswith(f"{place}:") and not self.says("mended"):
            raise KeyError(word)
        if word.startswith(f"{place}-once:") and not self.says("raised"):
            self.note("raised", word)
            raise KeyError(word)
