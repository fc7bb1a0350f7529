"""Topics are made and kept as the catalogue declares them, on a real broker."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from typer.testing import CliRunner

from infra.broker import LocalBroker, configuration
from infra.topics import Action, Applied, CopiesDiffer, PartitionsDiffer, TopicRefused, apply
from schemas.errors import KafkaUnavailable
from schemas.topics import CATALOGUE, Topic
from services.cli import topics as cli
from tests.brokers import PARTITIONS

pytestmark = pytest.mark.integration


def by_action(done: tuple[Applied, ...], action: Action) -> set[str]:
    return {one.topic for one in done if one.action is action}


def test_every_topic_is_there_with_its_partitions_and_settings(bootstrap: str) -> None:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
        configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in CATALOGUE])
    for name, topic in CATALOGUE.items():
        assert found[name] == topic.count(PARTITIONS)
        settings = {key: entry["value"] for key, entry in configs["topic"][name].items()}
        assert topic.settings(1).items() <= settings.items(), name


def test_applying_again_changes_nothing(bootstrap: str) -> None:
    done = apply(bootstrap, PARTITIONS)
    assert by_action(done, Action.UNCHANGED) == set(CATALOGUE)


def wait_for_retention(admin: KafkaAdminClient, topic: str, value: str) -> None:
    """A change of settings is answered before the broker has it from its controller."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, ["retention.ms"])]
    deadline = time.monotonic() + 10
    while (found := admin.describe_configs(asked)["topic"][topic]["retention.ms"]["value"]) != value:
        assert time.monotonic() < deadline, found


def test_a_setting_that_differs_is_set_back_and_reported(bootstrap: str) -> None:
    name = next(name for name, topic in CATALOGUE.items() if topic.config.get("cleanup.policy") == "delete")
    declared = CATALOGUE[name].config["retention.ms"]
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1234567"})])
        wait_for_retention(admin, name, "1234567")
        done = apply(bootstrap, PARTITIONS)
        wait_for_retention(admin, name, declared)
    (changed,) = [one for one in done if one.action is Action.CONFIGURED]
    assert changed.topic == name
    assert changed.changes == (f"retention.ms: 1234567 → {declared}",)


def test_another_partition_count_is_refused_and_nothing_is_made(bootstrap: str) -> None:
    new = Topic("test.topics-apply.never-made.v1", None, {})
    with pytest.raises(PartitionsDiffer, match="has 4, not 5") as refusal:
        apply(bootstrap, PARTITIONS + 1, catalogue={**CATALOGUE, new.name: new})
    assert "\n" not in str(refusal.value)
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        assert new.name not in admin.list_topics()


def test_only_what_is_missing_is_made(bootstrap: str) -> None:
    name = "test.topics-apply.made.v1"
    topic = replace(next(iter(CATALOGUE.values())), name=name, partitions=2)
    catalogue = {**CATALOGUE, name: topic}
    try:
        done = apply(bootstrap, PARTITIONS, catalogue=catalogue)
        assert by_action(done, Action.CREATED) == {name}
        assert by_action(apply(bootstrap, PARTITIONS, catalogue=catalogue), Action.CREATED) == set()
    finally:
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            admin.delete_topics([name])


def test_a_setting_that_kafka_does_not_know_is_refused(bootstrap: str) -> None:
    topic = Topic("test.topics-apply.bad.v1", 1, {"retention.ms": "a while"})
    with pytest.raises(TopicRefused, match=r"test\.topics-apply\.bad\.v1.*retention\.ms"):
        apply(bootstrap, 1, catalogue={topic.name: topic})


def test_more_copies_than_brokers_are_refused(bootstrap: str) -> None:
    topic = Topic("test.topics-apply.copies.v1", 1, {})
    with pytest.raises(TopicRefused, match=r"test\.topics-apply\.copies\.v1"):
        apply(bootstrap, 1, replication=3, catalogue={topic.name: topic})


def test_more_copies_than_a_topic_has_change_nothing(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka would take `min.insync.replicas` of 2 for a topic with one copy, and then refuse every record."""
    before = apply(bootstrap, PARTITIONS)
    with pytest.raises(CopiesDiffer, match=r"has 1, not 3.* and \d+ more; apply with the --replication that it has"):
        apply(bootstrap, PARTITIONS, replication=3)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", bootstrap)
    refused = CliRunner().invoke(cli.topics, ["apply", "--partitions", str(PARTITIONS), "--replication", "3"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert by_action(apply(bootstrap, PARTITIONS), Action.UNCHANGED) == {each.topic for each in before}


def test_a_missing_broker_is_reported_in_one_line(own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    broker.kill()
    with pytest.raises(KafkaUnavailable, match=broker.bootstrap) as problem:
        apply(broker.bootstrap, 1)
    assert "\n" not in str(problem.value)


def test_the_command_applies_and_says_what_it_did(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", bootstrap)
    good = CliRunner().invoke(cli.topics, ["apply", "--partitions", str(PARTITIONS)])
    assert good.exit_code == 0
    assert good.stderr == ""
    assert f"{len(CATALOGUE)} topics at {bootstrap}: 0 created, 0 configured, {len(CATALOGUE)} unchanged" in good.stdout
    bad = CliRunner().invoke(cli.topics, ["apply", "--partitions", "9"])
    assert bad.exit_code == 1
    assert bad.stderr.startswith("confide: partition counts never change")


def test_a_broker_that_lets_transactions_stay_open_for_long_is_a_warning(
    own_broker: Callable[[], LocalBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient = {**configuration.SINGLE_NODE, "transaction.max.timeout.ms": "900000"}
    monkeypatch.setattr(configuration, "SINGLE_NODE", lenient)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", own_broker().bootstrap)
    applied = CliRunner().invoke(cli.topics, ["apply"])
    assert applied.exit_code == 0
    (line,) = applied.stderr.splitlines()
    assert line == (
        "confide: warning: broker 1 has transaction.max.timeout.ms = 900000, wanted at most 10000: "
        "an open transaction hides emergencies that were committed after it"
    )


async def test_our_broker_refuses_a_writer_that_asks_for_longer_transactions(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="stranger", transaction_timeout_ms=10_001)
    try:
        with pytest.raises(KafkaError):
            await producer.start()
    finally:
        await producer.stop()
