"""What a failed run prints besides its faults: how many faults are alike, and what the processes logged."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

#: Ids and numbers, in which faults of one kind differ.
_DIFFERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?")
_LEVELS = ("warning", "error", "critical")
_FACTS = ("lane", "reason", "error", "step", "where")
_MOST_LINES = 25


def kinds(faults: Sequence[str]) -> Iterator[str]:
    """Yield each kind of fault with its number, the most frequent first."""
    for kind, many in Counter(_DIFFERS.sub("N", fault) for fault in faults).most_common():
        yield f"{many} x {kind}"


def logged_problems(logs: Path) -> Iterator[str]:
    """Yield the warnings and errors of our own loggers, each with its number and the time of the last one."""
    found: Counter[str] = Counter()
    last: dict[str, str] = {}
    for file in sorted(logs.glob("*.log")):
        for line in file.read_text(errors="replace").splitlines():
            entry = _entry(line)
            if entry.get("level") in _LEVELS and str(entry.get("logger", "")).startswith(("confide", "streams")):
                facts = " ".join(f"{name}={entry[name]}" for name in _FACTS if entry.get(name))
                text = f"{file.stem} {entry['level']}: {entry.get('event')} {facts}".rstrip()
                found[text] += 1
                last[text] = str(entry.get("timestamp"))
    for text in sorted(found, key=lambda text: last[text])[-_MOST_LINES:]:
        yield f"{last[text]} {found[text]} x {text}"


def _entry(line: str) -> dict[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
