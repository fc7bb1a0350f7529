"""The catalogue has the contract's topics, with the settings that the contract promises."""

import pytest

from schemas import avro_registry, topics
from schemas.agencies import AGENCIES
from schemas.disclosure import MAX_DISCLOSURE_BYTES
from schemas.topics import CATALOGUE, Group, TopicName
from schemas.vocabulary import Agency, Service

DAY = 24 * 3_600_000
SOURCES = {
    "forum.disclosures.v1",
    "forum.disclosures.urgent.v1",
    "text-line.disclosures.v1",
    "text-line.disclosures.urgent.v1",
}
CONTRACT = SOURCES | {
    f"safeguarding.{name}.v1"
    for name in (
        "identity",
        "identity.urgent",
        "identity-links",
        "keys",
        "admitted",
        "admitted.urgent",
        "decisions",
        "reviews",
        "review-outcomes",
        "reports.999",
        "reports.101",
        "reports.social-worker",
        "reports.care-team",
        "deliveries",
        "notifications",
        "ledger",
        "alarms",
    )
}
CHANGELOGS = {
    f"safeguarding.{group}-changelog.v1"
    for group in (
        "admit",
        "identity",
        "decide",
        "connector-999",
        "connector-101",
        "connector-social-worker",
        "connector-care-team",
        "notifier",
        "alarms",
    )
}


def test_every_topic_of_the_contract_its_rejected_one_and_every_changelog_and_no_other() -> None:
    kept = CONTRACT | CHANGELOGS
    assert set(CATALOGUE) == kept | {f"{name}.rejected" for name in kept}
    assert all(name == topic.name for name, topic in CATALOGUE.items())


def test_the_names_are_those_of_the_catalogue() -> None:
    assert {str(name) for name in TopicName} == CONTRACT
    assert {topics.changelog(group) for group in Group} == CHANGELOGS


@pytest.mark.parametrize(
    ("service", "urgent", "name"),
    [
        (Service.FORUM, False, "forum.disclosures.v1"),
        (Service.FORUM, True, "forum.disclosures.urgent.v1"),
        (Service.TEXT_LINE, False, "text-line.disclosures.v1"),
        (Service.TEXT_LINE, True, "text-line.disclosures.urgent.v1"),
    ],
)
def test_a_service_sends_to_its_own_topics(service: Service, urgent: bool, name: str) -> None:
    assert topics.disclosures(service, urgent) == name


@pytest.mark.parametrize(
    ("agency", "name", "group"),
    [
        (Agency.EMERGENCY_999, "safeguarding.reports.999.v1", "connector-999"),
        (Agency.POLICE_101, "safeguarding.reports.101.v1", "connector-101"),
        (Agency.SOCIAL_WORKER, "safeguarding.reports.social-worker.v1", "connector-social-worker"),
        (Agency.CARE_TEAM, "safeguarding.reports.care-team.v1", "connector-care-team"),
    ],
)
def test_an_agency_has_its_topic_and_its_connector(agency: Agency, name: str, group: str) -> None:
    assert AGENCIES[agency].reports == name
    assert AGENCIES[agency].connector == group


def test_all_topics_have_the_deployments_partitions_but_those_of_identity_and_the_alarms() -> None:
    others = {name: topic.count(6) for name, topic in CATALOGUE.items() if topic.count(6) != 6}
    assert others == {
        "safeguarding.identity.v1": 1,
        "safeguarding.identity.v1.rejected": 1,
        "safeguarding.identity.urgent.v1": 1,
        "safeguarding.identity.urgent.v1.rejected": 1,
        "safeguarding.identity-changelog.v1": 1,
        "safeguarding.identity-changelog.v1.rejected": 1,
        "safeguarding.alarms.v1": 1,
        "safeguarding.alarms.v1.rejected": 1,
        "safeguarding.alarms-changelog.v1": 1,
        "safeguarding.alarms-changelog.v1.rejected": 1,
    }


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_rejected_has_the_partitions_of_its_source(name: str) -> None:
    assert CATALOGUE[topics.rejected(name)].count(7) == CATALOGUE[name].count(7)


def test_what_is_compacted() -> None:
    compacted = {name for name, topic in CATALOGUE.items() if topic.config["cleanup.policy"] == "compact"}
    assert compacted == CHANGELOGS | {"safeguarding.identity-links.v1", "safeguarding.keys.v1"}


def test_an_erased_key_leaves_the_disks_within_a_day_and_its_tombstone_outlives_a_slow_reader() -> None:
    keys = CATALOGUE[TopicName.KEYS].config
    assert int(keys["segment.ms"]) <= int(keys["max.compaction.lag.ms"]) <= DAY
    assert int(keys["delete.retention.ms"]) >= 7 * DAY


def test_what_a_service_sent_in_clear_is_forgotten() -> None:
    for name in SOURCES:
        assert int(CATALOGUE[name].config["retention.ms"]) == topics.SOURCE_DAYS * DAY
    for name in CONTRACT:
        assert int(CATALOGUE[topics.rejected(name)].config["retention.ms"]) == topics.REJECTED_DAYS * DAY


def test_marks_outlast_what_could_bring_a_record_again_and_ids_outlast_the_marks() -> None:
    asked = [name for name in CONTRACT if ".reports." in name or name.endswith(("notifications.v1", "decisions.v1"))]
    for name in asked:
        config = CATALOGUE[name].config
        assert int(config["retention.ms"]) + int(config["segment.ms"]) < topics.FINISHED_DAYS * DAY
    # Otherwise a report with other content under a used id would count as told.
    assert topics.FINISHED_DAYS < topics.KNOWN_DAYS
    sent_again = topics.SOURCE_DAYS + topics.REJECTED_DAYS + topics.PASSING_DAYS + 3 * topics.SEGMENT_DAYS
    assert sent_again < topics.KNOWN_DAYS


def test_the_ledger_alone_keeps_everything() -> None:
    assert [name for name, topic in CATALOGUE.items() if topic.config.get("retention.ms") == "-1"] == [TopicName.LEDGER]


def test_a_source_takes_what_is_too_large_for_a_disclosure_and_rejected_takes_that() -> None:
    for name in SOURCES:
        source, refused = (int(CATALOGUE[each].config["max.message.bytes"]) for each in (name, f"{name}.rejected"))
        assert MAX_DISCLOSURE_BYTES < source <= 1024 * 1024 < refused


def test_the_broker_unpacks_what_the_services_compress_and_nothing_else() -> None:
    assert {
        name for name, topic in CATALOGUE.items() if topic.config.get("compression.type") == "uncompressed"
    } == SOURCES
    assert all("compression.type" not in topic.config for name, topic in CATALOGUE.items() if name not in SOURCES)


def test_all_but_the_sources_take_values_of_four_mebibytes() -> None:
    for name, topic in CATALOGUE.items():
        assert name in SOURCES or int(topic.config["max.message.bytes"]) > topics.MAX_VALUE_BYTES == 4 * 1024 * 1024


@pytest.mark.parametrize(("replication", "copies"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_an_acknowledged_record_is_on_all_replicas_but_one(replication: int, copies: str) -> None:
    for topic in CATALOGUE.values():
        settings = topic.settings(replication)
        assert settings.pop("min.insync.replicas") == copies
        assert settings == {**topic.config, **topics.STAMPED}


def test_the_broker_stamps_each_record_of_each_topic() -> None:
    for topic in CATALOGUE.values():
        assert topic.settings(1)["message.timestamp.type"] == "LogAppendTime"


def test_each_record_is_carried_by_a_topic_and_each_that_is_carried_has_a_schema() -> None:
    carried = {record for topic in CATALOGUE.values() for record in topic.carries}
    # Sealed details are only inside sealed sections; open reviews are only in the state of their lane.
    assert carried == set(avro_registry.RECORDS) - {"SealedDetails", "SealedComment", "OpenReview", "OpenReport"}
