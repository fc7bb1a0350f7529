"""Watches the group from outside: partitions that no member has, and a process that is no member.

Normally neither lasts: the group's leader watches the metadata of all topics, and has them assigned again if it
changes. Two faults together leave a partition without a member for good (decision 0027):

- A broker that has just come back may leave topics out of its metadata. The leader then assigns none of their
  partitions.
- A static member that restarts within its session gets its old assignment back, without a rebalance. If it was the
  leader, aiokafka takes it for a follower, and then no member watches the metadata.

A process that is no member, or has no assignment yet, works nothing off and reports nothing. So it ends if that lasts.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

from streams.runtime.failure import LaneBroken, cancellation_as_error, end_process
from streams.runtime.timeouts import REQUEST_MS

#: Period of the looks (seconds). A partition counts as unassigned if two looks in a row find it so: between them any
#: rebalance has ended.
_LOOK_SECONDS = 5.0
#: Most looks after a rebalance that did not help; the number doubles.
_MOST_LOOKS = 60
#: Limit of one look (seconds): more than aiokafka waits for all addresses of a cluster, because a connection that is
#: cancelled while it opens stays open.
_ANSWER_SECONDS = 60.0
#: A process that so many looks in a row find without an assignment ends: 90 s, more than a rebalance may last (60 s).
#: Looks are counted, not seconds: a frozen process does not look.
_LOOKS_WITHOUT_ASSIGNMENT = 18
_STABLE = "Stable"

_log = structlog.get_logger("confide.runtime")

#: Topics and partition numbers.
Partitions = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """What a look at the group found."""

    #: Ids of the members.
    members: frozenset[str]
    #: Partitions that no member has; None while the group rebalances.
    unassigned: Partitions | None


@dataclass(frozen=True, slots=True)
class Membership:
    """This process in its group; the functions are called in the event loop."""

    #: Returns its member id, empty if it has none.
    member_id: Callable[[], str]
    #: Returns whether its first assignment is done, and no later one is in progress.
    is_assigned: Callable[[], bool]
    #: Has it join the group anew.
    rejoin: Callable[[], None]


class AssignmentWatch:
    """Looks at a consumer group: has partitions of `topics` assigned that no member has, and ends a lost process.

    Every process of the group does so. The rejoin of the one that the broker takes for the leader has the partitions
    assigned again; those of the others change nothing, or are part of the same rebalance.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Collection[str],
        membership: Membership,
        end: Callable[[str, BaseException], NoReturn] = end_process,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = topics
        self._membership = membership
        self._end = end
        self._before: Partitions = frozenset()
        #: Looks until a rejoin is next allowed, and after the next rejoin.
        self._pause, self._next_pause = 0, 1
        self._without_assignment = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            seen = await self._look()
            self.check_membership(seen)
            self.check_partitions(None if seen is None else seen.unassigned)

    def check_membership(self, seen: GroupSeen | None) -> None:
        """End the process if looks in a row found it without an assignment; None: Kafka did not answer."""
        is_well = seen is not None and self._membership.is_assigned() and self._membership.member_id() in seen.members
        self._without_assignment = 0 if is_well or seen is None else self._without_assignment + 1
        if self._without_assignment >= _LOOKS_WITHOUT_ASSIGNMENT:
            self._end("membership", LaneBroken(f"the group {self._group} has not assigned anything to this process"))

    def check_partitions(self, found: Partitions | None) -> None:
        """Have partitions assigned that two looks in a row found without a member; None: that is not known now."""
        self._pause = max(0, self._pause - 1)
        if found is None:
            self._before = frozenset()
            return
        if not found:
            self._pause, self._next_pause = 0, 1
        elif (still := found & self._before) and not self._pause:
            _log.error(
                "no process has these partitions, the group assigns all of them again",
                topics=sorted({topic for topic, _ in still}),
                partitions=len(still),
            )
            self._membership.rejoin()
            self._next_pause = min(2 * self._next_pause, _MOST_LOOKS)
            self._pause = self._next_pause
        self._before = found

    async def _look(self) -> GroupSeen | None:
        """Return what the broker says of the group; None if it does not answer."""
        try:
            with cancellation_as_error():
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return await look(self._bootstrap, self._group, self._topics)
        except (KafkaError, OSError, TimeoutError):
            # Kafka is away: the next look asks again.
            return None
        except Exception as error:  # noqa: BLE001 - an unexpected answer must not end the watch
            _log.warning("the assignment of the group could not be read", error=type(error).__name__)
            return None


async def look(bootstrap: str, group: str, topics: Collection[str]) -> GroupSeen:
    """Return the members of a group and the partitions of topics that none of them has.

    Raises the errors of aiokafka.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    await admin.start()
    try:
        (response,) = await admin.describe_consumer_groups([group])
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    (code, _, state, _, _, members, *_) = response.groups[0]
    if code:
        # For example while the group is loaded: then no process is its member.
        raise for_code(code)
    ids = frozenset(member_id for member_id, *_ in members)
    if state != _STABLE or not members:
        return GroupSeen(ids, None)
    assigned = {
        (tp.topic, tp.partition)
        for _, _, _, _, assignment in members
        for tp in ConsumerProtocolMemberAssignment.decode(assignment).partitions()
    }
    there = {(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]}
    return GroupSeen(ids, frozenset(there - assigned))
