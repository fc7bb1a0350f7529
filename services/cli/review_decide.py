"""`confide review decide`: settle a review in one of the ways that the table of reviews allows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.vocabulary import Refusal, ReviewDecision
from services.cli.review_topics import ReviewId, checked_master, find, surroundings, topics_of

if TYPE_CHECKING:
    from schemas.reviews import ReviewOutcome
    from services.review.reading import Topics
    from services.review.review_index import Known
    from services.settings import Settings

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
        str | None, typer.Option(metavar="ID", help="What was rejected was entered again, as this disclosure: a UUID.")
    ] = None,
    nothing_in_it: Annotated[
        Refusal | None, typer.Option(help="What was rejected needs nobody, for this reason.")
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
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for what comes of it.")] = 15.0,
) -> None:
    """Settle a review in one of the ways that `confide review show` lists. The first answer settles it.

    TIME is the clock in London ("21:40"), minutes or hours ("10 minutes"), or ISO 8601 with its offset.

    Exit status 0 once it is settled as you say, 1 where it is not, 2 where it cannot be tried.
    """
    from infra.telemetry import configure, shutdown
    from schemas.errors import KafkaUnavailable
    from schemas.trace_context import traceparent_of
    from services.cli.review_came import report, report_before
    from services.review.answering import answer, signed
    from services.settings import SettingsError

    policies, settings = surroundings()
    ways: Mapping[ReviewDecision, Any] = {
        ReviewDecision.CONFIRM: confirm or None,
        ReviewDecision.REFUSE: refuse,
        ReviewDecision.NEW_FACTS: fact or None,
        ReviewDecision.NOT_REACHED: not_reached_until,
        ReviewDecision.ENTERED_AGAIN: entered_again,
        ReviewDecision.NOTHING_IN_IT: nothing_in_it,
        ReviewDecision.TOLD_BY_PHONE: told_by_phone,
        ReviewDecision.SEND_AGAIN: send_again or None,
        ReviewDecision.WITHDRAWN: withdraw,
    }
    said = _said(ways, agency or [], at, reference)
    if comment is not None and not comment.strip():
        raise SettingsError("--comment is empty")
    role, key = _signer(settings, staff, policies.latest.trained)
    master = checked_master(settings)
    with topics_of(settings) as topics:
        known = find(topics, review)
        said |= {"by": staff, "role": role}
        _check_told_at(known, said)
        if known.settled is None and (comment is not None or told_by_phone is not None):
            said["section"] = _sealed(
                topics, known, master, said["decision"], {"comment": comment, "who": told_by_phone}
            )
    outcome = signed(_outcome(known, said), key)
    if known.settled is not None:
        report_before(known.settled, outcome)
        return
    configure("review")
    try:
        with _span(known) as span:
            came = answer(settings.bootstrap, known, outcome, wait=wait, traceparent=traceparent_of(span))
    except KafkaUnavailable as error:
        raise SettingsError(f"{error}: the same may be said again") from error
    finally:
        shutdown()
    report(came, outcome)


def _said(
    ways: Mapping[ReviewDecision, Any], agencies: Sequence[str], at: str | None, reference: str | None
) -> dict[str, Any]:
    """Return the fields of the outcome; raise `SettingsError` unless one way is given, with what belongs to it."""
    from services.cli.review_facts import read_fact
    from services.cli.review_moments import future, past
    from services.review.options import OPTIONS
    from services.settings import SettingsError

    given = [(decision, value) for decision, value in ways.items() if value is not None]
    if len(given) != 1:
        raise SettingsError(f"say one of {', '.join(OPTIONS.values())}: `confide review show` lists those it takes")
    ((decision, value),) = given
    if agencies and decision is not ReviewDecision.CONFIRM:
        raise SettingsError("--agency goes with --confirm")
    if (at is not None or reference is not None) and decision is not ReviewDecision.TOLD_BY_PHONE:
        raise SettingsError("--at and --reference go with --told-by-phone")
    said: dict[str, Any] = {"decision": decision}
    match decision:
        case ReviewDecision.CONFIRM:
            said["agencies"] = [_agency(each) for each in agencies]
        case ReviewDecision.NEW_FACTS:
            said["facts"] = [read_fact(each) for each in value]
        case ReviewDecision.NOT_REACHED:
            said["ask_again_at"] = future("--not-reached-until", value, datetime.now(UTC))
        case ReviewDecision.ENTERED_AGAIN:
            said["entered_as"] = value
        case ReviewDecision.TOLD_BY_PHONE:
            if not value.strip() or at is None or not reference:
                raise SettingsError("--told-by-phone needs WHO, --at TIME and --reference REFERENCE")
            said |= {"told_at": past("--at", at, datetime.now(UTC)), "reference": reference}
        case ReviewDecision.SEND_AGAIN:
            pass
        case _:
            said["refusal"] = value
    return said


def _check_told_at(known: "Known", said: Mapping[str, Any]) -> None:
    """Raise `SettingsError` for a call before the report was made, or after now, as DECIDE would refuse it."""
    from schemas.errors import Invalid
    from services.review.options import as_options
    from services.settings import SettingsError
    from streams.domain.hand_over import check_told_at
    from streams.domain.moments import Arrival, as_entered

    about, told_at = known.latest.undelivered, said.get("told_at")
    if about is None or told_at is None:
        return
    try:
        now = datetime.now(UTC)
        check_told_at(told_at, about.reported_at, Arrival.of(now, now))
    except Invalid as invalid:
        why = as_options(str(invalid), said["decision"])
        raise SettingsError(f"{why}; this is {as_entered(told_at)}") from None


def _agency(text: str) -> dict[str, str]:
    from services.settings import SettingsError

    found = _AGENCY.fullmatch(text)
    if found is None:
        raise SettingsError('--agency is "999 police", "999 ambulance", 101, social-worker or care-team')
    return {"agency": "999", "service": found[1]} if found[1] else {"agency": text.replace("-", "_")}


def _sealed(
    topics: "Topics", known: "Known", master: bytes, decision: ReviewDecision, said: Mapping[str, str | None]
) -> Any:
    """Return what staff say, sealed under the key of the review's section; raise `SettingsError` where it has none."""
    import os

    from pydantic import ValidationError

    from schemas.errors import Invalid
    from schemas.records import SealedComment
    from services.review.errors import KeyMissing
    from services.review.options import as_options
    from services.settings import SettingsError
    from streams.domain.sealing import NONCE_BYTES, CannotOpen, seal_comment

    request = known.latest
    if not known.can_seal or request.section is None or request.disclosure_id is None:
        # Nothing of a person is known of it, so there is no key to seal under: whom was told stays with the caller.
        if said["comment"] is not None:
            raise SettingsError("--comment needs something to be sealed with, and this review has no section")
        typer.echo("confide: whom you told is not kept, nothing here can be sealed: note it elsewhere", err=True)
        return None
    try:
        key = topics.data_key(request, master)
    except (CannotOpen, KeyMissing) as error:
        raise SettingsError(f"what you say cannot be sealed: {error}") from error
    if key is None:
        raise SettingsError("what you say cannot be sealed: the person was erased. Leave --comment out")
    try:
        comment = SealedComment.model_validate(said)
    except ValidationError as error:
        raise SettingsError(as_options(str(Invalid.from_validation(error)), decision)) from None
    return seal_comment(
        comment,
        key=key,
        key_id=request.section.key_id,
        nonce=os.urandom(NONCE_BYTES),
        disclosure_id=request.disclosure_id,
    )


def _signer(settings: "Settings", staff: str, trained: Sequence[Any]) -> tuple[Any, bytes]:
    """Return the role and the key of whoever answers."""
    from services.settings import SettingsError

    on_rota = settings.duty(trained).named(staff)
    if on_rota is None:
        raise SettingsError("--as takes an id of the duty rota")
    key = settings.keys().staff.get(staff)
    if key is None:
        raise SettingsError(f"{staff} has no key here: `confide keys staff {staff}` makes one")
    return on_rota.role, key


def _outcome(known: "Known", said: dict[str, Any]) -> "ReviewOutcome":
    from pydantic import ValidationError

    from schemas.errors import Invalid
    from schemas.review_table import REVIEW_TABLE
    from schemas.reviews import ReviewOutcome
    from services.review.options import as_options, option_words
    from services.settings import SettingsError
    from streams.domain.outcomes import refuse_id_in_conflict

    try:
        outcome = ReviewOutcome.model_validate(
            {"review_id": known.latest.review_id, "decided_at": datetime.now(UTC), "signature": b"", **said}
        )
        REVIEW_TABLE[known.latest.reason].check(outcome)
        refuse_id_in_conflict(outcome, known.latest)
    except Invalid as invalid:
        ways = " or ".join(option_words(way) for way in REVIEW_TABLE[known.latest.reason].settlings)
        why = as_options(str(invalid), said["decision"])
        raise SettingsError(f"{why}. A review of this reason takes: {ways}") from None
    except ValidationError as error:
        raise SettingsError(as_options(str(Invalid.from_validation(error)), said["decision"])) from None
    return outcome


@contextmanager
def _span(known: "Known") -> Iterator[Any]:
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind

    from schemas.telemetry import Attribute, Span

    with trace.get_tracer("confide.review").start_as_current_span(
        Span.REVIEW_ANSWER,
        kind=SpanKind.PRODUCER,
        attributes={Attribute.REVIEW_ID: known.latest.review_id},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span
