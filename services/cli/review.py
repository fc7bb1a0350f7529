"""`confide review list|show|decide`: lists, shows and settles reviews."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.cli.paragraphs import broken
from services.cli.review_decide import decide
from services.cli.review_topics import ReviewId, checked_master, find, policies_and_settings, topics_of
from services.outside_text import one_line
from services.rejected_content import as_word
from services.review.errors import KeyMissing
from services.review.sealed_words import as_it_came, came_fields, commented, disclosed, sections_of_record
from services.review.words import described, fields_of, settling_options, table
from services.settings import SettingsError
from streams.domain.sealing import CannotOpen

_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


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
    """List the reviews that wait for somebody: those that are due first, and of these those about 999."""
    _, settings = policies_and_settings()
    now = datetime.now(UTC)
    with topics_of(settings) as topics:
        reviews = topics.review_index().reviews(now, settled_too=all_)
    if as_json:
        for known in reviews:
            typer.echo(json.dumps(fields_of(known, now)))
    elif reviews:
        for line in table(reviews, now):
            typer.echo(one_line(line))
    else:
        typer.echo("Nothing waits for anybody.")


def show(review: ReviewId, as_json: _Json = False) -> None:
    """Show a review: what is asked and why, in the policy's words, and what was sealed. For staff's eyes alone."""
    policies, settings = policies_and_settings()
    master = checked_master(settings)
    now = datetime.now(UTC)
    missing: KeyMissing | None = None
    with topics_of(settings) as topics:
        known = find(topics, review)
        request, settled = known.latest, known.settled
        decision = None if request.decision_id is None else topics.decision(request, known.partition)
        rejected = topics.rejected(request.rejected_records)
        reports = [] if settled is None else topics.followed(settled, known.partition)
        try:
            details = None if request.section is None else topics.details(request, master)
            comment = None if settled is None else topics.comment(request, settled, master)
        except KeyMissing as error:
            details, comment, missing = None, None, error
        except CannotOpen as error:
            raise SettingsError(f"{error}: CONFIDE_KEYS names another deployment's") from error
        opened = [[] if each is None else topics.opened_sections(each.kept, master) for each in rejected]
    came = list(zip(rejected, opened, strict=True))
    if as_json:
        shown = {
            **fields_of(known, now),
            "clauses": None if decision is None else [each.model_dump(mode="json") for each in decision.clauses],
            "details": None if details is None else details.model_dump(mode="json"),
            "details_missing": None if missing is None else str(missing),
            "comment": None if comment is None else comment.model_dump(),
            "reports": [each._asdict() for each in reports],
            "rejected": [
                {
                    **about.model_dump(include={"topic", "partition", "offset"}),
                    **came_fields(*(value or (None,)), sections=inside),
                }
                for about, (value, inside) in zip(request.rejected_records, came, strict=True)
            ],
        }
        typer.echo(json.dumps(shown, default=as_word))
        return
    lines = [
        *described(known, decision, policies, now, reports),
        *settling_options(known, decision, policies, now),
    ]
    if comment is not None:
        lines += ["", *commented(comment)]
    if request.rejected_records:
        for place, (value, inside) in enumerate(came, 1):
            number = place if len(rejected) > 1 else None
            lines += as_it_came(*(value or (None,)), number=number)
            lines += sections_of_record(inside)
    elif missing is not None:
        lines += ["", f"What was sealed cannot be read: {missing}."]
    elif request.section is None:
        lines += ["", "Nothing else is known of it: the report itself cannot be read."]
    elif details is None:
        lines += ["", "What was sealed can no longer be read: it was erased."]
    else:
        lines += ["", *disclosed(details)]
    for line in broken(lines):
        typer.echo(line)
