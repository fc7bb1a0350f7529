"""Diagnosis of a failed run: the kinds of its faults, the last log entries of the processes, and unread partitions."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kafka.admin import KafkaAdminClient

from services.committed_reader import committed_reader, high_watermarks
from tests.administration import members

#: Ids and numbers, in which faults of one kind differ.
_DIFFERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?")
_LEVELS = ("warning", "error", "critical")
_FACTS = ("lane", "reason", "error", "step", "where")
_MOST_LINES = 15


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


def unread_partitions(bootstrap: str) -> Iterator[str]:
    """Yield each partition with records that its consumer group has not committed yet.

    A commit marker counts as one offset, so a partition that is one offset behind is not yielded.
    """
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        groups = [group["group_id"] for group in admin.list_groups()]
        committed = admin.list_group_offsets(groups) if groups else {}
    sources = [source for offsets in committed.values() for source in offsets]
    ends = high_watermarks(bootstrap, sources)
    consumer = committed_reader(bootstrap)
    try:
        stable = consumer.end_offsets(sources)
    finally:
        consumer.close()
    for group, offsets in committed.items():
        owners = {source: member for member, owned in members(bootstrap, group).items() for source in owned}
        for source, found in offsets.items():
            if ends[source] - found.offset > 1:
                owner = owners.get((source.topic, source.partition), "no member")
                where = f"committed {found.offset}, last stable offset {stable[source]}, end {ends[source]}"
                yield f"{group}, {source.topic}-{source.partition} of {owner}: {where}"


def _entry(line: str) -> dict[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
