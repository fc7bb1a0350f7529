"""What the verbs of `confide review` read from Kafka, and what they say of records that they could not read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.review.reading import Topics
    from services.review.review_index import Known
    from services.settings import Settings


def checked_master(settings: "Settings") -> bytes:
    """Return the master key; raise `SettingsError` where the keys on their topic are of another."""
    from services.master_key import check_master_key

    master = settings.keys().master

    def disagree(partitions: Sequence[int]) -> None:
        numbers = ", ".join(str(each) for each in partitions)
        typer.echo(f"confide: the newest keys of partitions {numbers} are of another master key", err=True)

    _quiet_client()
    # A person waits at the terminal, and can run the command again.
    check_master_key(settings.bootstrap, master, disagree, patience=0.0)
    return master


def _quiet_client() -> None:
    import logging

    # What the client warns of, the one line at the end says.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@contextmanager
def topics_of(settings: "Settings") -> "Iterator[Topics]":
    """Give the topics; at the end say on standard error what could not be read of them.

    Raises `SettingsError` where Kafka does not answer.
    """
    from kafka.errors import KafkaError

    from services.review.reading import Topics
    from services.settings import SettingsError

    _quiet_client()
    try:
        topics = Topics(settings.bootstrap)
        try:
            yield topics
        finally:
            topics.close()
            _say_unread(topics)
    except KafkaError as error:
        raise SettingsError(f"Kafka at {settings.bootstrap} does not answer ({type(error).__name__})") from error


def _say_unread(topics: "Topics") -> None:
    """Say on standard error which records were not read: one that is missing may be among them."""
    if topics.passed_over:
        count, first = len(topics.passed_over), topics.passed_over[0]
        many = "1 record" if count == 1 else f"{count} records"
        typer.echo(f"confide: {many} could not be read, the first at {first}", err=True)
    for place in topics.hidden:
        typer.echo(f"confide: an open transaction hides what follows {place}: look again later", err=True)


def find(topics: "Topics", given: str) -> "Known":
    """Return the review of that id, or whose id alone begins so; raise `SettingsError` where there is no such one."""
    from services.review.errors import NoSuchReview
    from services.settings import SettingsError

    try:
        return topics.review_index().find(given)
    except NoSuchReview as error:
        raise SettingsError(str(error)) from error


def surroundings() -> tuple[Any, "Settings"]:
    """Return the policy's versions and the settings, the duty rota found to be sound."""
    from services.cli.environment import settings, settings_with_kafka
    from services.cli.policies import policies

    known = policies(None)
    # A wrong rota is said before Kafka is asked for.
    settings().duty(known.latest.trained)
    return known, settings_with_kafka()


def _given(review: str) -> str:
    if not review.strip():
        from services.settings import SettingsError

        raise SettingsError("ID is needed, of the review or how it alone begins: `confide review list` has them")
    return review


#: The argument by which every verb is told its review.
ReviewId = Annotated[
    str,
    typer.Argument(metavar="ID", help="Of the review, or how it alone begins.", show_default=False, callback=_given),
]
