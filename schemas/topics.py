"""The catalogue of all topics: name, partitions, records, retention and largest batch of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas.vocabulary import Service

_KIB = 1024
_MIB = 1024 * _KIB
_HOUR = 3_600_000
_DAY = 24 * _HOUR

#: Largest value on a topic after the services' topics, and on a `.rejected` topic, in bytes.
MAX_VALUE_BYTES = 4 * _MIB

#: Bytes of a batch with one such value, its key, its headers and the batch's own fields.
MAX_BATCH_BYTES = MAX_VALUE_BYTES + 64 * _KIB

#: Most bytes of a batch on the services' topics, unpacked. It is more than the 256 KiB of the largest disclosure, so
#: that a larger one arrives and is rejected whole; otherwise only its producer would see an error.
MAX_SOURCE_BATCH_BYTES = 1 * _MIB


#: The broker sets the timestamp of every record when it appends it, and ignores the writer's. So the wrong clock of a
#: writer changes neither the retention nor the arrival time of a record, and a writer whose clock is more than an hour
#: ahead is not refused. See decision 0024.
STAMPED: Mapping[str, str] = MappingProxyType({"message.timestamp.type": "LogAppendTime"})


class TopicName(StrEnum):
    """The topics of the contract's table. Each has a second topic `rejected(topic)`."""

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


#: Topics of records that may be emergencies: a person must look at each record that is rejected from them.
URGENT = frozenset(
    {
        TopicName.FORUM_DISCLOSURES_URGENT,
        TopicName.TEXT_LINE_DISCLOSURES_URGENT,
        TopicName.IDENTITY_URGENT,
        TopicName.ADMITTED_URGENT,
    }
)


class Group(StrEnum):
    """The lane groups. Each keeps its state in a changelog topic."""

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
    """The declaration of one topic."""

    name: str
    #: None: the deployment's partition count, which all topics keyed by person share and which never changes.
    partitions: int | None
    config: Mapping[str, str]
    #: Names of the records that may be its values; empty if the values are other bytes.
    carries: tuple[str, ...] = ()

    def count(self, deployment: int) -> int:
        """Return the topic's number of partitions in a deployment with the given count."""
        return deployment if self.partitions is None else self.partitions

    def settings(self, replication: int) -> dict[str, str]:
        """Return the topic's configuration at that replication. A write needs all replicas but one."""
        return {**self.config, **STAMPED, "min.insync.replicas": str(max(1, replication - 1))}


def disclosures(service: Service, urgent: bool) -> TopicName:
    """Return the topic for a service's disclosures."""
    match service:
        case Service.FORUM:
            return TopicName.FORUM_DISCLOSURES_URGENT if urgent else TopicName.FORUM_DISCLOSURES
        case Service.TEXT_LINE:
            return TopicName.TEXT_LINE_DISCLOSURES_URGENT if urgent else TopicName.TEXT_LINE_DISCLOSURES


#: The service that writes each of the services' topics. The topic decides the service of a record, not its field.
SERVICE_OF: Mapping[str, Service] = MappingProxyType(
    {disclosures(service, urgent): service for service in Service for urgent in (True, False)}
)


def rejected(topic: str) -> str:
    """Return the topic for the original bytes of records of `topic` that cannot be read or processed."""
    return f"{topic}.rejected"


def changelog(group: str) -> str:
    """Return the topic with the state of a lane group."""
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
    # The data that a tombstone erases leaves every disk within a day, even if little is written after it.
    "max.compaction.lag.ms": str(_DAY),
    "segment.ms": str(_HOUR),
    # Small segments and early compaction keep the log short that a lane or a follower must read before it starts.
    "segment.bytes": str(64 * _MIB),
    "min.cleanable.dirty.ratio": "0.1",
    # A reader that began before a tombstone was written has a week to reach it.
    "delete.retention.ms": str(7 * _DAY),
    "max.message.bytes": str(MAX_BATCH_BYTES),
    "unclean.leader.election.enable": "false",
}

#: Retention of raw identifiers and free text in clear, in days: as long as Kafka keeps the offsets of an idle consumer
#: group, so that an outage over a long weekend loses nothing; and no longer.
SOURCE_DAYS = 7

#: Retention of rejected records, in days. They are in clear if a service sent them; a person needs the time to look at
#: one, correct it and send it again.
REJECTED_DAYS = 30

#: Retention of sealed records between two agents, in days: for an outage and its investigation.
PASSING_DAYS = 30

#: Retention of sealed decisions and deliveries, in days: as long as the services and the duty desk ask about a case.
OUTCOME_DAYS = 90

#: A segment is closed after at most a day, and deleted as a whole: its first record stays readable up to a day longer
#: than the retention.
SEGMENT_DAYS = 1

#: Days that a lane keeps the done entry of a finished report or notice, counted from its request. A lane that is set to
#: begin at the start of its log can read the record again until its segment is deleted; one more day covers clocks
#: that differ. After that only DECIDE could send it again, and DECIDE remembers its disclosure for longer.
FINISHED_DAYS = OUTCOME_DAYS + SEGMENT_DAYS + 1

#: Days that ADMIT remembers the id of a disclosure after its first record. In that time a record with the same id and
#: content changes nothing, and one with other content is rejected. It is longer than a service's record (SOURCE_DAYS)
#: or a rejected record (REJECTED_DAYS) is kept, longer than a decision can be read, and longer than FINISHED_DAYS:
#: otherwise a report with other content under the same id would be taken for the first one and never be sent.
#:
#: A record that arrives again even later (an old file that is sent again) is decided again. That is harmless: all ids
#: derive from the disclosure's id, so the connector sends the report with its old id as idempotency key. The agency
#: answers that it has the report (200) or another one (409); then a person looks at it. The person may get a second
#: notice.
KNOWN_DAYS = FINISHED_DAYS + 1

_ONE_LANE = 1


def _source(name: TopicName) -> Topic:
    # The broker unpacks a service's batches, so that `max.message.bytes` limits the unpacked batch. Otherwise a few KiB
    # could become gigabytes in each process that reads them (see decision 0019).
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
    Topic(TopicName.ADMITTED_URGENT, None, _kept(PASSING_DAYS), ("Admitted", "UrgentRejected", "RejectedAccepted")),
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
    # One partition, so that one lane sees every alarm and the receiver gets one call at a time. Not compacted: each
    # review is a separate cause, and the last record of each would stay for ever.
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
        # For timers, effects and state entries of the lane that were put aside.
        yield Topic(rejected(changelog(group)), partitions, _kept(REJECTED_DAYS))


#: Every topic by its name, in the order of their creation.
CATALOGUE: Mapping[str, Topic] = MappingProxyType({str(topic.name): topic for topic in _catalogue()})
