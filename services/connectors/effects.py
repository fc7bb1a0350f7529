"""Work of a connector outside its turns, and the results of it."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.records import Report, ReportSection
from services.connectors.client import AgencyResponse
from services.connectors.composer import CannotCompose
from streams.runtime import Cause


@dataclass(frozen=True, slots=True)
class Compose:
    """Make the request of a report."""

    report: Report

    @property
    def report_id(self) -> str:
        """The report's id."""
        return self.report.report_id


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send a request, for the `number`th time, once it has its slot."""

    report_id: str
    number: int
    request: ReportSection
    cause: Cause
    #: Until the limit of the report, when the attempt began to wait; negative behind it.
    time_left: timedelta
    #: No attempt of this sending was made before.
    is_first: bool = False
    #: The agency may have the report by an earlier attempt.
    is_possible_repeat: bool = False


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """What came of an attempt, and the span it was made in."""

    response: AgencyResponse
    cause: Cause


Effect = Compose | Attempt
Result = ReportSection | CannotCompose | AttemptEnded
