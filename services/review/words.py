"""Reviews as they are read: a line in the list, fields as JSON, and the whole of one with its clauses' words."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from schemas.errors import Unreadable
from schemas.policy import Policies, Policy
from schemas.records import (
    Decision,
    Finding,
    ReviewRequested,
    SealedComment,
    SealedDetails,
    Undelivered,
    UrgentRejected,
)
from schemas.review_table import REVIEW_TABLE, OutcomeField, Settling
from schemas.reviews import ReviewSettled
from schemas.vocabulary import Agency, ClauseState, ReviewDecision
from services.review.book import Known
from services.review.reading import Followed
from streams.domain.policy.explanation import asked_words
from streams.domain.policy.wording import (
    AGENCIES,
    REASONS,
    agency_words,
    fact_words,
    filled,
    listed,
    state_words,
    time_words,
)

_COLUMNS = ("REVIEW", "REASON", "PROPOSED", "DEADLINE (UTC)", "OVERDUE", "ASKED NOW", "ESCALATED", "ASKS")
_HEADINGS = ((ClauseState.HOLDS, "What applies"), (ClauseState.OPEN, "What is still open"))
_SETTLE_REJECTED = "Look at what came, have its service correct it and send it again under a new id."
#: The option of `confide review decide` that says a decision.
OPTIONS: Mapping[ReviewDecision, str] = MappingProxyType(
    {
        ReviewDecision.CONFIRM: "--confirm",
        ReviewDecision.REFUSE: "--refuse",
        ReviewDecision.NEW_FACTS: "--fact",
        ReviewDecision.NOT_REACHED: "--not-reached-until",
        ReviewDecision.ENTERED_AGAIN: "--entered-again",
        ReviewDecision.NOTHING_IN_IT: "--nothing-in-it",
        ReviewDecision.TOLD_BY_PHONE: "--told-by-phone",
        ReviewDecision.SEND_AGAIN: "--send-again",
        ReviewDecision.WITHDRAWN: "--withdraw",
    }
)
_FIELDS: Mapping[OutcomeField, tuple[str, ...]] = MappingProxyType(
    {
        "facts": ("PATH=VALUE",),
        "agencies": ("--agency AGENCY",),
        "ask_again_at": ("TIME",),
        "entered_as": ("ID",),
        "told_at": ("WHO", "--at TIME"),
        "reference": ("--reference REFERENCE",),
    }
)


def fields_of(known: Known, now: datetime) -> dict[str, Any]:
    """Return what is known of a review without its section, as JSON fields."""
    said = known.latest.model_dump(mode="json", exclude={"section"})
    settled, left_out = known.settled, {"review_id", "person", "section"}
    return {
        **said,
        "first_deadline": known.first.deadline.isoformat().replace("+00:00", "Z"),
        "overdue_seconds": round(known.overdue(now).total_seconds()),
        "settled": None if settled is None else settled.model_dump(mode="json", exclude=left_out),
    }


def table(reviews: Sequence[Known], now: datetime) -> Iterator[str]:
    """Yield the lines of the list, the review that was due first first."""
    rows = [_COLUMNS, *(_row(known, now) for known in reviews)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def described(known: Known, decision: Decision | None, policies: Policies, now: datetime) -> Iterator[str]:
    """Yield what is asked of whom and why; nothing in these lines identifies the person."""
    request = known.latest
    yield f"Review {request.review_id}: {REASONS[request.reason]}"
    yield f"Asked {time_words(request.requested_at)}, due {time_words(known.first.deadline)}{_late(known, now)}."
    if (settled := known.settled) is not None:
        yield from _settled(settled)
    else:
        yield f"{request.on_duty} is asked until {time_words(request.deadline)}, then the next on duty."
    if request.rejected is not None:
        yield from _of_rejected(request.rejected)
    elif request.undelivered is not None:
        yield from _of_undelivered(request.undelivered)
    else:
        yield from _of_disclosure(request)
    if decision is not None:
        yield from _clauses(decision, _version(policies, decision))


def ways_to_settle(known: Known) -> Iterator[str]:
    """Yield how a review may be settled: what each way does, and how it is said."""
    if known.settled is not None:
        return
    yield ""
    yield f"confide review decide {known.latest.review_id} --as YOU"
    for way in REVIEW_TABLE[known.latest.reason].settlings:
        yield f"  {option_words(way)}"
        yield f"    {way.words}"
    yield '  Each may have --comment "…", which is sealed.'


def option_words(way: Settling) -> str:
    """Return the options that say one way to settle a review."""
    words = [OPTIONS[way.decision]]
    if way.refusals:
        words[0] += f" {'|'.join(way.refusals)}"
    for field in way.needs:
        words += _FIELDS.get(field, ())
    for field in way.may_have:
        words += [f"[{word}]" for word in _FIELDS.get(field, ())]
    return " ".join(words)


def _settled(settled: ReviewSettled) -> Iterator[str]:
    how = settled.decision.value.replace("_", " ") + ("" if settled.refusal is None else f" ({settled.refusal})")
    by = "the agency" if settled.by is None or settled.role is None else f"{settled.by} ({settled.role.value})"
    yield f"Settled {time_words(settled.settled_at)} by {by}: {how}."
    if settled.told_at is not None:
        yield f"The agency was told by phone {time_words(settled.told_at)}; its reference is {settled.reference}."
    if settled.entered_as is not None:
        yield f"It was entered again as disclosure {settled.entered_as}."
    if settled.decision_id is not None:
        yield f"Decision {settled.decision_id} followed."
    if settled.generation is not None:
        yield f"Report {settled.report_id} was sent again, for the {_ordinal(settled.generation)} time."


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _of_undelivered(about: Undelivered) -> Iterator[str]:
    to = AGENCIES[about.agency]
    sent = "" if about.generation == 1 else f", sent for the {_ordinal(about.generation)} time"
    when = "" if about.reported_at is None else f" of {time_words(about.reported_at)}"
    yield f"Report {about.report_id}{when} to {to}{sent}: {about.failure.replace('_', ' ')}."
    if about.clauses:
        yield f"It rests on {listed(about.clauses)}."
    if about.agency is Agency.EMERGENCY_999:
        yield "It is still tried. Do not wait for that: call 999 yourself, then say so here."


def _of_disclosure(request: ReviewRequested) -> Iterator[str]:
    if request.proposed is not None:
        whom = (
            f", to {agency_words(request.agencies)}" if request.agencies else ", and nobody who could be told is known"
        )
        yield f"Proposed: {request.proposed.value}{whom}."
    elif request.agencies:
        yield f"Told already: {agency_words(request.agencies)}."
    if request.asks:
        yield ""
        yield "What is missing:"
        yield from (f"  {asked_words(path)}: --fact {path}=…" for path in request.asks)


def reported(reports: Sequence[Followed]) -> Iterator[str]:
    """Yield what came of settling a review: each report, and how far it is at its agency."""
    for report in reports:
        how = "not taken up yet" if report.state is None else report.state.value.replace("_", " ")
        reference = f", their reference {report.reference}" if report.reference else ""
        why = f" ({report.reason.replace('_', ' ')})" if report.reason else ""
        yield f"Report {report.report_id} to {AGENCIES[report.agency]}: {how}{reference}{why}."


def commented(comment: SealedComment) -> Iterator[str]:
    """Yield what staff said beside the outcome. For staff's eyes alone."""
    if comment.who is not None:
        yield f"Who was told: {comment.who}"
    if comment.comment is not None:
        yield f"Comment: {comment.comment}"


def disclosed(details: SealedDetails) -> Iterator[str]:
    """Yield what was sealed: whom it is about and the assessor's words. For staff's eyes alone."""
    yield "Who and where:"
    place = details.location.model_dump(exclude_none=True)
    said: dict[str, Any] = {
        **details.model_dump(mode="json", include={"account", "phone", "email", "date_of_birth", "reference"}),
        "location": ", ".join(f"{name} {part}" for name, part in place.items()),
        "professionals": "; ".join(
            ", ".join(one.model_dump(mode="json", exclude_none=True).values()) for one in details.professionals
        ),
    }
    yield from (f"  {field.replace('_', ' ')}: {value}" for field, value in said.items() if value)
    yield ""
    yield "The assessor's words:"
    yield f"  {details.summary or 'none'}"


def as_it_came(value: bytes | None, length: int | None = None) -> Iterator[str]:
    """Yield a rejected record as text, whatever it is. For staff's eyes alone.

    Where `value` is only the first part, `length` is that of the whole in bytes.
    """
    from schemas.codec import decode

    yield ""
    if value is None:
        yield "The record itself is no longer kept."
        return
    if length is None:
        yield "The record as it came:"
    else:
        yield f"Only the first {len(value):,} bytes of {length:,} are kept, as they came:"
    try:
        yield f"  {decode(value, 'Disclosure')[1]}"
    except Unreadable:
        # What a terminal would obey is shown, not done.
        text = value.decode("utf-8", "replace")
        yield f"  {''.join(each if each.isprintable() else repr(each)[1:-1] for each in text)}"


def _row(known: Known, now: datetime) -> tuple[str, ...]:
    request = known.latest
    return (
        request.review_id,
        request.reason.value,
        "-" if request.proposed is None else request.proposed.value,
        f"{known.first.deadline:%Y-%m-%d %H:%M}",
        _length(known.overdue(now)) or "-",
        f"settled by {known.settled.by or 'the agency'}" if known.settled else request.on_duty or "-",
        str(request.escalation),
        ", ".join(request.asks) or "-",
    )


def _late(known: Known, now: datetime) -> str:
    late = _length(known.overdue(now))
    times = known.latest.escalation
    escalated = f"escalated {times} time{'' if times == 1 else 's'}" if times else ""
    return f" ({listed(part for part in (late and f'overdue by {late}', escalated) if part)})" if late or times else ""


def _length(late: timedelta) -> str:
    minutes = int(late.total_seconds() // 60)
    if minutes < 1:
        return "under a minute" if late else ""
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _of_rejected(about: UrgentRejected) -> Iterator[str]:
    yield f"Rejected: {about.reason}"
    yield f"It lies in {about.topic}.rejected, partition {about.partition} (offset {about.offset} of {about.topic})."
    yield _SETTLE_REJECTED


def _clauses(decision: Decision, policy: Policy) -> Iterator[str]:
    for state, heading in _HEADINGS:
        found = [finding for finding in decision.clauses if finding.state is state]
        if found:
            yield ""
            yield f"{heading} (policy {policy.version}):"
        for finding in found:
            yield from _clause(finding, policy)


def _clause(finding: Finding, policy: Policy) -> Iterator[str]:
    words = policy.words_of(finding.id)
    yield f"  {finding.id} {state_words(finding.id, finding.state)}. {filled(words.text, policy)}"
    if because := [fact_words(name, value) for name, value in finding.facts.items()]:
        yield f"    Because {listed(because)}."
    yield f"    What to look for: {filled(words.staff, policy)}"


def _version(policies: Policies, decision: Decision) -> Policy:
    try:
        return policies.named(decision.policy_version)
    except LookupError:
        # A version that is gone from the files; today's words are near enough to go by.
        return policies.latest
