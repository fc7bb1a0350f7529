"""Reads reviews and keys from Kafka for the verbs of `confide review`, and reports records that cannot be read."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from kafka.errors import KafkaError

from services.cli.environment import settings, settings_with_kafka
from services.cli.messages import complain
from services.cli.policies import policies
from services.master_key import check_master_key
from services.review.errors import NoSuchReview
from services.review.reading import Topics
from services.review.review_index import Known
from services.settings import Settings, SettingsError


def checked_master(settings: Settings) -> bytes:
    """Return the master key; raise `SettingsError` if the topic of keys has keys of another master key."""
    master = settings.keys().master

    def disagree(partitions: Sequence[int]) -> None:
        numbers = ", ".join(str(each) for each in partitions)
        complain(f"the newest keys of partitions {numbers} are of another master key")

    _quiet_client()
    # No patience: a person waits at the terminal, and can run the command again.
    check_master_key(settings.bootstrap, master, disagree, patience=0.0)
    return master


def _quiet_client() -> None:

    # The line that the command prints at the end reports what the client warns of.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@contextmanager
def topics_of(settings: Settings) -> Iterator[Topics]:
    """Yield the topics; at the end report on standard error what could not be read.

    Raises `SettingsError` if Kafka does not answer.
    """
    _quiet_client()
    try:
        topics = Topics(settings.bootstrap)
        try:
            yield topics
        finally:
            topics.close()
            _report_unread(topics)
    except KafkaError as error:
        raise SettingsError(f"Kafka at {settings.bootstrap} does not answer ({type(error).__name__})") from error


def _report_unread(topics: Topics) -> None:
    """Report on standard error which records were not read: a missing review may be among them."""
    if topics.passed_over:
        count, first = len(topics.passed_over), topics.passed_over[0]
        records = "1 record" if count == 1 else f"{count} records"
        complain(f"{records} could not be read, the first at {first}")
    for location in topics.hidden:
        complain(f"an open transaction hides what follows {location}: look again later")


def find(topics: Topics, given: str) -> Known:
    """Return the review with that id, or the only one whose id begins so; raise `SettingsError` if there is none."""
    try:
        return topics.review_index().find(given)
    except NoSuchReview as error:
        raise SettingsError(str(error)) from error


def policies_and_settings() -> tuple[Any, Settings]:
    """Return the versions of the policy and the settings; raise `SettingsError` if the duty rota is not valid."""
    known = policies(None)
    # The rota is checked first: its fault is reported also if Kafka does not answer.
    settings().duty(known.latest.trained)
    return known, settings_with_kafka()


def _given(review: str) -> str:
    if not review.strip():
        raise SettingsError(
            "ID is the id of a review, or a beginning that no other has: `confide review list` shows them"
        )
    return review


#: The argument of a verb that names a review.
ReviewId = Annotated[
    str,
    typer.Argument(metavar="ID", help="Of the review, or how it alone begins.", show_default=False, callback=_given),
]
