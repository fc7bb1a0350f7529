"""Effects of a connector, which run outside its turns, and their results."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.reports import Report, ReportSection
from services.connectors.client import AgencyResponse
from services.connectors.composer import CannotCompose
from streams.runtime import Origin


@dataclass(frozen=True, slots=True)
class Compose:
    """Effect: make the request of a report."""

    report: Report

    @property
    def report_id(self) -> str:
        """The report's id."""
        return self.report.report_id


@dataclass(frozen=True, slots=True)
class Attempt:
    """Effect: send a request as attempt `number`, when it has its slot."""

    report_id: str
    number: int
    request: ReportSection
    origin: Origin
    #: Time until the limit of the report when the attempt began to wait; negative after the limit.
    time_left: timedelta
    #: No attempt of this sending was made before.
    is_first: bool = False
    #: The agency may have the report by an earlier attempt.
    is_possible_repeat: bool = False


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """How an attempt ended, and the span in which it was made."""

    response: AgencyResponse
    origin: Origin


Effect = Compose | Attempt
Result = ReportSection | CannotCompose | AttemptEnded
