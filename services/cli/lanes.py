"""Options of the verbs that run lanes: `--slot` names the process, `--accept` accepts the loss of a lane."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from kafka.errors import KafkaError

from services.committed_reader import committed_reader
from services.settings import SettingsError

#: The characters that Kafka allows in the id of a group member, which is the group's name followed by the slot.
_SLOT = re.compile(r"[A-Za-z0-9._-]{1,100}")


def _checked(slot: str | None) -> str | None:
    if slot is not None and not _SLOT.fullmatch(slot):
        raise SettingsError("--slot takes up to 100 letters, digits, dots, dashes and underscores")
    return slot


Slot = Annotated[
    str | None,
    typer.Option(
        callback=_checked,
        help="A name of this process's own, no other's at the time, that stays over restarts; quick ones move no work.",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LANE",
        help="A lane, such as notifier-2, that was refused because its state and its offsets do not fit: it begins "
        "where its logs do, and what was lost is lost. May be given several times; leave it out at the next start.",
    ),
]


def accepted(lanes: Sequence[str] | None, bootstrap: str, sources: Mapping[str, str]) -> frozenset[str]:
    """Return the lanes that `--accept` names; raise `SettingsError` for a lane that this process cannot have.

    `sources` has a topic of each of its groups: a group has a lane for each partition of it.
    """
    if not lanes:
        return frozenset()
    for lane in lanes:
        group, _, number = lane.rpartition("-")
        if group not in sources or not re.fullmatch(r"0|[1-9][0-9]{0,5}", number):
            names = " or ".join(f"{name}-N" for name in sources)
            raise SettingsError(f"--accept names a lane of this process: {names}, N being the partition")
    counts = _partition_counts(bootstrap, sources)
    for lane in lanes:
        group, _, number = lane.rpartition("-")
        # A process refuses to start without a topic of its own, and says which.
        if (count := counts[group]) and int(number) >= count:
            raise SettingsError(f"--accept {lane}: there is no such lane; allowed: {_lanes_of(group, count)}")
    return frozenset(lanes)


def _lanes_of(group: str, count: int) -> str:
    return f"{group}-0" if count == 1 else f"{group}-0 to {group}-{count - 1}"


def _partition_counts(bootstrap: str, sources: Mapping[str, str]) -> Mapping[str, int]:
    """Return how many partitions the topic of each group has; 0 if there is no such topic."""
    try:
        consumer = committed_reader(bootstrap, allow_auto_create_topics=False)
        try:
            return {group: len(consumer.partitions_for_topic(topic) or ()) for group, topic in sources.items()}
        finally:
            consumer.close()
    except KafkaError as error:
        raise SettingsError(f"Kafka at {bootstrap} does not answer ({type(error).__name__})") from error
