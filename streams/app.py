"""The composition of the workers: their lanes, and what each agent gets."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from schemas.codec import decode_own
from schemas.errors import Unreadable
from schemas.identifiers import PersonId, Token
from schemas.policy import Policies
from schemas.topics import Group, TopicName, changelog
from streams.agents.admit import Admit
from streams.agents.alarms import AlarmPort, Alarms
from streams.agents.decide import Decide
from streams.agents.identity import Identity
from streams.domain.staff import StaffDirectory
from streams.runtime import Follower, FollowerEvent, LaneContext, LaneGroup

#: How long ADMIT works on routine disclosures before it sends them on (seconds). Urgent disclosures share the lane,
#: because an id that came on one topic must be known on the other: see decision 0025. Turns of 3 ms would halve the
#: rate of a backlog.
_ADMIT_ROUTINE_TURN_SECONDS = 0.02
_URGENT_DISCLOSURES = (TopicName.FORUM_DISCLOSURES_URGENT, TopicName.TEXT_LINE_DISCLOSURES_URGENT)

#: The consumer group of all workers.
APPLICATION = "confide-worker"


@dataclass(frozen=True, slots=True, repr=False)
class WorkerKeys:
    """The secrets that ADMIT needs; their `repr` shows none of them."""

    master: bytes
    token: bytes
    token_version: str


class IdentityLinks:
    """This worker's copy of the identity links: the person of each token."""

    def __init__(self) -> None:
        self._owners: dict[Token, PersonId] = {}

    def owner(self, token: Token) -> PersonId | None:
        """Return the person of a token, None if this copy has not read its link yet."""
        return self._owners.get(token)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Apply one record of the identity-links topic. Edges are skipped: only IDENTITY uses them."""
        if key is None:
            raise Unreadable.of("key", "is required")
        if value is None:
            self._owners.pop(Token(key.decode()), None)
            return
        name, fields = decode_own(value, "TokenOwner", "Edge")
        if name == "TokenOwner":
            self._owners[Token(fields["token"])] = PersonId(fields["person"])


def lane_groups(
    keys: WorkerKeys,
    policies: Policies,
    links: IdentityLinks,
    staff: Callable[[], StaffDirectory] | None = None,
    *,
    alarms: AlarmPort,
) -> tuple[LaneGroup, ...]:
    """Return the workers' lanes.

    Their order ranks their routine turns, the last stage first (`runtime/lane/urgency.py`). DECIDE calls `staff` each
    time it opens or escalates a review, and each time it checks an outcome. The alarms' lane has the first rank of
    routine work. It is not urgent: that would stop a backlog without a gain, because the receiver takes longer than any
    turn.
    """

    def admit(lane: LaneContext) -> Admit:
        return Admit(
            master_key=keys.master,
            token_key=keys.token,
            token_version=keys.token_version,
            owner=links.owner,
            partitions=lane.partitions,
            policies=policies,
        )

    return (
        LaneGroup(Group.ALARMS, (TopicName.ALARMS,), lambda _: Alarms(alarms), changelog(Group.ALARMS)),
        LaneGroup(
            Group.DECIDE,
            (TopicName.ADMITTED_URGENT, TopicName.REVIEW_OUTCOMES, TopicName.DELIVERIES, TopicName.ADMITTED),
            lambda lane: Decide(policies, staff, lane.partition),
            changelog(Group.DECIDE),
            urgent=frozenset((TopicName.ADMITTED_URGENT, TopicName.REVIEW_OUTCOMES)),
            is_last=True,
            written_outside=frozenset((TopicName.REVIEW_OUTCOMES,)),
            # Otherwise, after an outage, limits and deadlines would pass before the records that end them are read.
            timers_follow=frozenset((TopicName.REVIEW_OUTCOMES, TopicName.DELIVERIES)),
        ),
        LaneGroup(
            Group.IDENTITY,
            (TopicName.IDENTITY_URGENT, TopicName.IDENTITY),
            lambda _: Identity(),
            changelog(Group.IDENTITY),
            urgent=frozenset((TopicName.IDENTITY_URGENT,)),
        ),
        LaneGroup(
            Group.ADMIT,
            (*_URGENT_DISCLOSURES, TopicName.FORUM_DISCLOSURES, TopicName.TEXT_LINE_DISCLOSURES),
            admit,
            changelog(Group.ADMIT),
            urgent=frozenset(_URGENT_DISCLOSURES),
            # ADMIT itself writes to them only what a sender put into the wrong partition.
            written_outside=frozenset(
                (*_URGENT_DISCLOSURES, TopicName.FORUM_DISCLOSURES, TopicName.TEXT_LINE_DISCLOSURES)
            ),
            routine_turn_seconds=_ADMIT_ROUTINE_TURN_SECONDS,
        ),
    )


def following(
    bootstrap: str, links: IdentityLinks, report: Callable[[FollowerEvent], None]
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return a context manager that keeps `links` up to date while the worker runs."""

    @asynccontextmanager
    async def follow() -> AsyncIterator[None]:
        follower = Follower(bootstrap, (TopicName.IDENTITY_LINKS,), links.apply, report)
        await follower.start()
        try:
            yield
        finally:
            await follower.stop()

    return follow
