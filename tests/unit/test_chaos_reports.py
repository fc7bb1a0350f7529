"""The chaos account, for reports and requests: each change of a faultless run that is wrong is found."""

import pytest

from schemas.topics import TopicName
from schemas.vocabulary import Agency
from tests.chaos.absences import Absences
from tests.chaos.made_run import BEGUN, LIMIT, OTHER_REPORT, REPORT, Right, Run, Wrong


def _take_again(run: Run, *, marked: bool, begun: float) -> None:
    """Add a second request of the first report, to an agency that recognises it."""
    run.attempt(REPORT, 2, begun)
    steps = run.record.by_topic[TopicName.DELIVERIES]
    # It was recorded before the acknowledgement.
    steps.insert(0, steps.pop())
    run.take(REPORT, 2, 3.0, marked=marked, accepted=False)


def _wait_unheard(run: Run) -> None:
    run.alarms.clear()
    run.without(TopicName.REVIEWS, "ReviewSettled")


WRONGS: dict[str, Wrong] = {
    "a report is missing": (lambda run: run.without(TopicName.REPORTS_999, "Report"), "there is no report"),
    "a report is doubled": (lambda run: run.again(TopicName.REPORTS_999, "Report"), "generation 1, was made 2 times"),
    "a report has no decision": (lambda run: run.report("another", "report-9"), "rests on no decision"),
    "a second generation has no end": (
        lambda run: run.send_again(),
        "generation 2, is neither acknowledged nor handed over",
    ),
    "a second generation is handed over too late": (
        lambda run: run.send_again_until(20.0 + LIMIT + 10.5),
        "generation 2, was neither acknowledged nor handed over for 10.5 s",
    ),
    "a second generation without a first": (
        lambda run: run.record.by_topic[TopicName.REPORTS_999][1].fields.update(generation=2),
        "has generations [2]",
    ),
    "an agency is told twice": (lambda run: run.take(REPORT, 1, 3.0), "accepted 2 times"),
    "a repeat is marked, to one that knows": (
        lambda run: run.take(REPORT, 1, 3.0, marked=True),
        "by an agency that recognises",
    ),
    "a repeat is not marked": (
        lambda run: _take_again(run, marked=False, begun=2.0),
        "had the report before it was begun",
    ),
    "the first request is marked": (
        lambda run: run.logs[Agency.EMERGENCY_999][0].update(possible_repeat=True),
        "it is the first that was begun",
    ),
    "a request is not on record": (lambda run: run.take(REPORT, 2, 3.0, accepted=False), "without a recorded attempt"),
    "an acknowledgement is made up": (
        lambda run: run.logs[Agency.EMERGENCY_999].clear(),
        "the agency never accepted it",
    ),
    "an agency accepted a report that was not made": (
        lambda run: run.take("report-9", 1, 3.0),
        "and never made for it",
    ),
    "another agency accepted it": (
        lambda run: run.logs[Agency.POLICE_101].extend(run.logs[Agency.EMERGENCY_999]),
        "was accepted by 101, and never made for it",
    ),
    "an agency answers twice, and the second answer counts": (
        lambda run: [
            run.step(REPORT, "acknowledged", 1, 2.5),
            run.record.by_topic[TopicName.DELIVERIES][-1].fields.update(reference="CAD-2"),
        ],
        "was acknowledged with 2 references",
    ),
    "a report has no end": (lambda run: run.without(TopicName.REVIEWS, "ReviewRequested", 2), "nor handed over"),
    "a report is handed over too late": (lambda run: run.hand_over_late(10.5), "nor handed over for 10.5 s"),
    "no alarm is raised": (
        _wait_unheard,
        "no alarm was raised",
    ),
    "an all-clear is missing": (lambda run: run.alarms.pop(), "the last call says alarm"),
    "a lane refuses in the end": (
        lambda run: run.alarms.append(("alarm", "lane/worker/decide-3")),
        "the last call says alarm, and all is well",
    ),
    "a lane keeps putting work aside": (
        lambda run: run.alarms.append(("alarm", "failing/worker/decide-3")),
        "that nothing in the run explains",
    ),
    "it is sent again after its acknowledgement": (
        lambda run: run.attempt(REPORT, 2, 9.0),
        "was sent again after its acknowledgement was recorded",
    ),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults


RIGHTS: dict[str, Right] = {
    "a second generation is handed over at its limit": lambda run: run.send_again_until(20.0 + LIMIT),
    "a second generation is acknowledged": lambda run: [
        run.send_again(),
        run.attempt(OTHER_REPORT, 2, 20.5),
        run.take(OTHER_REPORT, 2, 20.6, marked=True),
        run.step(OTHER_REPORT, "acknowledged", 2, 20.7),
        run.say(OTHER_REPORT, "have_told", 21.0),
    ],
    "a repeat is marked": lambda run: _take_again(run, marked=True, begun=2.0),
    "a frozen sender's request comes late, and could not know": lambda run: _take_again(run, marked=False, begun=1.0),
    "a request is marked because of one that never came": lambda run: run.take_late(marked=True),
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_what_may_be_is_no_fault(right: Right) -> None:
    run = Run()
    right(run)
    assert run.account().faults == []


def test_a_limit_that_begins_anew_with_each_absence_is_a_fault() -> None:
    run = Run()
    run.hand_over_late(45.0)
    begun = BEGUN.timestamp()
    run.absences = Absences((), [[(begun + 1.0, begun + 21.0)], [(begun + 22.0, begun + 42.0)], []])
    assert any("nor handed over for 25.0 s" in fault for fault in run.account().faults)


def test_time_without_the_broker_does_not_count_nor_do_ten_seconds_after_it() -> None:
    run = Run()
    run.hand_over_late(40.0)
    begun = BEGUN.timestamp()
    run.absences = Absences([(begun + 5.0, begun + 10.0), (begun + 12.0, begun + 20.0), (begun + 60.0, begun + 90.0)])
    assert any("nor handed over for 15.0 s" in fault for fault in run.account().faults)
    run.absences = Absences([*run.absences.broker, (begun + 40.0, begun + 41.0)])
    assert run.account().faults == []


def test_of_the_absence_of_one_worker_twenty_seconds_do_not_count_and_of_all_the_whole() -> None:
    run = Run()
    run.hand_over_late(40.0)
    begun = BEGUN.timestamp()
    run.absences = Absences((), [[(begun + 5.0, begun + 45.0)], [(begun + 6.0, begun + 7.0)]])
    assert any("nor handed over for 20.0 s" in fault for fault in run.account().faults)
    run.absences = Absences((), [run.absences.workers[0], [(begun + 12.0, begun + 40.0)]])
    assert run.account().faults == []


def test_a_marked_repeat_at_an_agency_that_forgets_is_no_fault() -> None:
    run = Run()
    _take_again(run, marked=True, begun=2.0)
    run.logs[Agency.EMERGENCY_999][-1]["accepted"] = True
    assert run.account().faults != []
    run.forgetful = Agency.EMERGENCY_999
    assert run.account().faults == []


def test_a_repeat_that_is_not_marked_is_a_fault_at_an_agency_that_forgets_whenever_it_was_begun() -> None:
    run = Run()
    _take_again(run, marked=False, begun=1.0)
    run.logs[Agency.EMERGENCY_999][-1]["accepted"] = True
    run.forgetful = Agency.EMERGENCY_999
    assert any("accepted 2 times without being marked" in fault for fault in run.account().faults)
