"""The catalogue of every topic: name, partitions, what it carries, for how long, and how large a value may be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas.vocabulary import Service

_KIB = 1024
_MIB = 1024 * _KIB
_HOUR = 3_600_000
_DAY = 24 * _HOUR

#: The largest value of a topic behind the services' own, rejected ones too, in bytes (contract, *Topics*).
MAX_VALUE_BYTES = 4 * _MIB

#: A batch of one such value, with its key, headers and the batch's own fields, in bytes.
MAX_BATCH_BYTES = MAX_VALUE_BYTES + 64 * _KIB

#: Bytes of one batch of the services' own topics, unpacked. They take more than the 256 KiB that a disclosure may have,
#: so that a larger one is found there and rejected whole instead of failing in its producer alone.
MAX_SOURCE_BATCH_BYTES = 1 * _MIB


#: The broker stamps every record when it appends it. What a writer claims counts for nothing: neither for how long the
#: record is kept, nor for when it arrived, nor is a writer refused whose clock is more than an hour ahead.
#: See decision 0024.
STAMPED: Mapping[str, str] = MappingProxyType({"message.timestamp.type": "LogAppendTime"})


class TopicName(StrEnum):
    """The topics of the contract's table; each has `rejected(topic)` beside it."""

    FORUM_DISCLOSURES = "forum.disclosures.v1"
    FORUM_DISCLOSURES_URGENT = "forum.disclosures.urgent.v1"
    TEXT_LINE_DISCLOSURES = "text-line.disclosures.v1"
    TEXT_LINE_DISCLOSURES_URGENT = "text-line.disclosures.urgent.v1"
    IDENTITY = "safeguarding.identity.v1"
    IDENTITY_URGENT = "safeguarding.identity.urgent.v1"
    IDENTITY_LINKS = "safeguarding.identity-links.v1"
    KEYS = "safeguarding.keys.v1"
    ADMITTED = "safeguarding.admitted.v1"
    ADMITTED_URGENT = "safeguarding.admitted.urgent.v1"
    DECISIONS = "safeguarding.decisions.v1"
    REVIEWS = "safeguarding.reviews.v1"
    REVIEW_OUTCOMES = "safeguarding.review-outcomes.v1"
    REPORTS_999 = "safeguarding.reports.999.v1"
    REPORTS_101 = "safeguarding.reports.101.v1"
    REPORTS_SOCIAL_WORKER = "safeguarding.reports.social-worker.v1"
    REPORTS_CARE_TEAM = "safeguarding.reports.care-team.v1"
    DELIVERIES = "safeguarding.deliveries.v1"
    NOTIFICATIONS = "safeguarding.notifications.v1"
    LEDGER = "safeguarding.ledger.v1"
    ALARMS = "safeguarding.alarms.v1"


#: What may be an emergency: a record that is rejected here is looked at by a person.
URGENT = frozenset(
    {
        TopicName.FORUM_DISCLOSURES_URGENT,
        TopicName.TEXT_LINE_DISCLOSURES_URGENT,
        TopicName.IDENTITY_URGENT,
        TopicName.ADMITTED_URGENT,
    }
)


class Group(StrEnum):
    """The lane groups, each of which keeps its state in a changelog."""

    ADMIT = "admit"
    IDENTITY = "identity"
    DECIDE = "decide"
    CONNECTOR_999 = "connector-999"
    CONNECTOR_101 = "connector-101"
    CONNECTOR_SOCIAL_WORKER = "connector-social-worker"
    CONNECTOR_CARE_TEAM = "connector-care-team"
    NOTIFIER = "notifier"
    ALARMS = "alarms"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is declared."""

    name: str
    #: Null is the deployment's one count, which all topics of persons share and which never changes.
    partitions: int | None
    config: Mapping[str, str]
    #: Names of the records that may be its values; empty where they are bytes of another kind.
    carries: tuple[str, ...] = ()

    def count(self, deployment: int) -> int:
        """Return the number of partitions where the deployment's count is the given one."""
        return deployment if self.partitions is None else self.partitions

    def settings(self, replication: int) -> dict[str, str]:
        """Return the topic's configuration at that replication: all copies but one must have what is acknowledged."""
        return {**self.config, **STAMPED, "min.insync.replicas": str(max(1, replication - 1))}


def disclosures(service: Service, urgent: bool) -> TopicName:
    """Return the topic that a service sends its disclosures to."""
    match service:
        case Service.FORUM:
            return TopicName.FORUM_DISCLOSURES_URGENT if urgent else TopicName.FORUM_DISCLOSURES
        case Service.TEXT_LINE:
            return TopicName.TEXT_LINE_DISCLOSURES_URGENT if urgent else TopicName.TEXT_LINE_DISCLOSURES


#: Whose disclosures each of the services' own topics carries: the topic says who wrote a record, not the record.
SERVICE_OF: Mapping[str, Service] = MappingProxyType(
    {disclosures(service, urgent): service for service in Service for urgent in (True, False)}
)


def rejected(topic: str) -> str:
    """Return the topic that takes what cannot be read or handled on the given one, as the original bytes."""
    return f"{topic}.rejected"


def changelog(group: str) -> str:
    """Return the topic that holds the state of a lane group."""
    return f"safeguarding.{group}-changelog.v1"


def _kept(days: int, max_bytes: int = MAX_BATCH_BYTES) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY),
        "segment.ms": str(SEGMENT_DAYS * _DAY),
        "max.message.bytes": str(max_bytes),
        "unclean.leader.election.enable": "false",
    }


_FOREVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(MAX_BATCH_BYTES),
    "unclean.leader.election.enable": "false",
}

_COMPACTED = {
    "cleanup.policy": "compact",
    # What a tombstone erases is gone from every disk within a day, however little is written after it.
    "max.compaction.lag.ms": str(_DAY),
    "segment.ms": str(_HOUR),
    # Small segments and an early clean-up keep short what a lane or a follower reads before it may start.
    "segment.bytes": str(64 * _MIB),
    "min.cleanable.dirty.ratio": "0.1",
    # A reader that began before a tombstone has a week to reach it.
    "delete.retention.ms": str(7 * _DAY),
    "max.message.bytes": str(MAX_BATCH_BYTES),
    "unclean.leader.election.enable": "false",
}

#: Raw identifiers and free text, in clear: as long as Kafka remembers an idle group's place, so that an outage over a
#: long weekend loses nothing, and no longer.
SOURCE_DAYS = 7

#: The same in clear where it came from a service; a person needs the time to look, correct and send it again.
REJECTED_DAYS = 30

#: On its way between two agents and sealed; kept for an outage and for looking into one.
PASSING_DAYS = 30

#: What was decided and done, sealed: for as long as the services and the desk may ask about a case.
OUTCOME_DAYS = 90

#: A segment is closed after at most a day and deleted whole: so much longer than stated may its first record be read.
SEGMENT_DAYS = 1

#: How long a report or a notice that was settled is known as such, counted from when it was asked for. Its record can
#: be read again (by a lane that was told to begin where its log does) until its segment is gone; a day to spare is for
#: clocks that differ. Later only DECIDE could bring it, and DECIDE knows its disclosure for longer.
SETTLED_DAYS = OUTCOME_DAYS + SEGMENT_DAYS + 1

#: How long the id of a disclosure is known after it was first seen: what comes again under it in that time changes
#: nothing, or is rejected where it says something else. Longer than what a service sent (SOURCE_DAYS) or an operator
#: may correct and send again (REJECTED_DAYS) is kept, longer than a decision can be read, and a day longer than
#: SETTLED_DAYS: no report of other content under the same id ever meets the mark of the first and is taken for told.
#:
#: What comes again later still (an old file, sent again) is decided again, which is harmless: all ids follow from the
#: disclosure's, so the agency is asked under the report's old id as idempotency key, and answers that it has it (200),
#: or another one (409), which a person then looks at. The person may be told of it a second time.
KNOWN_DAYS = SETTLED_DAYS + 1

_ONE_LANE = 1


def _source(name: TopicName) -> Topic:
    # Has the broker unpack what a service compressed, so that `max.message.bytes` counts for the unpacked batch: a few
    # KiB could otherwise become gigabytes in each of our processes that reads them (see decision 0019).
    unpacked = {"compression.type": "uncompressed"}
    return Topic(name, None, _kept(SOURCE_DAYS, MAX_SOURCE_BATCH_BYTES) | unpacked, ("Disclosure",))


_CONTRACT = (
    _source(TopicName.FORUM_DISCLOSURES),
    _source(TopicName.FORUM_DISCLOSURES_URGENT),
    _source(TopicName.TEXT_LINE_DISCLOSURES),
    _source(TopicName.TEXT_LINE_DISCLOSURES_URGENT),
    Topic(TopicName.IDENTITY, _ONE_LANE, _kept(PASSING_DAYS), ("Admitted",)),
    Topic(TopicName.IDENTITY_URGENT, _ONE_LANE, _kept(PASSING_DAYS), ("Admitted",)),
    Topic(TopicName.IDENTITY_LINKS, None, _COMPACTED, ("Edge", "TokenOwner")),
    Topic(TopicName.KEYS, None, _COMPACTED, ("KeyRecord",)),
    Topic(TopicName.ADMITTED, None, _kept(PASSING_DAYS), ("Admitted",)),
    Topic(TopicName.ADMITTED_URGENT, None, _kept(PASSING_DAYS), ("Admitted", "UrgentRejected")),
    Topic(TopicName.DECISIONS, None, _kept(OUTCOME_DAYS), ("Decision",)),
    Topic(TopicName.REVIEWS, None, _kept(OUTCOME_DAYS), ("ReviewRequested", "ReviewSettled")),
    Topic(TopicName.REVIEW_OUTCOMES, None, _kept(OUTCOME_DAYS), ("ReviewOutcome",)),
    Topic(TopicName.REPORTS_999, None, _kept(OUTCOME_DAYS), ("Report", "ReportStopped")),
    Topic(TopicName.REPORTS_101, None, _kept(OUTCOME_DAYS), ("Report", "ReportStopped")),
    Topic(TopicName.REPORTS_SOCIAL_WORKER, None, _kept(OUTCOME_DAYS), ("Report", "ReportStopped")),
    Topic(TopicName.REPORTS_CARE_TEAM, None, _kept(OUTCOME_DAYS), ("Report", "ReportStopped")),
    Topic(TopicName.DELIVERIES, None, _kept(OUTCOME_DAYS), ("DeliveryChanged",)),
    Topic(TopicName.NOTIFICATIONS, None, _kept(OUTCOME_DAYS), ("NotificationDue", "NotificationSettled")),
    Topic(TopicName.LEDGER, None, _FOREVER),
    # One partition, so that one lane sees every alarm and the receiver gets one call at a time. Not compacted: every
    # review is a cause of its own, and the last record of each would stay for ever.
    Topic(TopicName.ALARMS, _ONE_LANE, _kept(PASSING_DAYS), ("AlarmChanged",)),
)
#: Lane groups whose topics have one partition.
_SINGLE_LANES = frozenset((Group.IDENTITY, Group.ALARMS))


def _catalogue() -> Iterable[Topic]:
    for topic in _CONTRACT:
        yield topic
        yield Topic(rejected(topic.name), topic.partitions, _kept(REJECTED_DAYS))
    for group in Group:
        partitions = _ONE_LANE if group in _SINGLE_LANES else None
        yield Topic(changelog(group), partitions, _COMPACTED)
        # Timers, effects and entries of the lane's state that were put aside.
        yield Topic(rejected(changelog(group)), partitions, _kept(REJECTED_DAYS))


#: Every topic by its name, in the order in which they are made.
CATALOGUE: Mapping[str, Topic] = MappingProxyType({str(topic.name): topic for topic in _catalogue()})
