"""The chaos account, for calls of the channel of notices: each change of a faultless run that is wrong is found."""

import pytest

from schemas.topics import TopicName
from tests.chaos.made_run import OTHER_REPORT, REPORT, Right, Run, Wrong, after

#: The calls of a run, in order: *we have told* of the first report at 2.5 s; *we are telling* at 8.5 s and *we have
#: told* at 21 s of the second.
_HAVE_TOLD, _ARE_TELLING, _HAVE_TOLD_OTHER = 0, 1, 2


def _repeat(run: Run, index: int, at: float, lane: str = "after a crash") -> Run:
    """Let the notice of this call leave again at that time; the channel drops it."""
    run.calls.append({**run.calls[index], "at": after(at).isoformat(), "lane": lane})
    run.calls.sort(key=lambda call: str(call["at"]))
    return run


def _cut_off(run: Run, seconds: float) -> Run:
    """Let the notifier crash during *we are telling* of the second report; it is settled when it left again."""
    topic = run.record.by_topic[TopicName.NOTIFICATIONS]
    (settled,) = (came for came in topic if came.fields.get("says") == "are_telling")
    settled.fields["settled_at"] = after(seconds)
    return run


def _never_settle_a_call(run: Run) -> None:
    run.unsay(REPORT)
    run.call(REPORT, "are_telling", 2.4)
    run.say(REPORT, "have_told", 2.5)


WRONGS: dict[str, Wrong] = {
    "it left twice while its lane was open": (
        lambda run: _repeat(run, _HAVE_TOLD, 2.5, "opening-0"),
        "left 2 times with have_told while its lane stayed open",
    ),
    "it left again after it was settled": (
        lambda run: _repeat(run, _HAVE_TOLD, 2.7),
        "left 1 times with have_told after that was settled",
    ),
    "it left before the agency had it": (
        lambda run: _repeat(run, _HAVE_TOLD, 1.9),
        "left with have_told, and the agency did not have it",
    ),
    "we are telling left before its time": (
        lambda run: _repeat(run, _ARE_TELLING, 7.0),
        "left with are_telling before its time",
    ),
    "we are telling left again long after": (
        lambda run: _repeat(_cut_off(run, 31.0), _ARE_TELLING, 31.0),
        "left with are_telling long after the agency had it",
    ),
    "we are telling left again after we told": (
        lambda run: _repeat(_cut_off(run, 22.0), _ARE_TELLING, 21.5),
        "left with less after more",
    ),
    "it is not settled": (_never_settle_a_call, "left with are_telling, and that is not settled"),
    "it is of no report": (
        lambda run: run.calls.append({**run.calls[0], "notification_id": "another"}),
        "left, and is of no report",
    ),
    "its call is not logged": (lambda run: run.calls.pop(_HAVE_TOLD_OTHER), "no call of it was logged"),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults


RIGHTS: dict[str, Right] = {
    "it left again after a crash": lambda run: _repeat(_cut_off(run, 12.0), _ARE_TELLING, 12.0),
    "it left again after two crashes": lambda run: _repeat(
        _repeat(_cut_off(run, 12.0), _ARE_TELLING, 11.0, "after one"), _ARE_TELLING, 12.0, "after two"
    ),
    "a crash hides whether it left, and it is no longer true": lambda run: [
        run.unsay(OTHER_REPORT),
        run.call(OTHER_REPORT, "are_telling", 19.0),
        run.settle_notice(OTHER_REPORT, "are_telling", 20.5, "unknown"),
        run.say(OTHER_REPORT, "have_told", 21.0),
    ],
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_what_may_be_is_no_fault(right: Right) -> None:
    run = Run()
    right(run)
    assert run.account().faults == []


def test_a_notice_that_left_again_is_counted() -> None:
    run = _repeat(_cut_off(Run(), 12.0), _ARE_TELLING, 12.0)
    assert run.account().counts["notices that left again"] == 1
