"""`--accept` names a lane of this process that exists; any other is refused with what is allowed."""

from collections.abc import Mapping

import pytest
from kafka.errors import KafkaConnectionError

from services.cli.lanes import accepted
from services.settings import SettingsError

SOURCES = {"admit": "disclosures", "decide": "admitted"}
PARTITIONS: Mapping[str, set[int]] = {"disclosures": {0, 1, 2, 3}, "admitted": {0}}


class Consumer:
    """Knows the partitions of topics."""

    def __init__(self, *_: object, **__: object) -> None:
        self.partitions_for_topic = PARTITIONS.get

    def close(self) -> None:
        """Do nothing: it has no connection."""


@pytest.fixture(autouse=True)
def consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.lanes.committed_reader", Consumer)


def test_lanes_that_exist_are_accepted() -> None:
    assert accepted(["decide-0", "admit-3", "admit-0"], "", SOURCES) == {"decide-0", "admit-3", "admit-0"}
    assert accepted(None, "", SOURCES) == accepted([], "", SOURCES) == frozenset()


@pytest.mark.parametrize(
    ("lane", "allowed"),
    [("decide-77", "decide-0"), ("decide-1", "decide-0"), ("admit-4", "admit-0 to admit-3")],
)
def test_a_lane_beyond_the_partitions_is_refused(lane: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        accepted(["decide-0", lane], "", SOURCES)
    assert str(refused.value) == f"--accept {lane}: there is no such lane; allowed: {allowed}"


@pytest.mark.parametrize("lane", ["nolane-1", "decide", "decide-01", "decide--1", "decide-\u0661", "-0", ""])
def test_a_lane_of_no_group_is_refused_before_kafka_is_asked(lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.lanes.committed_reader", None)
    with pytest.raises(SettingsError, match="admit-N or decide-N, N being the partition"):
        accepted([lane], "", SOURCES)


def test_without_its_topic_the_process_itself_says_which_is_missing() -> None:
    assert accepted(["decide-77"], "", {"decide": "absent"}) == {"decide-77"}


def test_a_kafka_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_broker(*_: object, **__: object) -> None:
        raise KafkaConnectionError

    monkeypatch.setattr("services.cli.lanes.committed_reader", no_broker)
    with pytest.raises(SettingsError, match="does not answer"):
        accepted(["decide-0"], "host:1", SOURCES)
