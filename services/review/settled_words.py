"""Lines that say how a review was settled and what followed; nothing in them identifies the person."""

from collections.abc import Iterator, Sequence

from schemas.agencies import AGENCIES
from schemas.reviews import ReviewSettled
from schemas.vocabulary import DeliveryState, ReviewDecision
from services.review.reading import Followed
from streams.domain.plain_english.wording import listed, time_words

_ACKNOWLEDGED = (DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN)


def settled_words(settled: ReviewSettled) -> Iterator[str]:
    """Yield who settled a review, how, and the parts of the outcome that are not sealed."""
    how = settled.decision.value.replace("_", " ") + ("" if settled.refusal is None else f" ({settled.refusal})")
    yield f"Settled {time_words(settled.settled_at)} by {settler(settled)}: {how}."
    match settled.decision:
        case ReviewDecision.TOLD_BY_PHONE if settled.told_at is not None:
            yield f"The agency was told by phone {time_words(settled.told_at)}; its reference is {settled.reference}."
        case ReviewDecision.ACKNOWLEDGED if settled.reference is not None:
            yield f"The agency acknowledged the report after all; its reference is {settled.reference}."
        case ReviewDecision.ENTERED_AGAIN:
            ids = settled.entered_under
            yield f"It was entered again as disclosure{'' if len(ids) == 1 else 's'} {listed(ids)}."
        case ReviewDecision.ACCEPTED:
            yield "Everything in it was sent again under its id, and accepted."
        case ReviewDecision.NEW_FACTS if settled.facts:
            yield f"Found out: {', '.join(f'{each.path}={_value(each.value)}' for each in settled.facts)}."
        case ReviewDecision.SEND_AGAIN:
            yield f"Report {settled.report_id} was sent again, as sending {settled.generation}."
        case _:
            pass
    if settled.records is not None and settled.records > 1:
        yield f"This covers {settled.records} records."
    if settled.decision_id is not None:
        yield f"Decision {settled.decision_id} followed."


def settler(settled: ReviewSettled) -> str:
    """Return who settled a review: a member of staff with their role, the agency, or the service."""
    if settled.by is None or settled.role is None:
        return "the service" if settled.decision is ReviewDecision.ACCEPTED else "the agency"
    return f"{settled.by} ({settled.role.value})"


def reported_words(reports: Sequence[Followed]) -> Iterator[str]:
    """Yield the state of delivery of each report of a settled review."""
    for report in reports:
        yield f"Report {report.report_id} to {AGENCIES[report.agency].name_for_staff}: {_progress(report)}."


def _progress(report: Followed) -> str:
    reference = f", their reference {report.reference}" if report.reference else ""
    if report.is_stopped and report.state not in _ACKNOWLEDGED:
        return "no attempt follows, staff stopped it"
    if report.state is None:
        return "not taken up yet"
    why = f" ({report.reason.replace('_', ' ')})" if report.reason else ""
    return f"{report.state.value.replace('_', ' ')}{reference}{why}"


def _value(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
