"""Creates and updates the topics as the catalogue declares them, by kafka-python's admin client (decision 0003).

Errors:

    Exception
    ├── TopicsError            the topics are not as declared
    │   ├── PartitionsDiffer   a topic has another partition count than declared; nothing was changed
    │   ├── CopiesDiffer       a topic has another number of copies than wanted; nothing was changed
    │   └── TopicRefused       Kafka refused to create or change a topic
    └── KafkaUnavailable       Kafka did not answer in time (schemas.errors); the call may be made again
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import kafka.errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.broker.configuration import MAX_TRANSACTION, MAX_TRANSACTION_MS
from infra.broker.probe import answers
from schemas.errors import KafkaUnavailable
from schemas.topics import CATALOGUE, Topic

_MILLISECONDS_TO_ANSWER = 15_000
_SHOWN = 3


class TopicsError(Exception):
    """The topics are not as declared. The message is one line with the reason and the remedy."""


class PartitionsDiffer(TopicsError):
    """A topic has another partition count than declared. Lanes keep state by partition, so a count never changes."""

    def __init__(self, differing: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(
            f"partition counts never change once a topic is made: {_listed(differing)}; "
            "apply with the count that it has, or start with an empty cluster"
        )


class CopiesDiffer(TopicsError):
    """A topic has another number of copies than wanted, so it would get the settings of a topic that it is not."""

    def __init__(self, differing: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(
            f"copies of a topic's records do not change by `topics apply`: {_listed(differing)}; "
            "apply with the --replication that it has, or change it by kafka-reassign-partitions first"
        )


def _listed(differing: Mapping[str, tuple[int, int]]) -> str:
    each = [f"{name} has {found}, not {wanted}" for name, (found, wanted) in sorted(differing.items())]
    return ", ".join(each[:_SHOWN]) + (f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else "")


class TopicRefused(TopicsError):
    """Kafka refused to create or change a topic."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"Kafka refused {topic}: {reason}")


class Action(StrEnum):
    """The change that `apply` made to a topic."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Applied:
    """The result of `apply` for one topic, with the changed settings as `name: before → after`."""

    topic: str
    partitions: int
    action: Action
    changes: tuple[str, ...] = ()


def apply(
    bootstrap: str, partitions: int, *, replication: int = 1, catalogue: Mapping[str, Topic] = CATALOGUE
) -> tuple[Applied, ...]:
    """Create missing topics, change differing settings, and return the result for each topic in the catalogue's order.

    Raises PartitionsDiffer and CopiesDiffer before any change is made. Raises KafkaUnavailable and TopicRefused too.
    """
    with _admin(bootstrap) as admin:
        described = {topic["name"]: topic["partitions"] for topic in admin.describe_topics()}
        found = {name: len(each) for name, each in described.items()}
        wanted = {name: topic.count(partitions) for name, topic in catalogue.items()}
        if differing := {
            name: (found[name], count) for name, count in wanted.items() if found.get(name, count) != count
        }:
            raise PartitionsDiffer(differing)
        # Kafka refuses to create a topic with more copies than brokers. For an existing topic it would accept the
        # settings of more copies than it has, and then refuse every record.
        copies = {name: _copies(described[name]) for name in catalogue if name in described}
        if others := {name: (has, replication) for name, has in copies.items() if has != replication}:
            raise CopiesDiffer(others)
        missing = [topic for topic in catalogue.values() if topic.name not in found]
        created = _create(admin, missing, partitions, replication)
        settings = {name: topic.settings(replication) for name, topic in catalogue.items() if name not in created}
        changed = _configure(admin, settings)
    return tuple(
        Applied(name, wanted[name], _action(name in created, name in changed), tuple(changed.get(name, ())))
        for name in catalogue
    )


def broker_warnings(bootstrap: str) -> tuple[str, ...]:
    """Return a line for each broker whose limit for open transactions is too high; raise KafkaUnavailable.

    A line names the broker, its value and the wanted value, in milliseconds, and the reason. A broker that does not
    report its value is named too.
    """
    with _admin(bootstrap) as admin:
        brokers = [str(node["broker_id"]) for node in admin.describe_cluster()["brokers"]]
        asked = [ConfigResource(ConfigResourceType.BROKER, name, [MAX_TRANSACTION]) for name in brokers]
        try:
            found = admin.describe_configs(asked, config_filter="all")["broker"]
        except kafka.errors.AuthorizationError:
            found = {}
    values = {name: found.get(name, {}).get(MAX_TRANSACTION, {}).get("value") for name in brokers}
    return tuple(
        f"broker {name} has {MAX_TRANSACTION} = {value or 'unknown'}, wanted at most {MAX_TRANSACTION_MS}: "
        "an open transaction hides emergencies that were committed after it"
        for name, value in sorted(values.items())
        if value is None or int(value) > MAX_TRANSACTION_MS
    )


def _copies(partitions: Iterable[Mapping[str, Any]]) -> int:
    return min(len(each["replica_nodes"]) for each in partitions)


def _action(created: bool, changed: bool) -> Action:
    if created:
        return Action.CREATED
    return Action.CONFIGURED if changed else Action.UNCHANGED


@contextlib.contextmanager
def _admin(bootstrap: str) -> Iterator[Any]:
    # Probed first: the client would try to connect until its timeout.
    if not answers(bootstrap):
        raise _unavailable(bootstrap)
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=_MILLISECONDS_TO_ANSWER,
            request_timeout_ms=_MILLISECONDS_TO_ANSWER,
            client_id="confide-topics",
        )
    except kafka.errors.KafkaError as problem:
        raise _unavailable(bootstrap) from problem
    try:
        yield client
    except (kafka.errors.KafkaTimeoutError, kafka.errors.KafkaConnectionError) as problem:
        raise _unavailable(bootstrap) from problem
    finally:
        client.close()


def _create(admin: Any, missing: Iterable[Topic], partitions: int, replication: int) -> set[str]:
    new = {
        str(topic.name): {
            "num_partitions": topic.count(partitions),
            "replication_factor": replication,
            "configs": topic.settings(replication),
        }
        for topic in missing
    }
    if not new:
        return set()
    answers = admin.create_topics(new, raise_errors=False)["topics"]
    for answer in answers:
        error = kafka.errors.for_code(answer["error_code"])
        # Another process that applies at the same time may have created it first.
        if error not in (kafka.errors.NoError, kafka.errors.TopicAlreadyExistsError):
            raise TopicRefused(answer["name"], answer["error_message"] or error.__name__)
    admin.wait_for_topics(list(new))
    return {answer["name"] for answer in answers if answer["error_code"] == 0}


def _configure(admin: Any, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    if not wanted:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, str(name), list(settings)) for name, settings in wanted.items()]
    found = admin.describe_configs(asked, config_filter="all")["topic"]
    changes: dict[str, list[str]] = {}
    resources = []
    for name, settings in wanted.items():
        now = {setting: entry["value"] for setting, entry in found[name].items()}
        differing = {setting: value for setting, value in settings.items() if now.get(setting) != value}
        if differing:
            changes[name] = [f"{setting}: {now.get(setting)} → {value}" for setting, value in differing.items()]
            resources.append(ConfigResource(ConfigResourceType.TOPIC, str(name), differing))
    if resources:
        for name, outcome in admin.alter_configs(resources)["topic"].items():
            if outcome != "OK":
                raise TopicRefused(name, outcome)
    return changes


def _unavailable(bootstrap: str) -> KafkaUnavailable:
    return KafkaUnavailable(f"Kafka at {bootstrap} did not answer; start it and apply again")
