"""Has the group assign partitions again that no member has.

Normally this is not needed: the group's leader watches the metadata of all topics, and has them assigned again if it
changes. Two faults together leave a partition without a member for good (decision 0027):

- A broker that has just come back may leave topics out of its metadata. The leader then assigns none of their
  partitions.
- A static member that restarts within its session gets its old assignment back, without a rebalance. If it was the
  leader, aiokafka takes it for a follower, and then no member watches the metadata.
"""

import asyncio
from collections.abc import Callable, Collection

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from streams.runtime.timeouts import REQUEST_MS

#: Period of the looks (seconds). A partition counts as unassigned if two looks in a row find it so: between them any
#: rebalance has ended.
_LOOK_SECONDS = 5.0
#: Longest wait after a rebalance that did not help (seconds); the wait doubles.
_LONGEST_WAIT_SECONDS = 300.0
#: Limit of one look (seconds): more than aiokafka waits for all addresses of a cluster, because a connection that is
#: cancelled while it opens stays open.
_ANSWER_SECONDS = 60.0
_STABLE = "Stable"

_log = structlog.get_logger("confide.runtime")

#: Topics and partition numbers.
Partitions = frozenset[tuple[str, int]]


class AssignmentWatch:
    """Looks for unassigned partitions of `topics` in a consumer group; `rejoin` has this process join the group anew.

    Every process of the group does so. The rejoin of the one that the broker takes for the leader has the partitions
    assigned again; those of the others change nothing, or are part of the same rebalance.
    """

    def __init__(self, bootstrap: str, group: str, topics: Collection[str], rejoin: Callable[[], None]) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = topics
        self._rejoin = rejoin

    async def run(self) -> None:
        """Look until cancelled."""
        before: Partitions = frozenset()
        wait = _LOOK_SECONDS
        while True:
            await asyncio.sleep(wait)
            found = await self._look()
            if found is None:
                before = frozenset()
                continue
            if still := found & before:
                _log.error(
                    "no process has these partitions, the group assigns all of them again",
                    topics=sorted({topic for topic, _ in still}),
                    partitions=len(still),
                )
                self._rejoin()
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            elif not found:
                wait = _LOOK_SECONDS
            before = found

    async def _look(self) -> Partitions | None:
        """Return the partitions without a member; None if that is not known now."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await unassigned(self._bootstrap, self._group, self._topics)
        except (KafkaError, OSError, TimeoutError):
            # Kafka is away: the next look asks again.
            return None
        except Exception as error:  # noqa: BLE001 - an unexpected answer must not end the watch
            _log.warning("the assignment of the group could not be read", error=type(error).__name__)
            return None


async def unassigned(bootstrap: str, group: str, topics: Collection[str]) -> Partitions | None:
    """Return the partitions of topics that no member of a group has; None while the group rebalances.

    Raises the errors of aiokafka.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    await admin.start()
    try:
        (response,) = await admin.describe_consumer_groups([group])
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    (_, _, state, _, _, members, *_) = response.groups[0]
    if state != _STABLE or not members:
        return None
    assigned = {
        (tp.topic, tp.partition)
        for _, _, _, _, assignment in members
        for tp in ConsumerProtocolMemberAssignment.decode(assignment).partitions()
    }
    there = {(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]}
    return frozenset(there - assigned)
