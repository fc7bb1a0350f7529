"""Plays events of one report's notice in any order, with crashes, and checks each notice that was sent."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import combinations, groupby, product

from schemas.codec import decode, encode
from schemas.notifications import NotificationDue, NotificationSettled, ServiceDisclosure
from schemas.policy import load_policy
from schemas.topics import TopicName
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, NoticeStands, NoticeState, Service, WithheldBecause
from services.notifier.channels import Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notifier import Notifier
from streams.domain.ids import follow_up_id
from streams.runtime.lane.state import ChangelogRecord
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane

TELLING, TOLD, NOT_TOLD = NoticeStands.TELLING, NoticeStands.TOLD, NoticeStands.NOT_TOLD
HAVE_TOLD, ARE_TELLING, HAVE_NOT_TOLD = NoticeSays.HAVE_TOLD, NoticeSays.ARE_TELLING, NoticeSays.HAVE_NOT_TOLD
#: Each further event multiplies the number of plays, so the longest plays have one crash.
_LONGEST = 4
POLICY = load_policy()


TELL_BY = START + timedelta(minutes=10)


#: No notice of a report says less than one before it.
RANK = (ARE_TELLING, HAVE_NOT_TOLD, HAVE_TOLD)


#: The event in addition to the three records: `tell_by` passes.
TIME = "time"


class Then(StrEnum):
    """Behaviour of the channel after an event."""

    TELLS = "tells"
    #: No effect has begun yet; the notice has left, and its result is not known yet.
    IS_SLOW = "is slow"
    ANSWERS_LATER = "answers later"
    #: The process ends before an effect begins; after it began and before the notice left; after the notice left.
    DIES = "dies"
    DIES_BEGUN = "dies begun"
    DIES_LEFT = "dies left"


CRASHES = (Then.DIES, Then.DIES_BEGUN, Then.DIES_LEFT)


def due(stands: NoticeStands, withheld: WithheldBecause | None = None) -> NotificationDue:
    return NotificationDue(
        notification_id="notice-1",
        report_id="report-1",
        person="person-1",
        disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id="disclosure-1"),),
        agency=Agency.SOCIAL_WORKER,
        clauses=("LT-2",),
        channels=() if withheld else (ContactChannel.SMS,),
        withheld_because=withheld,
        due_at=START,
        stands=stands,
        tell_by=TELL_BY,
    )


class Play:
    """A lane, its topic, and the notices that left, each compared with the topic at that moment."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log: list[bytes] = []
        self.left: list[tuple[str, NoticeSays]] = []
        self.reaches = True
        self._read = 0
        self._answer: Callable[[], None] | None = None
        self.lane = self._opened(())

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Send a notice as a channel does."""
        if not self.reaches:
            return Unreachable("account_closed")
        stood = {made.stands for made in self.of(NotificationDue)}
        match notice.says:
            case NoticeSays.HAVE_TOLD:
                assert TOLD in stood
            case NoticeSays.ARE_TELLING:
                assert stood == {TELLING}
                assert self.clock.now >= TELL_BY
            case NoticeSays.HAVE_NOT_TOLD:
                assert NOT_TOLD in stood
                assert TOLD not in stood
            case NoticeSays.MAY_HAVE_TOLD | NoticeSays.HAD_BEEN_TOLD:
                assert stood & {NoticeStands.MAYBE_TOLD, NoticeStands.ALREADY_TOLD}
                assert TOLD not in stood
        self.left.append((notice.notification_id, notice.says))
        return Told(notice.channels[0])

    def write(self, made: NotificationDue) -> None:
        self.log.append(encode("NotificationDue", made.model_dump()))

    def work(self) -> None:
        """Run what is due and read the topic to its end, until no more follows."""
        while True:
            timers = [at for at in self.lane.timers.values() if at <= self.clock.now]
            self.lane.pass_time()
            self._take_over()
            batch, self._read = self.log[self._read :], len(self.log)
            if not batch and not timers:
                return
            self.lane.feed(*batch)
            self._take_over()
            assert len(self.lane.effects) <= 1, "two effects may say the same at a time"

    async def resume(self, then: Then) -> None:
        """Let the channel treat its notice like this."""
        answer, self._answer = self._answer, None
        if answer is not None and then not in CRASHES:
            answer()
            self.work()
        match then:
            case Then.IS_SLOW:
                return
            case Then.ANSWERS_LATER:
                if self.lane.effects:
                    self._answer = await self.lane.perform()
                return
            case Then.TELLS:
                while self.lane.effects:
                    await self.lane.settle()
                    self.work()
                return
            case Then.DIES_BEGUN if self.lane.effects:
                self.lane.begin()
            case Then.DIES_LEFT if self.lane.effects:
                await self.lane.perform()
        self.open_again()
        self.work()

    def open_again(self) -> None:
        """Let the next process restore the lane; it has read no record yet."""
        self._take_over()
        self.lane = self._opened(self.lane.changelog)

    def of(self, model: type[NotificationDue] | type[NotificationSettled]) -> Sequence[NotificationDue]:
        """Return the records of the topic of one kind."""
        decoded = [decode(value, "NotificationDue", "NotificationSettled") for value in self.log]
        return [model.model_validate(fields) for name, fields in decoded if name == model.__name__]  # type: ignore[misc]

    @property
    def ended(self) -> Sequence[NotificationSettled]:
        return self.of(NotificationSettled)  # type: ignore[return-value]

    def _opened(self, changelog: Sequence[ChangelogRecord]) -> Lane:
        return Lane(Notifier(self, POLICY), self.clock, changelog)

    def _take_over(self) -> None:
        written, self.lane.outputs = self.lane.outputs, []
        assert all(output.topic == TopicName.NOTIFICATIONS for output in written)
        self.log += [output.value for output in written if output.value is not None]


Event = NoticeStands | str


def channels(events: int) -> Iterator[tuple[Then, ...]]:
    """Yield the behaviour of the channel after each event: it works or is slow, and the process dies once or twice."""
    for rest in (Then.TELLS, Then.IS_SLOW, Then.ANSWERS_LATER):
        yield (rest,) * events
        for count in (1,) if events == _LONGEST else (1, 2):
            for places in combinations(range(events), count):
                for crashes in product(CRASHES, repeat=count):
                    then = dict(zip(places, crashes, strict=True))
                    yield tuple(then.get(place, rest) for place in range(events))


async def played(order: Sequence[Event], thens: Sequence[Then], *, times: int = 1, late: bool = False) -> Play:
    """Play the events to their end; `late`: records are read only after `tell_by` has passed, or at the end."""
    play = Play()
    for event, then in zip(order, thens, strict=True):
        if isinstance(event, NoticeStands):
            for _ in range(times):
                play.write(due(event))
        else:
            play.clock.now = TELL_BY
        if not late or event == TIME:
            play.work()
            await play.resume(then)
    play.work()
    await play.resume(Then.TELLS)
    return play


def check(play: Play, order: Sequence[Event], thens: Sequence[Then]) -> None:
    said = [said for said, _ in groupby(play.left)]
    ranks = [RANK.index(says) for _, says in said]
    assert ranks == sorted(set(ranks)), "something was taken back"
    assert len(play.left) - len(said) <= sum(then in CRASHES for then in thens), "something was said twice"
    ended = {end.notification_id: end for end in play.ended}
    assert len(ended) == len(play.ended), "a notice was settled twice"
    for id_, says in said:
        assert (ended[id_].state, ended[id_].says) in {(NoticeState.TOLD, says), (NoticeState.UNKNOWN, says)}
        assert ended[id_].settled_at >= (TELL_BY if says is ARE_TELLING else START)
        assert id_ in {"notice-1", follow_up_id("notice-1", says)}
    assert {id_ for id_, end in ended.items() if end.state is NoticeState.TOLD} <= {id_ for id_, _ in said}
    assert {end.state for end in ended.values() if end.says is None} <= {NoticeState.WITHDRAWN}
    may_have_been_told = [end for end in ended.values() if end.says is ARE_TELLING]
    if TOLD in order:
        assert said[-1][1] is HAVE_TOLD
    elif NOT_TOLD in order:
        assert [says for _, says in said][-1:] == ([HAVE_NOT_TOLD] if may_have_been_told else [])
        assert "notice-1" in ended
        assert bool(may_have_been_told) or ended["notice-1"].state is NoticeState.WITHDRAWN
    else:
        assert [says for _, says in said] == ([ARE_TELLING] if TIME in order else [])
    waits = set(order) == {TELLING}
    assert list(play.lane.state) == [b"pending/notice-1" if waits else b"done/notice-1"]
    assert bool(play.lane.timers) is waits
    assert not play.lane.effects
