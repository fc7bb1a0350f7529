"""Reviews as text: a line in the list, fields as JSON, and a full description with the words of its clauses."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from schemas.agencies import AGENCIES
from schemas.policy import Policies, Policy
from schemas.records import Decision, Finding, ReviewRequested, Undelivered, UrgentRejected
from schemas.vocabulary import Agency, ClauseState, ReviewDecision
from services.review.options import agency_choice, option_words, settlings
from services.review.reading import Followed
from services.review.review_index import Known
from services.review.settled_words import reported_words, settled_words, settler
from streams.domain.delivery import RETRY_POLICIES, is_tried_on
from streams.domain.plain_english.explanation import asked_words
from streams.domain.plain_english.wording import (
    REASONS,
    agency_words,
    fact_words,
    filled,
    length_words,
    listed,
    state_words,
    time_words,
)

_COLUMNS = ("REVIEW", "REASON", "PROPOSED", "DEADLINE (UTC)", "OVERDUE", "ASKED NOW", "ESCALATED", "ASKS")
_HEADINGS = ((ClauseState.HOLDS, "What applies"), (ClauseState.OPEN, "What is still open"))
_SETTLE_REJECTED = "Look at what came, and have its service correct it and send it again under its own id."
_SETTLE_CONFLICT = "Look at what came, and have its service send it again under a new id."


def fields_of(known: Known, now: datetime) -> dict[str, Any]:
    """Return a review as JSON fields, without its sealed section."""
    fields = known.latest.model_dump(mode="json", exclude={"section"})
    settled, left_out = known.settled, {"review_id", "person", "section"}
    return {
        **fields,
        "first_deadline": _json_time(known.first.deadline),
        "due": _json_time(known.due),
        "asked_again_at": None if known.asked_again_at is None else _json_time(known.asked_again_at),
        "overdue_seconds": round(known.overdue(now).total_seconds()),
        "settled": None if settled is None else settled.model_dump(mode="json", exclude=left_out),
    }


def table(reviews: Sequence[Known], now: datetime) -> Iterator[str]:
    """Yield the heading and a line for each review, in the order of `reviews`."""
    rows = [_COLUMNS, *(_row(known, now) for known in reviews)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def described(
    known: Known, decision: Decision | None, policies: Policies, now: datetime, reports: Sequence[Followed] = ()
) -> Iterator[str]:
    """Yield the question of a review, who is asked, and why; nothing in these lines identifies the person.

    `reports` are those that followed from a settled review.
    """
    request = known.latest
    yield f"Review {request.review_id}: {REASONS[request.reason]}"
    if request.exercise:
        yield "This is an exercise: no live agency and no real person is told."
    yield f"Asked {time_words(request.requested_at)}, due {time_words(known.due)}{_late(known, now)}."
    if known.settled is not None:
        yield from settled_words(known.settled)
        yield from reported_words(reports)
    elif known.asked_again_at is not None:
        again = time_words(known.asked_again_at)
        yield f"The person was not reached: {request.on_duty} asks again {again}, then the next on duty is asked."
    else:
        yield f"{request.on_duty} is asked until {time_words(request.deadline)}, then the next on duty."
    if request.rejected_records:
        yield from _of_rejected(request.rejected_records)
    elif request.undelivered is not None:
        yield from _of_undelivered(request.undelivered)
        if known.settled is None and request.undelivered.agency is Agency.EMERGENCY_999:
            is_tried = is_tried_on(Agency.EMERGENCY_999, request.undelivered.failure)
            is_tried = is_tried and now < request.requested_at + RETRY_POLICIES[Agency.EMERGENCY_999].tries_on
            tried = "It is still tried. Do not wait for that: call" if is_tried else "It is no longer tried: call"
            yield f"{tried} 999 yourself, then say so here."
    else:
        yield from _of_disclosure(request, is_open=known.settled is None)
    if decision is not None:
        yield from _clauses(decision, _version(policies, decision))


def settling_options(known: Known, decision: Decision | None, policies: Policies, now: datetime) -> Iterator[str]:
    """Yield each outcome that may settle a review: its options and its effect."""
    if known.settled is not None:
        return
    yield ""
    yield f"confide review decide {known.latest.review_id} --as YOU"
    for settling in settlings(known.latest, decision):
        options = option_words(settling, agency=agency_choice(decision))
        # As many as this description shows.
        yield f"  {options.replace('--records N', f'--records {len(known.latest.rejected_records)}')}"
        longest = ""
        if settling.decision is ReviewDecision.NOT_REACHED:
            longest = f"; at most {length_words(known.longest_wait(policies.in_force(now).deadlines))} from now"
        yield f"    {settling.words}{longest}"
    if known.can_seal:
        yield '  Each may have --comment "…", which is sealed.'


def _of_undelivered(about: Undelivered) -> Iterator[str]:
    to = AGENCIES[about.agency].name_for_staff
    sent = "" if about.generation == 1 else f", which staff had sent again (sending {about.generation})"
    when = "" if about.reported_at is None else f" of {time_words(about.reported_at)}"
    yield f"Report {about.report_id}{when} to {to}{sent}: {about.failure.replace('_', ' ')}."
    if about.clauses:
        yield f"It rests on {listed(about.clauses)}."


def _of_disclosure(request: ReviewRequested, *, is_open: bool) -> Iterator[str]:
    if request.proposed is not None:
        whom = (
            f", to {agency_words(request.agencies)}" if request.agencies else ", and nobody who could be told is known"
        )
        yield f"Proposed: {request.proposed.value}{whom}."
    elif request.agencies:
        yield f"Told already: {agency_words(request.agencies)}."
    if request.asks and is_open:
        yield ""
        yield "What is missing:"
        yield from (f"  {asked_words(path)}: --fact {path}=…" for path in request.asks)


def _row(known: Known, now: datetime) -> tuple[str, ...]:
    request = known.latest
    return (
        request.review_id,
        f"{request.reason.value} (exercise)" if request.exercise else request.reason.value,
        "-" if request.proposed is None else request.proposed.value,
        f"{known.due:%Y-%m-%d %H:%M}",
        _length(known.overdue(now)) or "-",
        _asked_now(known),
        str(request.escalation),
        _asks(request),
    )


def _asked_now(known: Known) -> str:
    if known.settled is not None:
        return f"settled by {known.settled.by or settler(known.settled)}"
    again = "" if known.asked_again_at is None else f" (not reached, again {known.asked_again_at:%H:%M})"
    return f"{known.latest.on_duty or '-'}{again}"


def _asks(request: ReviewRequested) -> str:
    if len(request.rejected_records) > 1:
        return f"{len(request.rejected_records)} records"
    if (about := request.undelivered) is not None:
        return f"{about.agency.value.replace('_', ' ')}: {about.failure.replace('_', ' ')}"
    return ", ".join(request.asks) or "-"


def _json_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


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


def _of_rejected(records: Sequence[UrgentRejected]) -> Iterator[str]:
    if len(records) > 1:
        yield f"{len(records)} records of one sender came in the same hour. Say with --records how many you were shown."
    for number, about in enumerate(records, 1):
        which = f"{number}. " if len(records) > 1 else ""
        yield f"{which}Rejected: {about.reason}"
        where = f"partition {about.partition} (offset {about.offset} of {about.topic})"
        yield f"It lies in {about.topic}.rejected, {where}."
        if about.accepted_at is not None:
            yield f"A disclosure was accepted under its id {about.disclosure_id} {time_words(about.accepted_at)}."
        if (first := about.conflict) is not None:
            yield (
                f"The first one under {first.disclosure_id} counts: offset {first.offset} of {first.topic}, "
                f"partition {first.partition}, decision {first.decision_id}."
            )
    yield _SETTLE_REJECTED if records[0].conflict is None else _SETTLE_CONFLICT


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
        # The files no longer have this version; the words of the latest are close enough.
        return policies.latest
