"""Breaker of an endpoint: few attempts at a dead agency, and an alarm until a report is accepted."""

from collections.abc import Callable

from structlog.testing import capture_logs

from schemas.alarms import BreakerReason
from services.connectors.endpoint import FAILURES_TO_OPEN
from tests.endpoint_attempts import Attempts


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
