"""`confide topics`: applies the declared topics to a Kafka."""

from typing import Annotated

import typer

from infra import broker
from infra.topics import Action, TopicsError, broker_warnings
from infra.topics import apply as apply_catalogue
from schemas.errors import KafkaUnavailable
from services.cli.messages import complain, say

topics = typer.Typer(help="The topics as they are declared.", no_args_is_help=True)


@topics.callback()
def _group() -> None:
    # Without a callback typer would make its only verb the command itself, without a name.
    pass


@topics.command()
def apply(
    partitions: Annotated[int, typer.Option(min=1, help="Of every topic keyed by person; never changes later.")] = 4,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each record, at most as many as brokers.")] = 1,
) -> None:
    """Create the topics that are missing and set what differs; safe to repeat."""
    try:
        bootstrap = broker.find_bootstrap()
        if bootstrap is None:
            complain("no Kafka: set KAFKA_BOOTSTRAP, or run `confide broker start`")
            raise typer.Exit(1)
        done = apply_catalogue(bootstrap, partitions, replication=replication)
        warnings = broker_warnings(bootstrap)
    except (broker.BrokerError, KafkaUnavailable, TopicsError) as problem:
        complain(str(problem))
        raise typer.Exit(1) from problem
    for one in done:
        if one.action is not Action.UNCHANGED:
            say(f"{one.action:<10}  {one.topic}  {'; '.join(one.changes) or f'partitions: {one.partitions}'}")
    counts = ", ".join(f"{sum(one.action is action for one in done)} {action}" for action in Action)
    for warning in warnings:
        complain(f"warning: {warning}")
    say(f"{len(done)} topics at {bootstrap}: {counts}")


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(topics, name="topics")
