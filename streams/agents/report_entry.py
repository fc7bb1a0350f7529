"""A report that no agency has acknowledged yet, as an entry of DECIDE's state."""

from typing import Any

from pydantic import ValidationError

from schemas.errors import Invalid
from schemas.reports import OpenReport, Report
from streams.agents.decoding import stored
from streams.runtime import Turn

PREFIX = b"p:"


def name_of(report_id: str) -> bytes:
    """Return the key of an open report's entry, which is also the name of its timer."""
    return PREFIX + report_id.encode()


def open_report(turn: Turn, report_id: str) -> OpenReport | None:
    """Return an open report, None if it is not open; raise `Invalid` or `ValidationError` if it cannot be read."""
    value = turn.get(name_of(report_id))
    return None if value is None else stored(OpenReport, value)


def readable(value: bytes | None) -> tuple[OpenReport, Report] | None:
    """Return the open report of an entry's value, with its latest sending; None if it is missing or cannot be read."""
    try:
        return None if value is None else ((entry := stored(OpenReport, value)), report_of(entry))
    except (Invalid, ValidationError):
        return None


def report_of(entry: OpenReport) -> Report:
    """Return the report as it was sent last."""
    return stored(Report, entry.report)


def section_of(turn: Turn, report_id: str) -> dict[str, Any] | None:
    """Return the fields of the first sealed section of an open report, None without one."""
    found = readable(turn.get(name_of(report_id)))
    sections = () if found is None else found[1].sections
    return sections[0].section.model_dump() if sections else None
