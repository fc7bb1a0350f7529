"""`confide worker`: ADMIT, IDENTITY and DECIDE."""

import typer

from infra.telemetry import configure, shutdown
from schemas.policy import load_policies
from services.alarm.alarm_writer import AlarmWriter
from services.alarm.console import ConsoleAlarm
from services.alarm.lane_alarms import FileAlarm, LaneAlarms
from services.alarm.ports import alarm_port
from services.cli.environment import settings_with_kafka
from services.cli.lanes import Accept, Slot, accepted
from services.cli.ready import ready
from services.master_key import check_master_key
from services.staff_files import StaffFiles
from streams.app import APPLICATION, IdentityLinks, WorkerKeys, following, lane_groups
from streams.runtime import Clock, run_worker


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(worker)


def worker(slot: Slot = None, accept: Accept = None) -> None:
    """Admit, resolve and decide disclosures until stopped. Start it again to add workers."""
    settings = settings_with_kafka()
    keys = settings.keys()
    links = IdentityLinks()
    policies = load_policies()
    worker_keys = WorkerKeys(keys.master, keys.token, keys.token_version)
    writer, clock = AlarmWriter(settings.bootstrap), Clock()
    lane_alarms = LaneAlarms(writer, APPLICATION, clock.now)
    alarm = FileAlarm(writer, APPLICATION, clock.now).refused
    staff = StaffFiles(settings, keys, policies.latest.trained, alarm=alarm)
    alarms = alarm_port(settings.alarm)
    groups = lane_groups(worker_keys, policies, links, staff, alarms=alarms)
    losses = accepted(accept, settings.bootstrap, {group.name: str(group.sources[0]) for group in groups})
    configure("worker")
    if isinstance(alarms, ConsoleAlarm):
        alarms.announce()
    try:
        check_master_key(settings.bootstrap, keys.master)
        status = run_worker(
            APPLICATION,
            groups,
            bootstrap=settings.bootstrap,
            background=(writer.running, following(settings.bootstrap, links, lane_alarms.on_event)),
            instance=slot and f"{APPLICATION}-{slot}",
            opened=ready("worker"),
            accepted=losses,
            on_lane=lane_alarms.on_event,
            clock=clock,
        )
    finally:
        shutdown()
    raise typer.Exit(status)
