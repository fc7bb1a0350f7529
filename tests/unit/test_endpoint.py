"""Slots and breaker of an endpoint: order and number of attempts, and few attempts at a dead agency."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from structlog.testing import capture_logs

from schemas.alarms import BreakerReason
from schemas.vocabulary import Agency
from services.connectors.endpoint import FAILURES_TO_OPEN, Endpoint
from streams.domain.delivery import RetryPolicy
from tests.connector_fixture import EndpointClock
from tests.fakes.clocks import Clock

POLICY = RetryPolicy(
    limit=timedelta(seconds=60),
    attempt_timeout=timedelta(seconds=5),
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(seconds=8),
    longest_probe_wait=timedelta(seconds=3),
)
MINUTE = timedelta(minutes=1)


class Attempts:
    """Attempts at an endpoint by name: those that have their slot, and the outcomes that a test gives them."""

    def __init__(self, connections: int = 64) -> None:
        self.clock = EndpointClock(Clock())
        self.changes: list[BreakerReason | None] = []
        self.first_answers: list[float] = []
        self.endpoint = Endpoint(
            Agency.EMERGENCY_999,
            POLICY,
            clock=self.clock,
            connections=connections,
            on_change=self.changes.append,
            on_first_taken=lambda: self.first_answers.append(self.clock.time()),
        )
        #: Names in the order in which they got their slot.
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Future[Callable[[], None]]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        #: Done when the attempt of that name has released its slot.
        self.after: dict[str, Callable[[], object]] = {}

    async def wait(self, *names: str, time_left: timedelta = MINUTE) -> None:
        """Let attempts wait for their slots, in this order."""
        for name in names:
            self._ends[name] = asyncio.get_running_loop().create_future()
            self.tasks[name] = asyncio.create_task(self._attempt(name, time_left))
        await passed()

    async def answer(self, *names: str) -> None:
        await self._end(names, lambda _: self.endpoint.answered())

    async def fail(self, *names: str) -> None:
        await self._end(names, self.endpoint.unanswered)

    async def leave_out(self, *names: str) -> None:
        await self._end(names, lambda _: None)

    async def give_up(self, name: str) -> None:
        self.tasks[name].cancel()
        await passed()

    async def open_breaker(self) -> None:
        names = [f"dead-{number}" for number in range(FAILURES_TO_OPEN)]
        await self.wait(*names)
        await self.fail(*names)
        assert self.endpoint.is_open
        self.begun.clear()

    async def reach(self, seconds: float) -> None:
        """Set the clock to a time after its start."""
        self.clock.reach(seconds)
        await passed()

    async def _attempt(self, name: str, time_left: timedelta) -> None:
        async with self.endpoint.slot(name, time_left):
            self.begun.append(name)
            (await self._ends[name])()
        self.after.get(name, lambda: None)()

    async def _end(self, names: tuple[str, ...], what: Callable[[str], None]) -> None:
        for name in names:
            self._ends[name].set_result(lambda name=name: what(name))  # type: ignore[misc]
            await self.tasks[name]
        await passed()


async def passed() -> None:
    """Let every task run until it waits."""
    for _ in range(6):
        await asyncio.sleep(0)


async def test_no_more_attempts_go_out_at_once_than_there_are_connections() -> None:
    attempts = Attempts(connections=2)
    await attempts.wait("a", "b", "c", "d")
    assert attempts.begun == ["a", "b"]
    await attempts.answer("b")
    assert attempts.begun == ["a", "b", "c"]
    await attempts.answer("a", "c", "d")
    assert attempts.begun == ["a", "b", "c", "d"]


async def test_the_earliest_limit_goes_first_and_those_past_their_limit_go_last() -> None:
    attempts = Attempts(connections=1)
    await attempts.wait("in-its-slot")
    await attempts.wait("handed-over-late", time_left=-timedelta(seconds=1))
    await attempts.wait("handed-over-early", time_left=-timedelta(hours=1))
    await attempts.wait("overtaken-by-its-limit", time_left=timedelta(seconds=5))
    await attempts.wait("fresh", "fresh-too")
    await attempts.wait("soon-at-its-limit", time_left=timedelta(seconds=30))
    await attempts.reach(10)
    for name in (
        "in-its-slot",
        "soon-at-its-limit",
        "fresh",
        "fresh-too",
        "handed-over-early",
        "handed-over-late",
        "overtaken-by-its-limit",
    ):
        assert attempts.begun[-1] == name
        await attempts.answer(name)


async def test_a_slot_comes_back_from_one_that_gives_up_before_or_after_it_has_it() -> None:
    attempts = Attempts(connections=1)
    await attempts.wait("a", "b", "c", "d")
    await attempts.give_up("b")
    await attempts.give_up("a")
    assert attempts.begun == ["a", "c"]
    # Its slot is granted, and the attempt has not continued yet.
    attempts.after["c"] = attempts.tasks["d"].cancel
    await attempts.answer("c")
    assert attempts.tasks["d"].cancelled()
    assert attempts.begun == ["a", "c"]
    await attempts.wait("e")
    assert attempts.begun == ["a", "c", "e"]


async def test_attempts_without_an_answer_open_the_breaker_only_in_a_row() -> None:
    attempts = Attempts()
    names = [f"a-{number}" for number in range(2 * FAILURES_TO_OPEN)]
    await attempts.wait(*names)
    await attempts.fail(*names[: FAILURES_TO_OPEN - 1])
    await attempts.answer(names[FAILURES_TO_OPEN - 1])
    await attempts.fail(*names[FAILURES_TO_OPEN : 2 * FAILURES_TO_OPEN - 1])
    assert attempts.changes == []
    await attempts.fail(names[-1])
    assert attempts.changes == [BreakerReason.NO_ANSWER]


async def test_while_it_is_open_one_probe_at_a_time_goes_out_after_waits_that_grow() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    await attempts.wait("a", "b", "c", "d", "e")
    begun_at: list[float] = []
    at = 0.0
    for name in ("a", "b", "c", "d"):
        await attempts.reach(at - 0.001)
        assert attempts.begun == list("abcd")[: len(begun_at)], "no probe goes out before its time"
        at = attempts.clock.next_call() or at
        await attempts.reach(at)
        assert attempts.begun[-1] == name
        begun_at.append(at)
        assert attempts.clock.next_call() is None, "the next wait begins when the probe is over"
        await attempts.fail(name)
        at = attempts.clock.next_call() or at
    # 1, 2, then 3 s, the longest wait.
    assert begun_at == [1, 3, 6, 9]
    assert attempts.changes == [BreakerReason.NO_ANSWER]


async def test_the_first_accepted_report_is_signalled_once_whether_the_breaker_is_open_or_not() -> None:
    for opens in (False, True):
        attempts = Attempts()
        await attempts.wait("unanswered")
        await attempts.fail("unanswered")
        if opens:
            await attempts.open_breaker()
        await attempts.wait("a", "b")
        await attempts.reach(1)
        assert attempts.first_answers == []
        await attempts.answer("a")
        await attempts.answer("b")
        assert len(attempts.first_answers) == 1


async def test_any_answer_closes_it_and_all_that_waited_go_out() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    await attempts.wait("a", "b", "c")
    await attempts.reach(1)
    await attempts.answer("a")
    assert attempts.begun == ["a", "b", "c"]
    assert attempts.changes == [BreakerReason.NO_ANSWER, None]
    # It opens again only after as many failures as before, and its first wait is as short.
    await attempts.fail("b", "c")
    assert attempts.changes == [BreakerReason.NO_ANSWER, None]
    await attempts.open_breaker()
    await attempts.wait("d")
    assert attempts.clock.next_call() == 2


async def test_a_probe_that_is_left_out_or_cut_off_is_followed_by_the_next_at_once() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    await attempts.wait("a", "b", "c")
    await attempts.reach(1)
    await attempts.leave_out("a")
    assert attempts.begun == ["a", "b"]
    await attempts.give_up("b")
    assert attempts.begun == ["a", "b", "c"]


async def test_attempts_from_before_it_opened_neither_probe_nor_lengthen_the_wait() -> None:
    attempts = Attempts()
    await attempts.wait("old-1", "old-2")
    await attempts.open_breaker()
    await attempts.wait("a")
    await attempts.fail("old-1", "old-2")
    assert attempts.clock.next_call() == 1
    await attempts.reach(1)
    assert attempts.begun == ["a"]


async def test_a_probe_waits_for_a_slot_as_any_attempt_does() -> None:
    attempts = Attempts(connections=FAILURES_TO_OPEN + 1)
    held = [f"held-{number}" for number in range(FAILURES_TO_OPEN + 1)]
    await attempts.wait(*held)
    for name in held[1:]:
        attempts.endpoint.unanswered(name)
    await attempts.wait("a")
    await attempts.reach(100)
    assert "a" not in attempts.begun
    await attempts.leave_out(held[0])
    assert attempts.begun[-1] == "a"


async def test_the_clock_is_asked_to_call_only_while_there_is_one_to_wait() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    assert attempts.clock.next_call() is None
    await attempts.wait("a")
    assert attempts.clock.next_call() == 1
    await attempts.give_up("a")
    assert attempts.clock.next_call() is None


async def test_it_wakes_by_the_clock_of_the_event_loop() -> None:
    quick = RetryPolicy(
        limit=MINUTE,
        attempt_timeout=MINUTE,
        first_wait=timedelta(milliseconds=20),
        longest_wait=MINUTE,
        longest_probe_wait=MINUTE,
    )
    endpoint = Endpoint(Agency.EMERGENCY_999, quick)
    for number in range(FAILURES_TO_OPEN):
        endpoint.unanswered(str(number))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(10), endpoint.slot("a", MINUTE):
        assert loop.time() - begun >= 0.015


async def test_access_that_is_denied_opens_the_breaker_at_once_and_for_that_reason() -> None:
    attempts = Attempts()
    await attempts.wait("one")
    with capture_logs() as logs:
        attempts.endpoint.denied("one")
    assert attempts.changes == [BreakerReason.REFUSED_CREDENTIALS]
    assert [(each["log_level"], each["agency"], each["reason"]) for each in logs] == [
        ("error", "999", "refused_credentials")
    ]
    await attempts.answer("one")
    await attempts.open_breaker()
    assert attempts.changes[1:] == [None, BreakerReason.NO_ANSWER]


async def test_failed_attempts_in_a_row_of_any_kind_alarm_until_a_report_is_accepted() -> None:
    attempts = Attempts()
    endpoint = attempts.endpoint
    failures: list[Callable[[], None]] = [
        lambda: endpoint.unanswered("a"),
        lambda: endpoint.answered(is_taken=False),
        endpoint.failed,
        lambda: endpoint.answered(is_taken=False),
    ]
    # One in five is accepted: an overloaded agency that works.
    for _ in range(3):
        for failure in failures:
            failure()
        endpoint.answered()
    assert attempts.changes == []
    for failure in (*failures, failures[1], failures[1]):
        failure()
    assert attempts.changes == [BreakerReason.TAKES_NO_REPORTS]
    assert not endpoint.is_open
    endpoint.answered()
    assert attempts.changes == [BreakerReason.TAKES_NO_REPORTS, None]


async def test_an_agency_that_answers_and_takes_nothing_closes_the_breaker_and_keeps_the_alarm() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    attempts.endpoint.answered(is_taken=False)
    assert not attempts.endpoint.is_open
    assert attempts.changes == [BreakerReason.NO_ANSWER]
    assert attempts.first_answers == []
    attempts.endpoint.answered()
    assert attempts.changes == [BreakerReason.NO_ANSWER, None]
    assert len(attempts.first_answers) == 1
