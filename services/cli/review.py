"""`confide review list|show|decide`: what waits for a trained person, and what they make of it."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.vocabulary import Refusal
from services.cli.review_topics import checked_master, find, topics_of

if TYPE_CHECKING:
    from schemas.reviews import ReviewOutcome, ReviewSettled
    from services.review.answering import NotYet, Refused
    from services.review.book import Known
    from services.settings import Settings

_AGENCY = re.compile(r"999[ -](police|ambulance)|101|social[-_]worker|care[-_]team")
#: What `ReviewSettled` records of the outcome that settled it.
_RECORDED = ("by", "decision", "refusal", "ask_again_at", "entered_as", "told_at", "reference")
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def _given(review: str) -> str:
    if not review.strip():
        from services.settings import SettingsError

        raise SettingsError("ID is needed, of the review or how it alone begins: `confide review list` has them")
    return review


_Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Of the review, or how it alone begins.", show_default=False, callback=_given),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    review = typer.Typer(help="What waits for a trained person.", no_args_is_help=True)
    review.command("list")(list_)
    review.command()(show)
    review.command()(decide)
    app.add_typer(review, name="review")


def list_(
    all_: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    as_json: _Json = False,
) -> None:
    """List the reviews that wait for somebody, the one that was due first first."""
    from services.review.words import fields_of, table

    _, settings = _surroundings()
    now = datetime.now(UTC)
    with topics_of(settings) as topics:
        reviews = topics.book().reviews(settled_too=all_)
    if as_json:
        for known in reviews:
            typer.echo(json.dumps(fields_of(known, now)))
    elif reviews:
        for line in table(reviews, now):
            typer.echo(line)
    else:
        typer.echo("Nothing waits for anybody.")


def show(review: _Id, as_json: _Json = False) -> None:
    """Show a review: what is asked and why, in the policy's words, and what was sealed. For staff's eyes alone."""
    from services.cli.paragraphs import broken
    from services.review.reading import KeyMissing
    from services.review.words import as_it_came, described, disclosed, fields_of
    from services.settings import SettingsError
    from streams.domain.sealing import CannotOpen

    policies, settings = _surroundings()
    master = checked_master(settings)
    now = datetime.now(UTC)
    missing: KeyMissing | None = None
    with topics_of(settings) as topics:
        known = find(topics, review)
        request = known.latest
        decision = None if request.decision_id is None else topics.decision(request, known.partition)
        came = None if request.rejected is None else topics.rejected(request.rejected)
        try:
            details = None if request.section is None else topics.details(request, master)
        except KeyMissing as error:
            details, missing = None, error
        except CannotOpen as error:
            raise SettingsError(f"{error}: CONFIDE_KEYS names another deployment's") from error
    if as_json:
        said = {
            **fields_of(known, now),
            "clauses": None if decision is None else [each.model_dump(mode="json") for each in decision.clauses],
            "details": None if details is None else details.model_dump(mode="json"),
            "details_missing": None if missing is None else str(missing),
        }
        typer.echo(json.dumps(said))
        return
    lines = list(described(known, decision, policies, now))
    if request.rejected is not None:
        lines += as_it_came(None) if came is None else as_it_came(*came)
    elif missing is not None:
        lines += ["", f"What was sealed cannot be read: {missing}."]
    elif details is None:
        lines += ["", "What was sealed can no longer be read: it was erased."]
    else:
        lines += ["", *disclosed(details)]
    for line in broken(lines):
        typer.echo(line)


def decide(
    review: _Id,
    staff: Annotated[str, typer.Option("--as", metavar="STAFF", help="Your id on the duty rota, whose key signs.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="What is proposed, or the agencies you name.")] = False,
    agency: Annotated[
        list[str] | None,
        typer.Option(help='Told as well: "999 police", "999 ambulance", 101, social-worker or care-team.'),
    ] = None,
    refuse: Annotated[Refusal | None, typer.Option(help="Tell nobody, for this reason.")] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUE", help="What you found out: true, false, an age, or a word of the contract."),
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for what comes of it.")] = 15.0,
) -> None:
    """Settle a review: confirm it, refuse it, or say what you found out. The first answer settles it.

    Exit status 0 once it is settled as you say, 1 where it is not, 2 where it cannot be tried.
    """
    from infra.telemetry import configure, shutdown
    from services.review.answering import Unavailable, answer, signed
    from services.sdk.tracing import traceparent_of

    policies, settings = _surroundings()
    said = _said(confirm, agency or [], refuse, fact or [])
    role, key = _signer(settings, staff, policies.latest.trained)
    checked_master(settings)
    with topics_of(settings) as topics:
        known = find(topics, review)
    outcome = signed(_outcome(known, {"by": staff, "role": role, **said}), key)
    if known.settled is not None:
        _report_before(known.settled, outcome)
        return
    configure("review")
    try:
        with _span(known) as span:
            came = answer(settings.bootstrap, known, outcome, wait=wait, traceparent=traceparent_of(span))
    except Unavailable as error:
        typer.echo(f"confide: {error}: the same may be said again", err=True)
        raise typer.Exit(2) from error
    finally:
        shutdown()
    _report(came, outcome)


def _surroundings() -> tuple[Any, "Settings"]:
    """Return the policy's versions and the settings, the duty rota found to be sound."""
    from services.cli.policies import policies
    from services.cli.surroundings import settings, settings_with_kafka

    known = policies(None)
    # A wrong rota is said before Kafka is asked for.
    settings().duty(known.latest.trained)
    return known, settings_with_kafka()


def _said(confirm: bool, agencies: Sequence[str], refuse: Refusal | None, facts: Sequence[str]) -> dict[str, Any]:
    from services.cli.review_facts import read_fact
    from services.settings import SettingsError

    if (confirm, refuse is not None, bool(facts)).count(True) != 1:
        raise SettingsError("say one of --confirm, --refuse REASON, or --fact PATH=VALUE")
    if agencies and not confirm:
        raise SettingsError("--agency goes with --confirm")
    if confirm:
        return {"decision": "confirm", "agencies": [_agency(each) for each in agencies]}
    if refuse is not None:
        return {"decision": "refuse", "refusal": refuse}
    return {"decision": "new_facts", "facts": [read_fact(each) for each in facts]}


def _agency(text: str) -> dict[str, str]:
    from services.settings import SettingsError

    found = _AGENCY.fullmatch(text)
    if found is None:
        raise SettingsError('--agency is "999 police", "999 ambulance", 101, social-worker or care-team')
    return {"agency": "999", "service": found[1]} if found[1] else {"agency": text.replace("-", "_")}


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
    from schemas.reviews import ReviewOutcome
    from services.settings import SettingsError

    try:
        return ReviewOutcome.model_validate(
            {"review_id": known.latest.review_id, "decided_at": datetime.now(UTC), "signature": b"", **said}
        )
    except ValidationError as error:
        raise SettingsError(str(Invalid.from_validation(error))) from None


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


def _report(came: "ReviewSettled | Refused | NotYet", outcome: "ReviewOutcome") -> None:
    from services.review.answering import NotYet, Refused

    if isinstance(came, NotYet):
        typer.echo("confide: sent, and nothing came of it yet: look at `confide review list` again", err=True)
    elif isinstance(came, Refused):
        typer.echo(f"confide: refused, the review is still open: {came.reason}", err=True)
    elif not _is_as_said(came, outcome):
        typer.echo(f"confide: {_settler(came)} settled it before", err=True)
    else:
        follows = "" if came.decision_id is None else f": decision {came.decision_id}"
        typer.echo(f"settled{follows}")
        return
    raise typer.Exit(1)


def _report_before(settled: "ReviewSettled", outcome: "ReviewOutcome") -> None:
    """Say what came of a review that was settled before; exit status 1 unless it was settled as `outcome` says."""
    follows = "" if settled.decision_id is None else f": decision {settled.decision_id}"
    # Which facts and agencies were given then is in the decision alone.
    if _is_as_said(settled, outcome) and not outcome.facts and not outcome.agencies:
        typer.echo(f"settled already, as you say{follows}")
        return
    typer.echo(f"confide: {_settler(settled)} settled it before", err=True)
    raise typer.Exit(1)


def _is_as_said(settled: "ReviewSettled", outcome: "ReviewOutcome") -> bool:
    return all(getattr(settled, field) == getattr(outcome, field) for field in _RECORDED)


def _settler(settled: "ReviewSettled") -> str:
    return settled.by or "an acknowledgement of the agency"
