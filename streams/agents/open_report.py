"""A report that is not acknowledged yet, as DECIDE's lane keeps it in its state."""

from typing import Any

from pydantic import ValidationError

from schemas.codec import decode
from schemas.errors import Invalid
from schemas.records import OpenReport, Report
from streams.runtime import Turn

PREFIX = b"p:"


def name_of(report_id: str) -> bytes:
    """Return the key of an open report's entry, and the name of its timer."""
    return PREFIX + report_id.encode()


def opened(stored: bytes) -> OpenReport:
    """Return the open report that an entry holds; raise `Invalid` or `ValidationError` where it holds none."""
    return OpenReport.model_validate(decode(stored, "OpenReport")[1])


def open_report(turn: Turn, report_id: str) -> OpenReport | None:
    """Return an open report, None where it is not open."""
    stored = turn.get(name_of(report_id))
    return None if stored is None else opened(stored)


def readable(stored: bytes | None) -> tuple[OpenReport, Report] | None:
    """Return the open report that an entry holds, with its report as it was sent last; None where it holds none."""
    try:
        return None if stored is None else ((kept := opened(stored)), report_of(kept))
    except (Invalid, ValidationError):
        return None


def report_of(kept: OpenReport) -> Report:
    """Return the report as it was sent last."""
    return Report.model_validate(decode(kept.report, "Report")[1])


def section_of(turn: Turn, report_id: str) -> dict[str, Any] | None:
    """Return the fields of the section that an open report rests on, None where there is none."""
    found = readable(turn.get(name_of(report_id)))
    sections = () if found is None else found[1].sections
    return sections[0].section.model_dump() if sections else None
