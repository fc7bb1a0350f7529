"""The workers' lanes: each source has its one, and at ADMIT urgent disclosures have their own."""

import pytest

from schemas.policy import load_policies
from schemas.topics import CATALOGUE, Group, TopicName
from services.alarm.console import ConsoleAlarm
from streams.app import IdentityLinks, WorkerKeys, lane_groups
from streams.runtime import LaneGroup


@pytest.fixture(scope="module")
def groups() -> tuple[LaneGroup, ...]:
    return lane_groups(WorkerKeys(b"", b"", "1"), load_policies(), IdentityLinks(), alarms=ConsoleAlarm())


def test_at_admit_no_lane_has_both_urgent_and_routine_topics(groups: tuple[LaneGroup, ...]) -> None:
    by_name = {group.name: group for group in groups}
    urgent = {TopicName.FORUM_DISCLOSURES_URGENT, TopicName.TEXT_LINE_DISCLOSURES_URGENT}
    assert set(by_name[Group.ADMIT_URGENT].sources) == by_name[Group.ADMIT_URGENT].urgent == urgent
    assert set(by_name[Group.ADMIT].sources) == {TopicName.FORUM_DISCLOSURES, TopicName.TEXT_LINE_DISCLOSURES}
    assert not by_name[Group.ADMIT].urgent


def test_every_source_has_one_lane_and_urgent_ones_come_first(groups: tuple[LaneGroup, ...]) -> None:
    sources = [topic for group in groups for topic in group.sources]
    assert len(sources) == len(set(sources))
    for group in groups:
        # Of one lane all topics have the same partitions, and so has its changelog.
        assert len({CATALOGUE[topic].count(4) for topic in (*group.sources, group.changelog)}) == 1
        kinds = [topic in group.urgent for topic in group.sources]
        assert kinds == sorted(kinds, reverse=True)
