"""`confide policy`: the policy as a table, and the difference between two versions."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from schemas.policy import Policy
from services.cli.paragraphs import broken
from services.cli.policies import policies, version
from streams.domain.plain_english.clause_table import clause_table
from streams.domain.plain_english.difference import Difference, difference
from streams.domain.plain_english.wording import length_words, listed

policy = typer.Typer(help="The policy: its clauses, and what changes from version to version.", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(policy, name="policy")


@policy.command()
def show(
    named: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="A version or a policy file; else what is in force now.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Print every clause: its words, the facts it needs and how they settle it, who is told, the deadlines."""
    chosen = policies(None).in_force(datetime.now(UTC)) if named is None else version(named)
    if as_json:
        typer.echo(
            json.dumps({**_heading(chosen), "clauses": [asdict(entry) for entry in clause_table(chosen)]}, indent=2)
        )
        return
    for line in broken(_table(chosen)):
        typer.echo(line)


@policy.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A version or a policy file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    examples: Annotated[int, typer.Option(min=0, help="Of each change, at most.")] = 2,
    as_json: _Json = False,
) -> None:
    """Print what differs, and for which facts another outcome, agency or deadline follows, counted, with examples."""
    found = difference(version(before), version(after), examples)
    if as_json:
        counted = {"combinations": found.combinations, "changed": found.changed}
        typer.echo(json.dumps({**asdict(found), **counted}, indent=2))
        return
    # A changed copy often keeps the name of its version; then the arguments distinguish the two.
    names = (found.before, found.after) if found.before != found.after else (before, after)
    for line in broken([f"From {names[0]} to {names[1]}", *_changes(found)]):
        typer.echo(line)


def _heading(chosen: Policy) -> dict[str, str | None]:
    until = chosen.effective_until
    return {
        "version": chosen.version,
        "effective_from": chosen.effective_from.isoformat(),
        "effective_until": None if until is None else until.isoformat(),
        "current_for": length_words(chosen.current_for),
        "repeat_window": length_words(chosen.repeat_window),
        "tell_within": length_words(chosen.tell_within),
        "clock_tolerance": length_words(chosen.clock_tolerance),
        "earliest": chosen.earliest.isoformat(),
        "trained": listed(chosen.trained),
        "confirmation": chosen.confirmation,
    }


def _table(chosen: Policy) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in _heading(chosen).items() if value is not None)
    for entry in clause_table(chosen):
        yield ""
        about = {None: "", "any": " (every kind of concern)"}.get(entry.concern, f" ({entry.concern})")
        yield f"{entry.id}{about}: {entry.text}"
        yield f"  To a young person: {entry.plain}"
        yield f"  For staff: {entry.staff}"
        if entry.facts:
            yield f"  Facts: {', '.join(entry.facts)}"
        for how in entry.how:
            yield f"  {how[0].upper()}{how[1:]}." if how.startswith("where") else f"  It {how}."
        if entry.reported_to is not None:
            yield f"  Told: {entry.reported_to}"
        if entry.deadline is not None:
            yield f"  Where a person has to look: within {entry.deadline}"


def _changes(found: Difference) -> Iterator[str]:
    yield ""
    yield "What differs:" if found.parameters else "No value differs."
    for parameter in found.parameters:
        yield f"  {parameter.name}"
        yield f"    was:     {parameter.before}"
        yield f"    becomes: {parameter.after}"
    yield ""
    yield (
        f"For whom: {found.changed:,} of {found.combinations:,} combinations of facts get another outcome, agency or "
        "deadline. They are all that one clause at a time depends on, unknown facts among them."
    )
    for clause in found.clauses:
        if not clause.changes:
            continue
        yield ""
        yield f"{clause.clause}: {clause.changed:,} of {clause.combinations:,}"
        for change in clause.changes:
            yield f"  {change.count:,} times"
            yield f"    was:     {change.before}"
            yield f"    becomes: {change.after}"
            yield from (f"    such as: {example}" for example in change.examples)
