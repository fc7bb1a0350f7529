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
    from schemas.reviews import ReviewOutcome, ReviewSettled
    from services.review.answering import AskedAgain, NotYet, Refused
    from services.review.book import Known
    from services.review.reading import Topics
    from services.settings import Settings

_AGENCY = re.compile(r"999[ -](police|ambulance)|101|social[-_]worker|care[-_]team")
#: What `ReviewSettled` records of the outcome that settled it.
_RECORDED = ("by", "decision", "refusal", "ask_again_at", "entered_as", "told_at", "reference")


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
        str | None, typer.Option(metavar="ID", help="What was rejected was entered again, as this disclosure.")
    ] = None,
    nothing_in_it: Annotated[
        Refusal | None, typer.Option(help="What was rejected needs nobody, for this reason.")
    ] = None,
    told_by_phone: Annotated[
        str | None, typer.Option(metavar="WHO", help="You told the agency by phone, and whom there (sealed).")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="With --told-by-phone: when.")] = None,
    reference: Annotated[str | None, typer.Option(help="With --told-by-phone: the agency's reference.")] = None,
    send_again: Annotated[bool, typer.Option("--send-again", help="Send the report again, with a new limit.")] = False,
    withdraw: Annotated[Refusal | None, typer.Option(help="No agency is to be told, for this reason.")] = None,
    comment: Annotated[str | None, typer.Option(help="Whatever else is to be kept beside it (sealed).")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for what comes of it.")] = 15.0,
) -> None:
    """Settle a review in one of the ways that `confide review show` lists. The first answer settles it.

    TIME is the clock in London ("21:40"), a length of time ("10 minutes"), or ISO 8601 with its offset.

    Exit status 0 once it is settled as you say, 1 where it is not, 2 where it cannot be tried.
    """
    from infra.telemetry import configure, shutdown
    from services.review.answering import Unavailable, answer, signed
    from services.sdk.tracing import traceparent_of
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
    role, key = _signer(settings, staff, policies.latest.trained)
    master = checked_master(settings)
    with topics_of(settings) as topics:
        known = find(topics, review)
        said |= {"by": staff, "role": role}
        if known.settled is None and (comment is not None or told_by_phone is not None):
            said["section"] = _sealed(topics, known, master, {"comment": comment, "who": told_by_phone})
    outcome = signed(_outcome(known, said), key)
    if known.settled is not None:
        _report_before(known.settled, outcome)
        return
    configure("review")
    try:
        with _span(known) as span:
            came = answer(settings.bootstrap, known, outcome, wait=wait, traceparent=traceparent_of(span))
    except Unavailable as error:
        raise SettingsError(f"{error}: the same may be said again") from error
    finally:
        shutdown()
    _report(came, outcome)


def _said(
    ways: Mapping[ReviewDecision, Any], agencies: Sequence[str], at: str | None, reference: str | None
) -> dict[str, Any]:
    """Return the fields of the outcome; raise `SettingsError` unless one way is given, with what belongs to it."""
    from services.cli.review_facts import read_fact
    from services.cli.review_moments import future, past
    from services.review.words import OPTIONS
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
            if at is None or not reference:
                raise SettingsError("--told-by-phone needs --at TIME and --reference REFERENCE")
            said |= {"told_at": past("--at", at, datetime.now(UTC)), "reference": reference}
        case ReviewDecision.SEND_AGAIN:
            pass
        case _:
            said["refusal"] = value
    return said


def _agency(text: str) -> dict[str, str]:
    from services.settings import SettingsError

    found = _AGENCY.fullmatch(text)
    if found is None:
        raise SettingsError('--agency is "999 police", "999 ambulance", 101, social-worker or care-team')
    return {"agency": "999", "service": found[1]} if found[1] else {"agency": text.replace("-", "_")}


def _sealed(topics: "Topics", known: "Known", master: bytes, said: Mapping[str, str | None]) -> Any:
    """Return what staff say, sealed under the key of the review's section; raise `SettingsError` where it has none."""
    import os

    from pydantic import ValidationError

    from schemas.errors import Invalid
    from schemas.records import SealedComment
    from services.review.reading import KeyMissing
    from services.settings import SettingsError
    from streams.domain.sealing import NONCE_BYTES, CannotOpen, seal_comment

    request = known.latest
    if request.section is None or request.disclosure_id is None:
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
        raise SettingsError(str(Invalid.from_validation(error))) from None
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
    from services.settings import SettingsError

    try:
        outcome = ReviewOutcome.model_validate(
            {"review_id": known.latest.review_id, "decided_at": datetime.now(UTC), "signature": b"", **said}
        )
        REVIEW_TABLE[known.latest.reason].check(outcome)
    except Invalid as invalid:
        raise SettingsError(_as_options(str(invalid), known)) from None
    except ValidationError as error:
        raise SettingsError(str(Invalid.from_validation(error))) from None
    return outcome


def _as_options(why: str, known: "Known") -> str:
    from schemas.review_table import REVIEW_TABLE
    from services.review.words import option_words

    ways = " or ".join(option_words(way) for way in REVIEW_TABLE[known.latest.reason].settlings)
    return f"{why}. A review of this reason takes: {ways}"


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


def _report(came: "ReviewSettled | AskedAgain | Refused | NotYet", outcome: "ReviewOutcome") -> None:
    from services.review.answering import AskedAgain, NotYet, Refused

    if isinstance(came, NotYet):
        typer.echo("confide: sent, and nothing came of it yet: look at `confide review list` again", err=True)
    elif isinstance(came, Refused):
        typer.echo(f"confide: refused, the review is still open: {came.reason}", err=True)
    elif isinstance(came, AskedAgain):
        typer.echo(f"asked again at {came.at:%Y-%m-%d %H:%M} UTC")
        return
    elif not _is_as_said(came, outcome):
        typer.echo(f"confide: {_settler(came)} settled it before", err=True)
    else:
        typer.echo(f"settled{_follows(came)}")
        return
    raise typer.Exit(1)


def _report_before(settled: "ReviewSettled", outcome: "ReviewOutcome") -> None:
    """Say what came of a review that was settled before; exit status 1 unless it was settled as `outcome` says."""
    # Which facts and agencies were given then is in the decision alone.
    if _is_as_said(settled, outcome) and not outcome.facts and not outcome.agencies:
        typer.echo(f"settled already, as you say{_follows(settled)}")
        return
    typer.echo(f"confide: {_settler(settled)} settled it before", err=True)
    raise typer.Exit(1)


def _is_as_said(settled: "ReviewSettled", outcome: "ReviewOutcome") -> bool:
    return all(getattr(settled, field) == getattr(outcome, field) for field in _RECORDED)


def _settler(settled: "ReviewSettled") -> str:
    return settled.by or "an acknowledgement of the agency"


def _follows(settled: "ReviewSettled") -> str:
    """Return what came of a review: the decision, or the report as it is sent again."""
    if settled.decision_id is not None:
        return f": decision {settled.decision_id}"
    if settled.generation is not None:
        return f": report {settled.report_id} is sent again"
    return ""
