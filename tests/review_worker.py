"""`confide worker` with deadlines of seconds, run by tests as a process: `python -m tests.review_worker SECONDS`."""

import sys
from datetime import timedelta

from infra.telemetry import configure, shutdown
from schemas.policy import Policies, load_policy
from services.alarm.alarm_writer import AlarmWriter
from services.alarm.lane_alarms import LaneAlarms
from services.alarm.ports import alarm_port
from services.cli.ready import ready
from services.settings import Settings
from streams.app import APPLICATION, IdentityLinks, WorkerKeys, following, lane_groups
from streams.domain.staff import StaffDirectory
from streams.runtime import Clock, run_worker


def main(seconds: str) -> int:
    """Work until SIGTERM; every deadline and every escalation is that many seconds away."""
    settings = Settings.from_environment()
    keys, policy, every = settings.keys(), load_policy(), timedelta(seconds=float(seconds))
    soon = {"emergency": every, "other": every}
    quick = policy.model_copy(update={"deadlines": policy.deadlines.model_copy(update=soon)})
    duty = settings.duty(policy.trained)
    rota = duty.model_copy(update={"escalate_every": duty.escalate_every.model_copy(update=soon)})
    staff = StaffDirectory(rota, keys.staff)
    links = IdentityLinks()
    worker_keys = WorkerKeys(keys.master, keys.token, keys.token_version)
    configure("review-worker")
    writer, clock = AlarmWriter(settings.bootstrap), Clock()
    alarms_of_lanes = LaneAlarms(writer, APPLICATION, clock.now)
    status = run_worker(
        APPLICATION,
        lane_groups(worker_keys, Policies((quick,)), links, lambda: staff, alarms=alarm_port(settings.alarm)),
        bootstrap=settings.bootstrap,
        background=(writer.running, following(settings.bootstrap, links, alarms_of_lanes.on_event)),
        instance=f"{APPLICATION}-1",
        opened=ready("worker"),
        on_lane=alarms_of_lanes.on_event,
        clock=clock,
    )
    shutdown()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
