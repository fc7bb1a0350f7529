"""The notifier's process."""

from collections.abc import Callable
from datetime import timedelta

from schemas import topics
from schemas.policy import Policy
from services.notifier.channels import ChannelPort
from services.notifier.notifier import REVIEW_AFTER, Notifier
from streams.runtime import LaneContext, LaneGroup, run_worker


def run(
    channel: ChannelPort,
    policy: Policy,
    *,
    bootstrap: str,
    review_after: timedelta = REVIEW_AFTER,
    opened: Callable[[], None] | None = None,
) -> int:
    """Settle notices through `channel` until SIGTERM; return the exit status. `opened`: once its lanes are open."""

    def agent(_: LaneContext) -> Notifier:
        return Notifier(channel, policy, review_after)

    group = LaneGroup(
        name=topics.Group.NOTIFIER,
        sources=(topics.TopicName.NOTIFICATIONS,),
        agent=agent,
        changelog=topics.changelog(topics.Group.NOTIFIER),
    )
    return run_worker("confide-notifier", [group], bootstrap=bootstrap, opened=opened)
