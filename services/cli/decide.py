"""`confide decide`: what the policy makes of disclosures, without a broker and on the pipeline's own way."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, BinaryIO

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(decide)


def decide(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Disclosures as JSON lines; - for standard input.")],
    now: Annotated[
        str | None, typer.Option(help="The time of the decisions in ISO 8601 with its zone; else the clock's.")
    ] = None,
) -> None:
    """Print the decision on each disclosure as a JSON line; a bad line is an error of its own, and exit status 1."""
    at = None if now is None else _read_time(now)
    refused = False
    for number, decided in _decisions(_lines(file), at):
        if isinstance(decided, bytes):
            sys.stdout.buffer.write(decided + b"\n")
            sys.stdout.buffer.flush()
        else:
            refused = True
            typer.echo(f"line {number}: {decided}", err=True)
    if refused:
        raise typer.Exit(1)


def _decisions(lines: Iterator[bytes], at: datetime | None) -> Iterator[tuple[int, bytes | str]]:
    """Yield for each line that is not blank its number and the decision as JSON, or what is wrong with it as text."""
    from schemas.disclosure import parse_json
    from schemas.errors import Invalid
    from schemas.policy import load_policy
    from schemas.records import Decision
    from streams.domain.admission import readable
    from streams.domain.decisions import decision_fields
    from streams.domain.policy import decide as decide_by_policy

    policy = load_policy()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            disclosed = readable(parse_json(line))
        except Invalid as invalid:
            # A line that is no JSON at all has no field to name.
            yield number, "; ".join(str(each).removeprefix("line: ") for each in invalid.problems)
            continue
        decided_at = at or datetime.now(UTC)
        ruling = decide_by_policy(disclosed, now=decided_at, policy=policy)
        decision = Decision.model_validate(decision_fields(disclosed, None, ruling, decided_at))
        yield number, decision.model_dump_json().encode()


def _lines(file: str) -> Iterator[bytes]:
    if file == "-":
        yield from sys.stdin.buffer
        return
    try:
        # Opened here, not by typer: a file that is not there is one plain line.
        stream: BinaryIO = open(file, "rb")  # noqa: PTH123, SIM115 - closed below, whatever the reader does
    except OSError as error:
        typer.echo(f"confide: {file}: {error.strerror}", err=True)
        raise typer.Exit(2) from error
    with stream:
        yield from stream


def _read_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        typer.echo(
            f"confide: --now {text}: is not a time in ISO 8601 with its zone, such as 2026-02-03T21:04:11Z", err=True
        )
        raise typer.Exit(2)
    return at.astimezone(UTC)
