"""What `confide review decide` says of what came of it, and with which exit status."""

import typer

from schemas.reviews import ReviewOutcome, ReviewSettled
from services.review.answering import AskedAgain, NotYet, OutcomeRejected
from services.review.options import as_options
from services.review.settled_words import settled_words
from streams.domain.plain_english.wording import time_words

#: What `ReviewSettled` records of the outcome that settled it.
_RECORDED = ("by", "decision", "refusal", "facts", "ask_again_at", "entered_as", "told_at", "reference")


def report(came: ReviewSettled | AskedAgain | OutcomeRejected | NotYet, outcome: ReviewOutcome) -> None:
    """Say what came of an outcome that was sent; exit status 1 unless it settled the review, or put it off."""
    if isinstance(came, NotYet):
        typer.echo("confide: sent, and nothing came of it yet: look at `confide review list` again", err=True)
    elif isinstance(came, OutcomeRejected):
        why = as_options(came.reason, outcome.decision)
        typer.echo(f"confide: refused, the review is still open: {why}", err=True)
    elif isinstance(came, AskedAgain):
        typer.echo(f"asked again {time_words(came.at)}")
        return
    elif not _is_as_said(came, outcome):
        typer.echo(f"confide: {_settler(came)} settled it before", err=True)
    else:
        _say(came)
        return
    raise typer.Exit(1)


def report_before(settled: ReviewSettled, outcome: ReviewOutcome) -> None:
    """Say what came of a review that was settled before; exit status 1 unless it was settled as `outcome` says."""
    # Which agencies were given then is in the decision alone.
    if _is_as_said(settled, outcome) and not outcome.agencies:
        typer.echo("settled already, as you say")
        _say(settled)
        return
    typer.echo(f"confide: {_settler(settled)} settled it before", err=True)
    raise typer.Exit(1)


def _say(settled: ReviewSettled) -> None:
    for line in settled_words(settled):
        typer.echo(line)


def _is_as_said(settled: ReviewSettled, outcome: ReviewOutcome) -> bool:
    return all(getattr(settled, field) == getattr(outcome, field) for field in _RECORDED)


def _settler(settled: ReviewSettled) -> str:
    return settled.by or "an acknowledgement of the agency"
