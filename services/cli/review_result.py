"""Prints the result of `confide review decide`, and sets its exit status."""

import typer

from schemas.reviews import ReviewOutcome, ReviewSettled
from schemas.vocabulary import ReviewDecision
from services.cli.messages import complain
from services.cli.paragraphs import broken
from services.review.options import as_options
from services.review.send_outcome import AskedAgain, NotYet, OutcomeRejected
from services.review.settled_words import settled_words
from streams.domain.plain_english.wording import time_words

#: Fields of an outcome that `ReviewSettled` records.
_RECORDED = ("by", "decision", "refusal", "facts", "ask_again_at", "entered_under", "records", "told_at", "reference")


def print_result(result: ReviewSettled | AskedAgain | OutcomeRejected | NotYet, outcome: ReviewOutcome) -> None:
    """Print the result of an outcome that was sent.

    Exit status 1 unless it settled the review, or the review is asked again later.
    """
    if isinstance(result, NotYet):
        complain("sent, and nothing came of it yet: look at `confide review list` again")
    elif isinstance(result, OutcomeRejected):
        why = as_options(result.reason, outcome.decision)
        complain(f"refused, the review is still open: {why}")
    elif isinstance(result, AskedAgain):
        typer.echo(f"asked again {time_words(result.at)}")
        return
    elif not _is_settled_by(result, outcome):
        complain(f"{_settler(result)} settled it before")
    else:
        _print_settled(result)
        return
    raise typer.Exit(1)


def print_settled_before(settled: ReviewSettled, outcome: ReviewOutcome) -> None:
    """Print how a review was settled before this command; exit status 1 unless `outcome` says the same."""
    # The agencies of that outcome are in the decision only, so that they cannot be compared here.
    if _is_settled_by(settled, outcome) and not outcome.agencies:
        typer.echo("settled already, as you say")
        _print_settled(settled)
        return
    complain(f"{_settler(settled)} settled it before")
    raise typer.Exit(1)


def _print_settled(settled: ReviewSettled) -> None:
    for line in broken(settled_words(settled)):
        typer.echo(line)


def _is_settled_by(settled: ReviewSettled, outcome: ReviewOutcome) -> bool:
    return all(getattr(settled, field) == getattr(outcome, field) for field in _RECORDED)


def _settler(settled: ReviewSettled) -> str:
    if settled.decision is ReviewDecision.ACCEPTED:
        return "the service, which sent everything in it again,"
    return settled.by or "an acknowledgement of the agency"
