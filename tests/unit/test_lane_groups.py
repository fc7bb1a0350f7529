"""The workers' lanes: each source has one lane, with the urgent topics before the routine ones."""

import pytest

from schemas.policy import load_policies, load_policy
from schemas.topics import CATALOGUE, Group, TopicName
from services.alarm.console import ConsoleAlarm
from services.notifier import process as notifier
from services.notifier.channels import ConsoleChannel
from streams.app import IdentityLinks, WorkerKeys, lane_groups
from streams.runtime import LaneGroup


@pytest.fixture(scope="module")
def groups() -> tuple[LaneGroup, ...]:
    return lane_groups(WorkerKeys(b"", b"", "1"), load_policies(), IdentityLinks(), alarms=ConsoleAlarm())


def test_at_admit_one_lane_has_both_services_urgent_and_routine_topics(groups: tuple[LaneGroup, ...]) -> None:
    (admit,) = (group for group in groups if group.name == Group.ADMIT)
    urgent = {TopicName.FORUM_DISCLOSURES_URGENT, TopicName.TEXT_LINE_DISCLOSURES_URGENT}
    assert admit.urgent == urgent
    assert set(admit.sources) == urgent | {TopicName.FORUM_DISCLOSURES, TopicName.TEXT_LINE_DISCLOSURES}
    assert admit.routine_turn_seconds == 0.02


def test_every_source_has_one_lane_and_urgent_ones_come_first(groups: tuple[LaneGroup, ...]) -> None:
    sources = [topic for group in groups for topic in group.sources]
    assert len(sources) == len(set(sources))
    for group in groups:
        # All topics of one lane have the same partitions, and so has its changelog.
        assert len({CATALOGUE[topic].count(4) for topic in (*group.sources, group.changelog)}) == 1
        kinds = [topic in group.urgent for topic in group.sources]
        assert kinds == sorted(kinds, reverse=True)


def test_no_limit_of_a_report_or_review_passes_before_what_came_of_it_is_read(groups: tuple[LaneGroup, ...]) -> None:
    (decide,) = (group for group in groups if group.name == Group.DECIDE)
    assert decide.timers_follow == {TopicName.DELIVERIES, TopicName.REVIEW_OUTCOMES}
    assert decide.timers_follow <= set(decide.sources)


def test_we_are_telling_is_not_said_before_the_deliveries_are_read() -> None:
    group = notifier.lane_group(ConsoleChannel(), load_policy())
    assert group.timers_follow == {TopicName.DELIVERIES}
    assert group.timers_follow <= set(group.sources)
    assert len({CATALOGUE[topic].count(4) for topic in (*group.sources, group.changelog)}) == 1
