"""Progress of one report: its state, its last attempt and the time of the next.

Whether an attempt is under way follows from `attempt` and `retry_at`:

| attempt | retry_at | meaning |
|---|---|---|
| 0 | none | before the first attempt: the request is being composed, or the attempt waits for its slot |
| n | set | attempt n failed, or the report was sent again: the next attempt waits for its time, then for its slot |
| n | none | attempt n is under way |
"""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas.vocabulary import DeliveryState
from streams.runtime import Origin


class ReportProgress(BaseModel):
    """Progress of one report that is not finished."""

    # An entry of an earlier version may have more fields.
    model_config = ConfigDict(frozen=True, extra="ignore")

    #: Queued, sent, or failed. Failed means: a human has it, and it is tried on or an attempt is under way.
    state: DeliveryState
    #: Number of the last attempt, 0 before the first.
    attempt: int
    traceparent: str | None
    #: Time of the next attempt, as its timer has it; None before the first attempt and while one is under way.
    retry_at: AwareDatetime | None = None
    #: Why the last attempt failed, as a code of ours.
    reason: str | None = None
    #: Start of the limit: when the broker stamped the report's record. The clock of its writer may be wrong.
    counted_from: AwareDatetime
    #: Number of this sending of the report.
    generation: int = 1
    #: Staff, or the end of the time limit, ended the attempts. An attempt that was under way may still be answered.
    is_stopped: bool = False
    #: The outcome of an earlier attempt is unknown, so the agency may have the report: the next may be a repeat.
    has_unknown_attempt: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt has begun and its outcome is not known."""
        return self.attempt > 0 and self.retry_at is None

    @property
    def may_have_reached(self) -> bool:
        """Whether the agency may have the report: the outcome of an attempt is not known."""
        return self.has_unknown_attempt or self.is_under_way

    @property
    def is_handed_over(self) -> bool:
        """Whether a human has the report already."""
        return self.state is DeliveryState.FAILED

    @property
    def origin(self) -> Origin:
        """The trace context of the record that brought the report."""
        return Origin(None if self.traceparent is None else self.traceparent.encode("ascii"))

    def following(self, before: "ReportProgress", now: datetime) -> "ReportProgress":
        """Return this progress for a report that is sent again while an earlier sending is pending.

        The numbers of the attempts go on. An attempt that is under way counts for this sending too; without one, the
        next attempt is due now.
        """
        state = DeliveryState.SENT if before.is_under_way else DeliveryState.QUEUED
        retry_at = now if before.attempt > 0 and not before.is_under_way else None
        return self.model_copy(
            update={
                "attempt": before.attempt,
                "state": state,
                "retry_at": retry_at,
                "has_unknown_attempt": before.may_have_reached,
            }
        )

    @classmethod
    def queued(cls, origin: Origin, counted_from: datetime, generation: int = 1) -> "ReportProgress":
        """Return the progress of a report that has just arrived."""
        header = origin.traceparent
        traceparent = None if header is None else header.decode("ascii", "replace")
        return cls(
            state=DeliveryState.QUEUED,
            attempt=0,
            traceparent=traceparent,
            counted_from=counted_from,
            generation=generation,
        )
