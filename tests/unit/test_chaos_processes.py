"""The chaos account, for processes: each change of a faultless run that is wrong is found."""

import pytest

from tests.chaos.kept_process import Asked
from tests.chaos.made_run import Right, Run, Wrong

WRONGS: dict[str, Wrong] = {
    "a process ends by itself": (
        lambda run: run.end("connector-999", 70, 50.0),
        "connector-999 ended by itself with status 70",
    ),
    "a process ends in order by itself": (lambda run: run.end("gateway", 0, 50.0), "by itself with status 0"),
    "a process ends by itself long after the broker was away": (
        lambda run: run.lose_broker(20.0, 25.0).end("gateway", 70, 45.5),
        "by itself with status 70",
    ),
    "a process crashes while the broker is away": (
        lambda run: run.lose_broker(20.0, 25.0).end("gateway", -11, 22.0),
        "by itself with status -11",
    ),
    "an open process raises while the broker is away": (
        lambda run: run.lose_broker(20.0, 25.0).end("gateway", 1, 22.0),
        "by itself with status 1",
    ),
    "a process ends by itself long after it was frozen": (
        lambda run: run.freeze("notifier", 20.0, 25.0).end("notifier", 70, 45.5),
        "by itself with status 70",
    ),
    "a process ends by itself after another was frozen": (
        lambda run: run.freeze("worker-1", 20.0, 25.0).end("notifier", 70, 26.0),
        "by itself with status 70",
    ),
    "a process does not stop in order": (
        lambda run: run.end("worker-2", 70, 50.0, Asked.STOP, 49.0),
        "worker-2 ended when asked to stop with status 70",
    ),
    "a process stops too late": (lambda run: run.end("gateway", 0, 91.0, Asked.STOP, 50.0), "took 41 s to stop"),
    "a process does not stop": (
        lambda run: run.end("gateway", -9, 91.0, Asked.FORCED, 50.0),
        "did not end within 40 s and had to be killed",
    ),
}


@pytest.mark.parametrize(("wrong", "named"), WRONGS.values(), ids=WRONGS)
def test_each_wrong_is_a_fault(wrong: Right, named: str) -> None:
    run = Run()
    wrong(run)
    assert any(named in fault for fault in run.account().faults), run.account().faults


RIGHTS: dict[str, Right] = {
    "a process ends by itself after the broker was away": lambda run: run.lose_broker(20.0, 25.0).end(
        "connector-999", 70, 44.5
    ),
    "a worker ends by itself after another was frozen": lambda run: run.freeze("worker-1", 20.0, 25.0).end(
        "worker-2", 70, 44.5
    ),
    "a connector ends by itself after its twin was frozen": lambda run: run.freeze("connector-999", 20.0, 25.0).end(
        "connector-999+1", 70, 44.5
    ),
    "a process stops in order": lambda run: run.end("gateway", 0, 89.0, Asked.STOP, 50.0),
    "a process that stops was frozen meanwhile": lambda run: run.freeze("gateway", 51.0, 56.0).end(
        "gateway", 0, 94.0, Asked.STOP, 50.0
    ),
    "a process is asked to stop before it is open": lambda run: run.end(
        "gateway", -15, 50.5, Asked.STOP, 50.0, is_open=False
    ),
    "a process is killed while it stops": lambda run: run.end("gateway", 0, 50.5, Asked.KILL, 50.0),
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_what_may_be_is_no_fault(right: Right) -> None:
    run = Run()
    right(run)
    assert run.account().faults == []
