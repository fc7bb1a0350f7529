"""For every order of records, time and crashes: each notice is true when it leaves, and none is taken back.

A play is one lane of the notifier with its topic: the notifier reads back what it writes there, after all earlier
records. It takes events in an order; after each the channel works, is slow, or dies with the process.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import combinations, groupby, permutations, product

import pytest

from schemas.codec import decode, encode
from schemas.policy import load_policy
from schemas.records import NotificationDue, NotificationSettled, ServiceDisclosure
from schemas.topics import TopicName
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, NoticeStands, NoticeState, Service, WithheldBecause
from services.notifier.channels import Told, Unreachable
from services.notifier.notice import Notice
from services.notifier.notice_store import FINISHED_FOR
from services.notifier.notifier import Notifier
from streams.domain.ids import follow_up_id
from streams.runtime.lane.state import ChangelogRecord
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane

pytestmark = pytest.mark.long

POLICY = load_policy()
TELL_BY = START + timedelta(minutes=10)
TELLING, TOLD, NOT_TOLD = NoticeStands.TELLING, NoticeStands.TOLD, NoticeStands.NOT_TOLD
HAVE_TOLD, ARE_TELLING, HAVE_NOT_TOLD = NoticeSays.HAVE_TOLD, NoticeSays.ARE_TELLING, NoticeSays.HAVE_NOT_TOLD
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
_ALL = (TELLING, TOLD, NOT_TOLD, TIME)
ORDERS = [order for length in range(1, 5) for order in permutations(_ALL, length) if order != (TIME,)]
#: Each further event multiplies the number of plays, so the longest plays have one crash.
_LONGEST = 4


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


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_each_notice_is_true_when_it_leaves_and_is_neither_sent_twice_nor_taken_back(
    order: Sequence[Event],
) -> None:
    for thens in channels(len(order)):
        for times, late in ((1, False), (2, False), (1, True)):
            try:
                check(await played(order, thens, times=times, late=late), order, thens)
            except AssertionError as error:
                error.add_note(f"channel: {', '.join(thens)}; each record {times} times; read late: {late}")
                raise


async def test_a_report_acknowledged_long_after_it_was_due_is_still_a_follow_up() -> None:
    play = Play()
    play.write(due(TELLING))
    play.clock.now = TELL_BY + FINISHED_FOR
    play.work()
    await play.resume(Then.TELLS)
    play.write(due(TOLD))
    play.work()
    await play.resume(Then.TELLS)
    assert play.left == [("notice-1", ARE_TELLING), (follow_up_id("notice-1", HAVE_TOLD), HAVE_TOLD)]


@pytest.mark.parametrize("stands", [TOLD, NOT_TOLD])
async def test_records_written_while_the_notifier_was_down_are_read_before_we_are_telling_is_sent(
    stands: NoticeStands,
) -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.write(due(stands))
    play.clock.now = TELL_BY
    # The timer and the effects of its turn run before the batch.
    play.lane.pass_time()
    await play.resume(Then.TELLS)
    play.work()
    await play.resume(Then.TELLS)
    assert [says for _, says in play.left] == ([HAVE_TOLD] if stands is TOLD else [])


async def test_records_written_since_a_crash_are_read_before_we_are_telling_is_sent_again() -> None:
    play = Play()
    play.write(due(TELLING))
    play.clock.now = TELL_BY
    play.work()
    await play.lane.perform()
    play.write(due(TOLD))
    play.open_again()
    await play.resume(Then.TELLS)
    play.work()
    await play.resume(Then.TELLS)
    assert play.left == [("notice-1", ARE_TELLING), (follow_up_id("notice-1", HAVE_TOLD), HAVE_TOLD)]
    assert [(end.state, end.says) for end in play.ended] == [
        (NoticeState.UNKNOWN, ARE_TELLING),
        (NoticeState.TOLD, HAVE_TOLD),
    ]


@pytest.mark.parametrize("stands", NoticeStands)
@pytest.mark.parametrize(
    ("withheld", "state"),
    [
        (WithheldBecause.NOT_SAFE_TO_CONTACT, NoticeState.DEFERRED),
        (WithheldBecause.NO_CHANNEL, NoticeState.UNREACHABLE),
    ],
)
async def test_a_withheld_notice_is_settled_at_once_and_for_good_in_every_state_of_its_report(
    stands: NoticeStands, withheld: WithheldBecause, state: NoticeState
) -> None:
    play = Play()
    play.write(due(stands, withheld))
    play.work()
    # A person without a channel gets none later: DECIDE writes the channels of the decision.
    play.write(due(TOLD, withheld if withheld is WithheldBecause.NO_CHANNEL else None))
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    assert [(end.state, end.says, end.reason) for end in play.ended] == [(state, None, withheld)]
    assert (play.left, play.lane.timers) == ([], {})


async def test_a_follow_up_that_is_not_safe_any_more_is_deferred_under_its_own_id() -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    play.write(due(TOLD, WithheldBecause.NOT_SAFE_TO_CONTACT))
    play.work()
    assert [(end.notification_id, end.state, end.says) for end in play.ended] == [
        ("notice-1", NoticeState.TOLD, ARE_TELLING),
        (follow_up_id("notice-1", HAVE_TOLD), NoticeState.DEFERRED, None),
    ]


async def test_channels_that_became_unsafe_while_the_notice_waited_are_not_used() -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    play.write(due(TOLD, WithheldBecause.NOT_SAFE_TO_CONTACT))
    play.work()
    await play.resume(Then.TELLS)
    assert [end.state for end in play.ended] == [NoticeState.DEFERRED]
    assert play.left == []


MAYBE_TOLD, ALREADY_TOLD = NoticeStands.MAYBE_TOLD, NoticeStands.ALREADY_TOLD
MAY_HAVE_TOLD, HAD_BEEN_TOLD = NoticeSays.MAY_HAVE_TOLD, NoticeSays.HAD_BEEN_TOLD


@pytest.mark.parametrize(
    ("stands", "says"),
    [
        ((NOT_TOLD, MAYBE_TOLD, TOLD), [HAVE_NOT_TOLD, MAY_HAVE_TOLD, HAVE_TOLD]),
        ((MAYBE_TOLD, NOT_TOLD), [MAY_HAVE_TOLD]),
        ((ALREADY_TOLD, MAYBE_TOLD, NOT_TOLD), [HAD_BEEN_TOLD]),
        ((ALREADY_TOLD, TOLD, ALREADY_TOLD), [HAD_BEEN_TOLD, HAVE_TOLD]),
    ],
)
@pytest.mark.parametrize("was_said", [True, False], ids=["after-are-telling", "before"])
async def test_for_a_withdrawn_report_only_a_notice_that_outweighs_the_last_is_sent(
    stands: Sequence[NoticeStands], says: list[NoticeSays], was_said: bool
) -> None:
    play = Play()
    play.write(due(TELLING))
    play.work()
    if was_said:
        play.clock.now = TELL_BY
    for each in stands:
        play.work()
        await play.resume(Then.TELLS)
        play.write(due(each))
    play.work()
    await play.resume(Then.TELLS)
    expected = [ARE_TELLING, *says] if was_said else [each for each in says if each is HAVE_TOLD]
    assert [each for _, each in play.left] == expected


async def test_a_channel_that_failed_is_tried_again_when_more_is_known() -> None:
    play = Play()
    play.reaches = False
    play.write(due(TELLING))
    play.clock.now = TELL_BY
    play.work()
    await play.resume(Then.TELLS)
    play.reaches = True
    # A record that is read again adds nothing, so it is no reason to try again.
    for stands in (TELLING, NOT_TOLD, TOLD, TOLD):
        play.write(due(stands))
        play.work()
        await play.resume(Then.TELLS)
    follow_up = follow_up_id("notice-1", HAVE_TOLD)
    assert [(end.notification_id, end.state, end.reason) for end in play.ended] == [
        ("notice-1", NoticeState.UNREACHABLE, "account_closed"),
        (follow_up, NoticeState.TOLD, None),
    ]
    assert play.left == [(follow_up, HAVE_TOLD)]


async def test_a_failed_notice_is_not_sent_again_for_the_same_record() -> None:
    play = Play()
    play.reaches = False
    play.write(due(TOLD))
    play.work()
    await play.resume(Then.TELLS)
    play.reaches = True
    play.write(due(TOLD))
    play.work()
    assert (len(play.ended), play.left, list(play.lane.effects)) == (1, [], [])
