"""The chaos account, for notices: each change of a faultless run that is wrong is found."""

import pytest

from schemas.topics import TopicName
from schemas.vocabulary import Agency
from tests.chaos.kept_process import Asked
from tests.chaos.made_run import OTHER_REPORT, REPORT, Right, Run, Wrong, after


def _withdraw_late(run: Run) -> None:
    run.settle("review-9", "withdrawn", REPORT, 30.0)
    run.say(REPORT, "have_not_told", 31.0)


def _withdraw(run: Run, says: str | None = None, at: float = 21.0, refusal: str = "entered_in_error") -> Run:
    """Let staff withdraw the second report instead of telling its agency."""
    run.without(TopicName.REVIEWS, "ReviewSettled")
    run.settle("review-2", "withdrawn", OTHER_REPORT, 20.0, refusal)
    run.unsay(OTHER_REPORT)
    run.say(OTHER_REPORT, "are_telling", 8.5)
    if says is not None:
        run.say(OTHER_REPORT, says, at)
    return run


WRONGS: dict[str, Wrong] = {
    "a notice comes too early": (
        lambda run: run.notices[2].update(at=after(19.0).isoformat()),
        "and the agency did not have it",
    ),
    "a notice comes before the agency has it": (
        lambda run: run.logs[Agency.EMERGENCY_999][0].update(at=after(2.6).isoformat()),
        "and the agency did not have it",
    ),
    "a notice is doubled": (lambda run: run.say(REPORT, "have_told", 3.0), "was sent 2 times"),
    "a notice is settled twice": (
        lambda run: run.again(TopicName.NOTIFICATIONS, "NotificationSettled"),
        "was settled 2 times",
    ),
    "a notice has no report": (
        lambda run: run.notices.append({**run.notices[0], "notification_id": "another"}),
        "is of no report",
    ),
    "a notice was never sent": (lambda run: run.notices.pop(0), "and was never sent"),
    "a notice is not settled": (
        lambda run: run.without(TopicName.NOTIFICATIONS, "NotificationSettled"),
        "and is not settled",
    ),
    "we are telling, before its time": (
        lambda run: run.notices[1].update(at=after(7.0).isoformat()),
        "before its time",
    ),
    "we are telling, long after": (lambda run: run.say(REPORT, "are_telling", 13.0), "long after the agency had it"),
    "we are telling, long after, and a worker was away for a moment": (
        lambda run: run.lose_worker(20.0, 20.2).say(REPORT, "are_telling", 60.0),
        "long after the agency had it",
    ),
    "we are telling, after we told": (lambda run: run.say(REPORT, "are_telling", 8.5), "say less after more"),
    "we are telling, long after it was withdrawn": (
        lambda run: [_withdraw(run), run.unsay(OTHER_REPORT), run.say(OTHER_REPORT, "are_telling", 31.0)],
        "long after it was withdrawn",
    ),
    "we have not told, without a withdrawal": (
        lambda run: run.say(OTHER_REPORT, "have_not_told", 30.0),
        "it was not withdrawn",
    ),
    "we have not told, before it is withdrawn": (
        lambda run: _withdraw(run, "have_not_told", 19.0),
        "it was not withdrawn",
    ),
    "we have not told, and the agency took it": (
        lambda run: [run.take_late(marked=True), _withdraw(run, "have_not_told")],
        "and the agency had accepted it",
    ),
    "we may have told, and did": (lambda run: run.say(REPORT, "may_have_told", 30.0), "it was not withdrawn"),
    "we may have told, and never tried": (
        lambda run: [_withdraw(run, "may_have_told"), run.without(TopicName.DELIVERIES, "DeliveryChanged", 1)],
        "and no attempt was begun",
    ),
    "they had been told, and staff did not record it": (
        lambda run: _withdraw(run, "had_been_told"),
        "staff did not record that the agency knew",
    ),
    "withdrawn, and the agency has it": (_withdraw_late, "and the agency had it"),
    "a person never hears": (lambda run: run.unsay(REPORT), "never told so"),
    "a person never hears that we are telling": (
        lambda run: [run.send_again_until(35.0), run.unsay(OTHER_REPORT)],
        "its person got no notice",
    ),
    "a person never hears that it was withdrawn": (_withdraw, "was told only are_telling"),
    "a notice of a report that was withdrawn has no end": (
        lambda run: [_withdraw(run), run.unsay(OTHER_REPORT)],
        "its notice has no end",
    ),
    "a signal ends an open process": (lambda run: run.end("gateway", -15, 50.5, Asked.STOP, 50.0), "with status -15"),
    "a report has no notice": (
        lambda run: run.without(TopicName.NOTIFICATIONS, "NotificationDue"),
        "has no notice",
    ),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults


RIGHTS: dict[str, Right] = {
    "a report is withdrawn": lambda run: _withdraw(run, "have_not_told"),
    "a report is withdrawn that may have come": lambda run: _withdraw(run, "may_have_told"),
    "a report is withdrawn that came": lambda run: [run.take_late(marked=True), _withdraw(run, "may_have_told")],
    "a report is withdrawn that the agency knew": lambda run: _withdraw(run, "had_been_told", 21.0, "already_reported"),
    "a report is withdrawn before any notice": lambda run: [
        _withdraw(run),
        run.unsay(OTHER_REPORT),
        run.settle_notice(OTHER_REPORT, None, 20.5, "withdrawn"),
    ],
    "a person may not be told": lambda run: [
        run.unsay(OTHER_REPORT),
        run.settle_notice(OTHER_REPORT, None, 2.0, "deferred"),
    ],
    "it is unknown whether a notice was sent": lambda run: [
        run.unsay(OTHER_REPORT),
        run.settle_notice(OTHER_REPORT, "are_telling", 8.5, "unknown"),
        run.say(OTHER_REPORT, "have_told", 21.0),
    ],
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_what_may_be_is_no_fault(right: Right) -> None:
    run = Run()
    right(run)
    assert run.account().faults == []
