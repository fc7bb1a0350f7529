"""`confide decide`: decisions on disclosures from a file, without Kafka, by the functions that the pipeline calls."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from schemas.disclosure import ReadableDisclosure, parse_json, too_large
from schemas.errors import Invalid
from schemas.policy import Policies, Policy
from schemas.records import Decision
from services.cli.disclosure_lines import Line, NotJsonLines, read_lines
from services.cli.messages import complain
from services.cli.paragraphs import broken
from services.cli.policies import policies, refuse, time_of
from streams.domain.admission import readable
from streams.domain.decisions import decision_fields
from streams.domain.plain_english.explanation import explanation
from streams.domain.policy import decide as decide_by_policy


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(decide)


def decide(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Disclosures as JSON lines; - for standard input.")],
    now: Annotated[
        str | None,
        typer.Option(help="When all arrived and are decided, in ISO 8601 with its zone; else the clock's time."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Decide all under the version in force then, not when each was disclosed."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE|FOLDER", help="Another policy, or a folder with all its versions.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say it in plain English instead.")] = False,
) -> None:
    """Print the decision on each disclosure as a JSON line; a bad line is an error of its own, and exit status 1."""
    known = policies(policy)
    at = None if now is None else _since_first("--now", now, known)
    versions = known if as_of is None else _version_of(known, as_of)
    refused = False
    for number, decided in decisions(_lines(file), at, versions, _explained if explain else as_json):
        if isinstance(decided, bytes):
            sys.stdout.buffer.write(decided + b"\n")
            sys.stdout.buffer.flush()
        else:
            refused = True
            complain(f"line {number}: {decided}", named=False)
    if refused:
        raise typer.Exit(1)


def _version_of(known: Policies, as_of: str) -> Policy:
    """Return the version in force at that time; end the command for a time before the first version."""
    return known.in_force(_since_first("--as-of", as_of, known))


def _since_first(option: str, text: str, known: Policies) -> datetime:
    """Return the time in an option; end the command for a time before the first version."""
    at = time_of(option, text)
    if at < known.first_from:
        refuse(f"{option} {text}: no version was in force then; allowed: from {known.first_from.isoformat()} on")
    return at


_Format = Callable[[ReadableDisclosure, datetime, Policies | Policy], bytes]


def decisions(
    lines: Iterator[Line], at: datetime | None, versions: Policies | Policy, formatted: _Format
) -> Iterator[tuple[int, bytes | str]]:
    """Yield the number of each line that is not blank, with its decision as bytes or its errors as text."""
    for line in lines:
        try:
            if not line.is_whole:
                raise too_large()
            arrived_at = at or datetime.now(UTC)
            version = versions if isinstance(versions, Policy) else versions.in_force(arrived_at)
            disclosed = readable(parse_json(line.raw), arrived_at, version.clock_tolerance)
        except Invalid as invalid:
            # `line: ` stands for a field if the line is not JSON; the caller prints the number of the line.
            yield line.number, "; ".join(str(each).removeprefix("line: ") for each in invalid.problems)
            continue
        yield line.number, formatted(disclosed, arrived_at, versions)


def as_json(disclosed: ReadableDisclosure, at: datetime, versions: Policies | Policy) -> bytes:
    """Return the decision on a disclosure as JSON."""
    ruling = decide_by_policy(disclosed, now=at, policy=versions)
    return Decision.model_validate(decision_fields(disclosed, None, ruling, at)).model_dump_json().encode()


def _explained(disclosed: ReadableDisclosure, at: datetime, versions: Policies | Policy) -> bytes:
    ruling = decide_by_policy(disclosed, now=at, policy=versions)
    return "".join(f"{line}\n" for line in broken(explanation(disclosed, ruling))).encode()


def _lines(file: str) -> Iterator[Line]:
    if file == "-":
        yield from _read(file, sys.stdin.buffer)
        return
    try:
        # Opened here and not by typer, so that a missing file is reported in one line.
        stream: BinaryIO = open(file, "rb")  # noqa: PTH123, SIM115 - closed by the `with` below
    except OSError as error:
        refuse(f"{file}: {error.strerror}", cause=error)
    with stream:
        yield from _read(file, stream)


def _read(file: str, stream: BinaryIO) -> Iterator[Line]:
    try:
        yield from read_lines(stream)
    except NotJsonLines as error:
        refuse(f"{file} {NotJsonLines.__doc__}", cause=error)
