"""The workers' composition: which lanes there are, and what their agents are given."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.identifiers import PersonId, Token
from schemas.policy import Policies
from schemas.topics import Group, TopicName, changelog
from streams.agents.admit import Admit
from streams.agents.alarms import AlarmPort, Alarms
from streams.agents.decide import Decide
from streams.agents.identity import Identity
from streams.domain.staff import StaffDirectory
from streams.runtime import Follower, LaneContext, LaneGroup

#: How long ADMIT works on routine disclosures before it delivers them (seconds). One lane takes urgent ones too, as an
#: id that came on one topic must be known on the other: see decision 0025. Turns of 3 ms halve the rate of a backlog.
_ADMIT_ROUTINE_TURN_SECONDS = 0.02
_URGENT_DISCLOSURES = (TopicName.FORUM_DISCLOSURES_URGENT, TopicName.TEXT_LINE_DISCLOSURES_URGENT)

#: The consumer group of all workers.
APPLICATION = "confide-worker"


@dataclass(frozen=True, slots=True, repr=False)
class WorkerKeys:
    """The secrets that ADMIT needs: never printed."""

    master: bytes
    token: bytes
    token_version: str


class IdentityLinks:
    """This worker's copy of token → person."""

    def __init__(self) -> None:
        self._owners: dict[Token, PersonId] = {}

    def owner(self, token: Token) -> PersonId | None:
        """Return whom the token belongs to, as far as this copy has read."""
        return self._owners.get(token)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Take over one record of the identity-links topic; edges are IDENTITY's concern."""
        if key is None:
            raise Unreadable.of("key", "is required")
        if value is None:
            self._owners.pop(Token(key.decode()), None)
            return
        name, fields = decode(value, "TokenOwner", "Edge")
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

    DECIDE calls `staff` whenever it asks a member of staff or checks who settled a review. The alarms' lane has the
    first rank of routine work. It is not urgent: it would stop a backlog for nothing, because the receiver takes longer
    than any turn.
    """

    def admit(lane: LaneContext) -> Admit:
        return Admit(
            master_key=keys.master,
            token_key=keys.token,
            token_version=keys.token_version,
            owner=links.owner,
            partitions=lane.partitions,
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
            routine_turn_seconds=_ADMIT_ROUTINE_TURN_SECONDS,
        ),
    )


def following(bootstrap: str, links: IdentityLinks) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return what keeps `links` up to date while the worker runs."""

    @asynccontextmanager
    async def follow() -> AsyncIterator[None]:
        follower = Follower(bootstrap, (TopicName.IDENTITY_LINKS,), links.apply)
        await follower.start()
        try:
            yield
        finally:
            await follower.stop()

    return follow
