"""A report that no agency has acknowledged yet, as an entry of DECIDE's state."""

from typing import Any

from pydantic import ValidationError

from schemas.errors import Invalid
from schemas.records import OpenReport, Report
from streams.agents.reading import stored
from streams.runtime import Turn

PREFIX = b"p:"


def name_of(report_id: str) -> bytes:
    """Return the key of an open report's entry, which is also the name of its timer."""
    return PREFIX + report_id.encode()


def open_report(turn: Turn, report_id: str) -> OpenReport | None:
    """Return an open report, None if it is not open; raise `Invalid` or `ValidationError` if it cannot be read."""
    entry = turn.get(name_of(report_id))
    return None if entry is None else stored(OpenReport, entry)


def readable(entry: bytes | None) -> tuple[OpenReport, Report] | None:
    """Return the open report of an entry, with its latest sending; None without an entry that can be read."""
    try:
        return None if entry is None else ((kept := stored(OpenReport, entry)), report_of(kept))
    except (Invalid, ValidationError):
        return None


def report_of(kept: OpenReport) -> Report:
    """Return the report as it was sent last."""
    return stored(Report, kept.report)


def section_of(turn: Turn, report_id: str) -> dict[str, Any] | None:
    """Return the fields of the first sealed section of an open report, None without one."""
    found = readable(turn.get(name_of(report_id)))
    sections = () if found is None else found[1].sections
    return sections[0].section.model_dump() if sections else None
