"""`confide review decide`: settles a review by one of the decisions that the table of reviews allows."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from infra.telemetry import configure, shutdown
from schemas.errors import Invalid, KafkaUnavailable
from schemas.review_table import REVIEW_TABLE
from schemas.reviews import ReviewOutcome
from schemas.sealed import SealedComment
from schemas.telemetry import Attribute, Span
from schemas.trace_context import traceparent_of
from schemas.vocabulary import Refusal, ReviewDecision
from services.cli.messages import complain
from services.cli.review_facts import read_fact
from services.cli.review_moments import future, past
from services.cli.review_result import print_result, print_settled_before
from services.cli.review_topics import ReviewId, checked_master, find, policies_and_settings, topics_of
from services.review.errors import KeyMissing
from services.review.options import OPTIONS, as_options, option_words
from services.review.reading import Topics
from services.review.review_index import Known
from services.review.send_outcome import send_outcome, signed
from services.review.unseen import JUDGING, unseen
from services.settings import Settings, SettingsError
from streams.domain.hand_over import check_told_at
from streams.domain.moments import Arrival, as_entered
from streams.domain.outcomes import refuse_id_in_conflict
from streams.domain.sealing import NONCE_BYTES, CannotOpen, seal_comment

_AGENCY = re.compile(r"999[ -](police|ambulance)|101|social[-_]worker|care[-_]team")


def decide(  # noqa: PLR0917 - typer has an argument for each option
    review: ReviewId,
    staff: Annotated[str, typer.Option("--as", metavar="STAFF", help="Your id on the duty rota, whose key signs.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="What is proposed, or the agencies you name.")] = False,
    agency: Annotated[
        list[str] | None,
        typer.Option(help='With --confirm: "999 police", "999 ambulance", 101, social-worker or care-team.'),
    ] = None,
    refuse: Annotated[Refusal | None, typer.Option(help="Tell nobody, for this reason.")] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUE", help="What you found out: true, false, an age, or a word of the contract."),
    ] = None,
    not_reached_until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Nobody was reached: ask again then.")
    ] = None,
    entered_again: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="What was rejected was entered again, as this disclosure: a UUID."),
    ] = None,
    nothing_in_it: Annotated[
        Refusal | None, typer.Option(help="What was rejected needs nobody, for this reason.")
    ] = None,
    records: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many rejected records you were shown, if the review has several."),
    ] = None,
    told_by_phone: Annotated[
        str | None, typer.Option(metavar="WHO", help="You told the agency by phone, and whom there (sealed).")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="With --told-by-phone: when.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="With --told-by-phone: the agency's log number. It is not sealed, so it must name nobody."),
    ] = None,
    send_again: Annotated[bool, typer.Option("--send-again", help="Send the report again, with a new limit.")] = False,
    withdraw: Annotated[Refusal | None, typer.Option(help="No agency is to be told, for this reason.")] = None,
    comment: Annotated[
        str | None, typer.Option(help="Whatever else is to be kept beside it (sealed); not of a rejected record.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, max=86_400, help="Seconds to wait for what comes of it.")] = 15.0,
) -> None:
    """Settle a review in one of the ways that `confide review show` lists. The first answer settles it.

    TIME is the clock in London ("21:40"), minutes or hours ("10 minutes"), or ISO 8601 with its offset.

    Exit status 0 once it is settled as you say, 1 where it is not, 2 where it cannot be tried.
    """
    policies, settings = policies_and_settings()
    options: Mapping[ReviewDecision, Any] = {
        ReviewDecision.CONFIRM: confirm or None,
        ReviewDecision.REFUSE: refuse,
        ReviewDecision.NEW_FACTS: fact or None,
        ReviewDecision.NOT_REACHED: not_reached_until,
        ReviewDecision.ENTERED_AGAIN: entered_again or None,
        ReviewDecision.NOTHING_IN_IT: nothing_in_it,
        ReviewDecision.TOLD_BY_PHONE: told_by_phone,
        ReviewDecision.SEND_AGAIN: send_again or None,
        ReviewDecision.WITHDRAWN: withdraw,
    }
    fields = _fields(options, agency or [], at, reference)
    if comment is not None and not comment.strip():
        raise SettingsError("--comment is empty")
    role, key = _signer(settings, staff, policies.latest.trained)
    master = checked_master(settings)
    with topics_of(settings) as topics:
        known = find(topics, review)
        fields |= {"by": staff, "role": role, "records": _records(known, fields["decision"], records)}
        _check_told_at(known, fields)
        if known.settled is None:
            _refuse_unseen(topics, known, master, fields)
        if known.settled is None and (comment is not None or told_by_phone is not None):
            fields["section"] = _sealed(
                topics, known, master, fields["decision"], {"comment": comment, "who": told_by_phone}
            )
    outcome = signed(_outcome(known, fields), key)
    if known.settled is not None:
        print_settled_before(known.settled, outcome)
        return
    configure("review")
    try:
        with _span(known) as span:
            result = send_outcome(settings.bootstrap, known, outcome, wait=wait, traceparent=traceparent_of(span))
    except KafkaUnavailable as error:
        raise SettingsError(f"{error}: run the same command again") from error
    finally:
        shutdown()
    print_result(result, outcome)


def _fields(
    options: Mapping[ReviewDecision, Any], agencies: Sequence[str], at: str | None, reference: str | None
) -> dict[str, Any]:
    """Return the fields of the outcome.

    Raises `SettingsError` unless exactly one decision is given, with the options that belong to it.
    """
    given = [(decision, value) for decision, value in options.items() if value is not None]
    if len(given) != 1:
        raise SettingsError(
            f"say one of {', '.join(OPTIONS.values())}: `confide review show` lists the options for this review"
        )
    ((decision, value),) = given
    if agencies and decision is not ReviewDecision.CONFIRM:
        raise SettingsError("--agency goes with --confirm")
    if (at is not None or reference is not None) and decision is not ReviewDecision.TOLD_BY_PHONE:
        raise SettingsError("--at and --reference go with --told-by-phone")
    fields: dict[str, Any] = {"decision": decision}
    match decision:
        case ReviewDecision.CONFIRM:
            fields["agencies"] = found = [_agency(each) for each in agencies]
            if any(each in found[:place] for place, each in enumerate(found)):
                raise SettingsError("--agency names an agency twice; allowed: each of them once")
        case ReviewDecision.NEW_FACTS:
            fields["facts"] = [read_fact(each) for each in value]
        case ReviewDecision.NOT_REACHED:
            fields["ask_again_at"] = future("--not-reached-until", value, datetime.now(UTC))
        case ReviewDecision.ENTERED_AGAIN:
            fields["entered_under"] = value
        case ReviewDecision.TOLD_BY_PHONE:
            if not value.strip() or at is None or not reference:
                raise SettingsError("--told-by-phone needs WHO, --at TIME and --reference REFERENCE")
            fields |= {"told_at": past("--at", at, datetime.now(UTC)), "reference": reference}
        case ReviewDecision.SEND_AGAIN:
            pass
        case _:
            fields["refusal"] = value
    return fields


def _records(known: Known, decision: ReviewDecision, records: int | None) -> int | None:
    """Return how many rejected records the member of staff was shown; None for a review of anything else.

    Raises `SettingsError` if that is unknown: others may have come since the review was shown.
    """
    settlings = [each for each in REVIEW_TABLE[known.latest.reason].settlings if each.decision is decision]
    if records is not None or not any("records" in each.needs for each in settlings):
        return records
    if (asked := len(known.latest.rejected_records)) > 1:
        raise SettingsError(f"--records is required: the review has {asked} records now; say how many you were shown")
    return 1


def _check_told_at(known: Known, fields: Mapping[str, Any]) -> None:
    """Raise `SettingsError` for a call to the agency that was before its report or is in the future.

    DECIDE would refuse such an outcome.
    """
    about, told_at = known.latest.undelivered, fields.get("told_at")
    if about is None or told_at is None:
        return
    try:
        now = datetime.now(UTC)
        check_told_at(told_at, about.reported_at, Arrival.of(now, now))
    except Invalid as invalid:
        why = as_options(str(invalid), fields["decision"])
        raise SettingsError(f"{why}; this is {as_entered(told_at)}") from None


def _refuse_unseen(topics: Topics, known: Known, master: bytes, fields: Mapping[str, Any]) -> None:
    """Raise `SettingsError` for a refusal that judges content which cannot be shown."""
    settlings = [each for each in REVIEW_TABLE[known.latest.reason].settlings if each.decision is fields["decision"]]
    if fields.get("refusal") not in JUDGING or not settlings:
        # A decision that does not settle such a review is refused later, with those that do.
        return
    why = unseen(topics, known.latest, master, fields["records"])
    if why is not None:
        others = [each.value for each in settlings[0].refusals if each not in JUDGING]
        raise SettingsError(
            f"{why}. {fields['refusal']} judges what was said, so it is refused: ask the service. "
            f"Allowed without its words: {', '.join(others)}"
        )


def _agency(text: str) -> dict[str, str]:
    found = _AGENCY.fullmatch(text)
    if found is None:
        raise SettingsError('--agency is "999 police", "999 ambulance", 101, social-worker or care-team')
    return {"agency": "999", "service": found[1]} if found[1] else {"agency": text.replace("-", "_")}


def _sealed(
    topics: Topics, known: Known, master: bytes, decision: ReviewDecision, entered: Mapping[str, str | None]
) -> Any:
    """Return what staff entered, sealed under the key of the review's section.

    Raises `SettingsError` if it cannot be sealed. If only the name of the person called cannot be sealed, prints a
    warning and returns None.
    """
    request = known.latest
    if not known.can_seal or request.section is None or request.disclosure_id is None:
        # The review is about no known person, so there is no key to seal under: the caller keeps the name.
        if entered["comment"] is not None:
            raise SettingsError("--comment needs something to be sealed with, and this review has no section")
        complain("the name is not saved, because there is no key to seal it: note it elsewhere")
        return None
    try:
        key = topics.data_key(request, master)
    except (CannotOpen, KeyMissing) as error:
        raise SettingsError(f"what you say cannot be sealed: {error}") from error
    if key is None:
        raise SettingsError("what you say cannot be sealed: the person was erased. Leave --comment out")
    try:
        comment = SealedComment.model_validate(entered)
    except ValidationError as error:
        raise SettingsError(as_options(str(Invalid.from_validation(error)), decision)) from None
    return seal_comment(
        comment,
        key=key,
        key_id=request.section.key_id,
        nonce=os.urandom(NONCE_BYTES),
        disclosure_id=request.disclosure_id,
    )


def _signer(settings: Settings, staff: str, trained: Sequence[Any]) -> tuple[Any, bytes]:
    """Return the role of the member of staff and the key that signs; raise `SettingsError` if either is missing."""
    on_rota = settings.duty(trained).named(staff)
    if on_rota is None:
        raise SettingsError("--as takes an id of the duty rota")
    key = settings.keys().staff.get(staff)
    if key is None:
        raise SettingsError(f"{staff} has no key here: `confide keys staff {staff}` makes one")
    return on_rota.role, key


def _outcome(known: Known, fields: dict[str, Any]) -> ReviewOutcome:
    try:
        outcome = ReviewOutcome.model_validate(
            {"review_id": known.latest.review_id, "decided_at": datetime.now(UTC), "signature": b"", **fields}
        )
        REVIEW_TABLE[known.latest.reason].check(outcome)
        refuse_id_in_conflict(outcome, known.latest)
    except Invalid as invalid:
        allowed = " or ".join(option_words(decision) for decision in REVIEW_TABLE[known.latest.reason].settlings)
        why = as_options(str(invalid), fields["decision"])
        raise SettingsError(f"{why}. A review of this reason takes: {allowed}") from None
    except ValidationError as error:
        raise SettingsError(as_options(str(Invalid.from_validation(error)), fields["decision"])) from None
    return outcome


@contextmanager
def _span(known: Known) -> Iterator[Any]:
    with trace.get_tracer("confide.review").start_as_current_span(
        Span.REVIEW_ANSWER,
        kind=SpanKind.PRODUCER,
        attributes={Attribute.REVIEW_ID: known.latest.review_id},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span
