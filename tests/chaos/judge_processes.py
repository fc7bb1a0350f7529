"""Judges processes: each ended because it was killed, was asked to stop, or could not work because of a disruption."""

import signal
from collections import Counter
from collections.abc import Iterator

from streams.runtime.failure import EXIT_BROKEN
from tests.chaos.absences import overlap
from tests.chaos.kept_process import STOP_SECONDS, Asked, Ended
from tests.chaos.taken import Taken

#: Time after an absence of the broker, or a freeze in its group, in which a process may end by itself (seconds): it
#: cannot be sure of its state then.
_EXCUSED_SECONDS = 20.0


def processes(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield each end of a process that no disruption explains."""
    for end in taken.ends:
        counts["ends of processes by themselves"] += end.asked is None
        fault = _fault(taken, end)
        if fault is not None:
            yield f"{end.process} {fault}"


def _group_of(process: str) -> str:
    """Return the consumer group of a process, or the name of a process without a group."""
    return "worker" if process.startswith("worker") else process.partition("+")[0]


def _fault(taken: Taken, end: Ended) -> str | None:
    match end.asked:
        case Asked.KILL if end.status in (-signal.SIGKILL, 0):
            # Status 0: it was asked to stop before, and ended before the kill.
            return None
        case Asked.FORCED:
            return f"did not end within {STOP_SECONDS:.0f} s and had to be killed"
        case Asked.STOP if end.status == 0:
            took = end.at - end.asked_at - _unable(taken, end)
            return f"took {took:.0f} s to stop" if took > STOP_SECONDS else None
        case Asked.STOP if end.status == -signal.SIGTERM and not end.was_open:
            # It had no signal handler yet.
            return None
        case _ if (end.status == EXIT_BROKEN or (end.status > 0 and not end.was_open)) and _is_excused(taken, end):
            # It could not be sure of its state, or could not start.
            return None
        case Asked.STOP:
            return f"ended when asked to stop with status {end.status}"
        case _:
            return f"ended by itself with status {end.status}"


def _unable(taken: Taken, end: Ended) -> float:
    """Return the seconds after the request to stop in which the process could not work."""
    frozen = [gap for process, gap in taken.frozen if process == end.process]
    return sum(overlap(gaps, end.asked_at, end.at) for gaps in (taken.absences.broker, frozen))


def _is_excused(taken: Taken, end: Ended) -> bool:
    frozen = [gap for process, gap in taken.frozen if _group_of(process) == _group_of(end.process)]
    return any(gone <= end.at <= back + _EXCUSED_SECONDS for gone, back in (*taken.absences.broker, *frozen))
