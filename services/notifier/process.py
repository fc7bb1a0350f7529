"""Process of the notifier."""

from collections.abc import Callable, Collection
from datetime import timedelta

from schemas import topics
from schemas.policy import Policy
from schemas.vocabulary import PeerKind
from services.alarm.alarm_writer import AlarmWriter
from services.alarm.lane_alarms import LaneAlarms
from services.notifier.channels import ChannelPort
from services.notifier.notifier import REVIEW_AFTER, Notifier
from streams.runtime import Clock, LaneContext, LaneGroup, run_worker

#: The consumer group of all notifiers.
APPLICATION = "confide-notifier"


def lane_group(
    channel: ChannelPort, policy: Policy, review_after: timedelta = REVIEW_AFTER, *, kind: PeerKind = PeerKind.LIVE
) -> LaneGroup:
    """Return the lane group of the notifier."""

    def agent(context: LaneContext) -> Notifier:
        return Notifier(channel, policy, review_after, context.partition, kind=kind)

    return LaneGroup(
        name=topics.Group.NOTIFIER,
        sources=(topics.TopicName.NOTIFICATIONS, topics.TopicName.DELIVERIES),
        agent=agent,
        changelog=topics.changelog(topics.Group.NOTIFIER),
        timers_follow=frozenset((topics.TopicName.DELIVERIES,)),
    )


def run(  # noqa: PLR0913 - by keyword, and most have a default
    channel: ChannelPort,
    policy: Policy,
    *,
    bootstrap: str,
    review_after: timedelta = REVIEW_AFTER,
    kind: PeerKind = PeerKind.LIVE,
    slot: str | None = None,
    opened: Callable[[], None] | None = None,
    accepted: Collection[str] = (),
) -> int:
    """Send notices through `channel` until SIGTERM; return the exit status.

    `kind`: a live notifier sends no notice of an exercise.
    `slot` is a name of this process that stays the same over restarts. `opened` is called when the lanes are open.
    `accepted` are refused lanes that must begin at the start of their logs.
    """

    group = lane_group(channel, policy, review_after, kind=kind)
    writer, clock = AlarmWriter(bootstrap), Clock()
    return run_worker(
        APPLICATION,
        [group],
        bootstrap=bootstrap,
        background=(writer.running,),
        instance=slot and f"{APPLICATION}-{slot}",
        opened=opened,
        accepted=accepted,
        on_lane=LaneAlarms(writer, APPLICATION, clock.now).on_event,
        clock=clock,
    )
