"""The deployment of a chaos run: broker, processes and agencies; applies disruptions and behaviours to them."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from infra.broker import LocalBroker
from infra.broker.probe import free_port
from infra.topics import apply
from schemas.vocabulary import Agency
from services.settings import Keys
from tests.chaos.absences import Absences, Gap
from tests.chaos.kept_process import Away, Ended, KeptProcess
from tests.chaos.plan import KINDS, PARTITIONS, SILENT, Behaviour, Disruption, Do, Episode

LEAD = "lead-1"
_LOOK_SECONDS = 0.3
#: The broker starts many times: with one quick compiler it is ready sooner. With twelve partitions for each topic and a
#: producer for each lane, half a gigabyte of heap is too little.
_JAVA = ("-XX:TieredStopAtLevel=1", "-Xms512m", "-Xmx1g")
#: Least time of work of the broker between two disruptions (seconds). On a slow machine it lasts until all workers work
#: again, but no longer than the second number.
_LEAST_BROKER_SECONDS, _MOST_BROKER_SECONDS = 15.0, 40.0
_DUTY = f"""
[escalate_every]
emergency = "1 minute"
other = "1 minute"
[[staff]]
id = "{LEAD}"
role = "safeguarding_lead"
on_duty = ["daily 00:00-24:00"]
"""


class Deployment:
    """A broker and every process of Confide, each started again when it ends; applies the disruptions of a plan."""

    def __init__(self, folder: Path, alarm: str) -> None:
        self.folder = folder
        self.broker = LocalBroker(folder / "kafka", java_options=_JAVA)
        self.broker_away = Away()
        self.kept: dict[str, KeptProcess] = {}
        self.done: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        #: Processes that joined for a while.
        self.joined: list[KeptProcess] = []
        self._alarm = alarm
        self._ports = {agency: free_port() for agency in Agency}
        self._behaviours = {agency: asyncio.Lock() for agency in Agency}
        self.gateway_port = free_port()
        # One thread for as long as this object: the system kills the broker when the thread ends that started it.
        self._thread = ThreadPoolExecutor(1)
        self._broker_turn = asyncio.Lock()
        self._broker_back = float("-inf")
        self.environment: dict[str, str] = {}

    async def open(self) -> None:
        """Start the broker and every process; return when all are open."""
        for name in ("logs", "behaviours", "agencies"):
            (self.folder / name).mkdir(parents=True)
        await self._on_broker(self.broker.start)
        await asyncio.to_thread(apply, self.broker.bootstrap, PARTITIONS)
        Keys.create(self.folder / "keys")
        Keys.create_staff(self.folder / "keys", LEAD)
        (self.folder / "duty.toml").write_text(_DUTY)
        self.environment = {
            "KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "CONFIDE_KEYS": str(self.folder / "keys"),
            "CONFIDE_DUTY": str(self.folder / "duty.toml"),
            "CONFIDE_ALARM": self._alarm,
            "CONFIDE_LOG_LEVEL": "info",
        }
        for name, command in self._commands().items():
            self.kept[name] = self._start(name, command)
        for process in self.kept.values():
            await process.opened()

    async def strike(self, disruption: Disruption) -> None:
        """Apply a disruption to its process."""
        if disruption.process == "kafka":
            struck = await self._strike_broker(disruption)
        elif disruption.do is Do.JOIN:
            struck = await self._join(disruption)
        else:
            process = self.kept[disruption.process]
            match disruption.do:
                case Do.KILL:
                    await process.runs()
                    self._note_disruption(disruption)
                    struck = process.kill()
                case Do.STOP:
                    await process.works(self._without_broker)
                    self._note_disruption(disruption)
                    struck = process.stop()
                case _:
                    await process.runs()
                    self._note_disruption(disruption)
                    struck = await process.freeze(disruption.seconds)
        if struck:
            kind = disruption.process.partition("-")[0]
            self.done[f"{disruption.do} {kind}"] += 1
            if disruption.do is Do.KILL:
                self.killed[kind] += 1

    async def behave(self, episode: Episode, until: float) -> None:
        """Give an agency its behaviour of this episode; end it at `until` at the latest (monotonic clock, seconds)."""
        if episode.behaviour is Behaviour.AWAY:
            self._note(f"agency {episode.agency} {episode.behaviour} for {episode.seconds:.1f} s")
            await self.kept[_slug("agency", episode.agency)].gone(episode.seconds)
            self.done[f"agency {episode.behaviour}"] += 1
            return
        # One behaviour at a time: a silent behaviour may last longer than planned.
        async with self._behaviours[episode.agency]:
            if time.monotonic() > until:
                return
            self._note(f"agency {episode.agency} {episode.behaviour} for {episode.seconds:.1f} s")
            file, log = self._behaviour(episode.agency), self.agency_log(episode.agency)
            before = log.stat().st_size if log.exists() else 0
            file.write_text(episode.behaviour)
            await asyncio.sleep(episode.seconds)
            if episode.behaviour in SILENT:
                # Polled: another process writes the log.
                while not (accepted := _has_accepted(log, before)) and time.monotonic() < until:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)
                self.done[f"agency {episode.behaviour}"] += accepted
            else:
                self.done[f"agency {episode.behaviour}"] += 1
            file.unlink(missing_ok=True)
            self._note(f"agency {episode.agency} is well")

    async def calm(self) -> None:
        """Resume every frozen process, and return when all processes work."""
        for process in self.kept.values():
            process.thaw()
            await process.works(self._without_broker)

    async def close(self) -> None:
        """Stop every process and return once all have ended. The broker stays, for its readers."""
        await asyncio.gather(*(process.leave() for process in self.kept.values()))

    def all_processes(self) -> list[KeptProcess]:
        """Return every process of the run, without the broker."""
        return [*self.kept.values(), *self.joined]

    def ends(self) -> list[Ended]:
        """Return every end of a process."""
        return [end for process in self.all_processes() for end in process.ends]

    def frozen(self) -> list[tuple[str, Gap]]:
        """Return the name of each frozen process with the time of the freeze."""
        return [(process.name, gap) for process in self.all_processes() for gap in process.frozen]

    async def end_broker(self) -> None:
        """Kill the broker."""
        await self._on_broker(self.broker.kill)
        self._thread.shutdown()

    def agency_log(self, agency: Agency) -> Path:
        """Return the file of the agency's log."""
        return self.folder / "agencies" / f"{agency}.jsonl"

    def absences(self) -> Absences:
        """Return the absences of the broker and of each worker, including those that joined for a while."""
        workers = [process for process in self.all_processes() if process.name.startswith("worker")]
        return Absences(self.broker_away.all(), [process.away.all() for process in workers])

    async def _strike_broker(self, disruption: Disruption) -> bool:
        async with self._broker_turn:
            # Without this a seed may leave the broker no time, and no work is done between two outages.
            await asyncio.sleep(max(0.0, self._broker_back + _LEAST_BROKER_SECONDS - time.monotonic()))
            until = self._broker_back + _MOST_BROKER_SECONDS
            # Polled: the tasks that read the workers' output end their absences.
            while not self._all_work(KINDS["worker"]) and time.monotonic() < until:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
            self._note_disruption(disruption)
            self.broker_away.leave()
            match disruption.do:
                case Do.KILL:
                    await self._on_broker(self.broker.kill)
                case Do.STOP:
                    await self._on_broker(self.broker.stop)
                case _:
                    pid = self.broker.pid
                    if pid is not None:
                        os.kill(pid, signal.SIGSTOP)
                        await asyncio.sleep(disruption.seconds)
                        os.kill(pid, signal.SIGCONT)
            await self._on_broker(self.broker.start)
            self.broker_away.come()
            self._broker_back = time.monotonic()
            self._note("kafka is open")
        return True

    def _all_work(self, names: Iterable[str]) -> bool:
        return all(self.kept[name].away.since is None for name in names)

    def _without_broker(self) -> float:
        """Return the seconds without the broker so far."""
        now = time.time()
        return sum(min(back, now) - gone for gone, back in self.broker_away.all())

    async def _join(self, disruption: Disruption) -> bool:
        name = f"{disruption.process}+{len(self.joined) + 1}"
        self._note_disruption(disruption)
        process = self._start(name, _in_slot(self._commands()[disruption.process], name))
        self.joined.append(process)
        await asyncio.sleep(disruption.seconds)
        await process.leave()
        return True

    async def _on_broker(self, do: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, do)  # type: ignore[arg-type]

    def _note(self, what: str) -> None:
        """Write a line to `disruptions.log`."""
        with (self.folder / "disruptions.log").open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {what}\n")

    def _note_disruption(self, disruption: Disruption) -> None:
        lasts = f" for {disruption.seconds:.1f} s" if disruption.seconds else ""
        self._note(f"{disruption.do} {disruption.process}{lasts}")

    def _start(self, name: str, command: tuple[str, ...]) -> KeptProcess:
        return KeptProcess(name, command, self.environment, self.folder / "logs", self._note)

    def _commands(self) -> dict[str, tuple[str, ...]]:
        commands: dict[str, tuple[str, ...]] = {}
        for agency, port in self._ports.items():
            program = ("-m", "tests.chaos.agencies")
            place = (str(port), str(self.agency_log(agency)), str(self._behaviour(agency)))
            commands[_slug("agency", agency)] = (*program, agency, *place)
        for name in KINDS["worker"]:
            commands[name] = self._hurried("worker", "--slot", name)
        for agency, port in self._ports.items():
            name = _slug("connector", agency)
            url = f"http://127.0.0.1:{port}"
            commands[name] = self._hurried("connector", name.partition("-")[2], "--agency-url", url, "--slot", name)
        notices = str(self.folder / "notices.jsonl")
        commands["notifier"] = self._hurried("notifier", "--channel", "file", "--file", notices, "--slot", "notifier")
        commands["gateway"] = self._hurried("gateway", "--open", "--port", str(self.gateway_port))
        return commands

    def _hurried(self, *arguments: str) -> tuple[str, ...]:
        return ("-m", "tests.chaos.program", *arguments)

    def _behaviour(self, agency: Agency) -> Path:
        return self.folder / "behaviours" / agency


def _has_accepted(log: Path, since: int) -> bool:
    """Return whether the log has an accepted report after the first `since` bytes."""
    if not log.exists():
        return False
    with log.open("rb") as lines:
        lines.seek(since)
        return any(json.loads(line)["accepted"] for line in lines if line.endswith(b"\n"))


def _in_slot(command: tuple[str, ...], slot: str) -> tuple[str, ...]:
    """Return the command with another slot: that of a further process of the same kind."""
    return (*command[: command.index("--slot")], "--slot", slot.replace("+", "-"))


def _slug(kind: str, agency: Agency) -> str:
    return f"{kind}-{agency.replace('_', '-')}"
