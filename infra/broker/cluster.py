"""Several brokers as processes of this machine: one cluster, each node broker and controller (see decision 0026)."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.broker.configuration import Member
from infra.broker.local import LocalBroker, new_cluster_id
from infra.broker.probe import free_port

#: Java's options for one of several brokers of minutes: small, because they share the machine.
SMALL = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx320m")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node of a cluster listens, what starts it, and where its folder is (one in the cluster's, if None)."""

    host: str = "127.0.0.1"
    launcher: tuple[str, ...] = ()
    folder: Path | None = None
    #: The port that it listens at for clients and brokers; None is a free one.
    port: int | None = None
    #: The address (`host:port`) that clients and brokers get instead of the one it listens at.
    advertised: str | None = None


#: The number of a controller that stands apart.
CONTROLLER = 100


class LocalCluster:
    """Brokers 1 to n, one for each of `places`: start, kill, freeze each as often as you like.

    Topics have as many replicas as there are brokers unless they are created with fewer, and a write is acknowledged by
    all of them but one. Each broker is a controller too; with `controller_apart` one more node alone is, so that
    partitions get new leaders however many brokers are away. All end with their parent, as a `LocalBroker` does.
    """

    def __init__(
        self,
        folder: Path,
        places: Sequence[Place] = (Place(),) * 3,
        *,
        controller_apart: bool = False,
        java_options: Sequence[str] = SMALL,
    ) -> None:
        cluster_id = new_cluster_id()
        nodes = dict(enumerate(places, 1))
        if controller_apart:
            nodes[CONTROLLER] = Place()
        taken: list[int] = []
        ports, controller_ports = (
            {n: _take(taken, place.port if listens_to_clients else None) for n, place in nodes.items()}
            for listens_to_clients in (True, False)
        )
        controllers = [CONTROLLER] if controller_apart else list(nodes)
        voters = {n: f"{nodes[n].host}:{controller_ports[n]}" for n in controllers}
        self._nodes = {
            n: LocalBroker(
                place.folder or folder / f"node-{n}",
                ports[n],
                controller_ports[n],
                java_options=java_options,
                member=Member(
                    n, cluster_id, len(places), voters, n != CONTROLLER, place.host, place.advertised, place.launcher
                ),
            )
            for n, place in nodes.items()
        }
        self.brokers: Mapping[int, LocalBroker] = {n: node for n, node in self._nodes.items() if n != CONTROLLER}

    @property
    def bootstrap(self) -> str:
        """The addresses that clients are given."""
        return self.bootstrap_without()

    def bootstrap_without(self, *away: int) -> str:
        """Return the addresses of the brokers but those."""
        return ",".join(broker.bootstrap for n, broker in self.brokers.items() if n not in away)

    def start(self, *which: int) -> Self:
        """Start those (all, if none is named) that do not run, and wait until each serves."""
        launched = self.launch(*which)
        self.wait_until_ready(*launched)
        return self

    def launch(self, *which: int) -> tuple[int, ...]:
        """Start the processes of those (all, if none is named) that do not run, and return their numbers.

        Their parent is the thread that calls this.
        """
        launched = tuple(n for n in which or self._nodes if self._nodes[n].pid is None)
        for n in launched:
            self._nodes[n].launch()
        return launched

    def wait_until_ready(self, *launched: int) -> None:
        """Wait until each of those serves."""
        for n in launched:
            self._nodes[n].wait_until_ready()

    def kill(self, *which: int) -> None:
        """End those (all, if none is named) as a power cut does."""
        for n in which or self._nodes:
            self._nodes[n].kill()

    def stop(self, n: int) -> None:
        """End one of them cleanly: it gives its partitions to the others first."""
        self._nodes[n].stop()

    def freeze(self, n: int) -> None:
        """Stop a broker's process where it is; its connections stay open."""
        self._signal(n, signal.SIGSTOP)

    def thaw(self, n: int) -> None:
        """Let a frozen broker go on."""
        self._signal(n, signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not cleanly: the last of them would wait in vain for a controller.
        self.kill()

    def _signal(self, n: int, number: signal.Signals) -> None:
        pid = self._nodes[n].pid
        if pid is None:
            raise RuntimeError(f"broker {n} does not run")
        os.kill(pid, number)


def _take(taken: list[int], wanted: int | None) -> int:
    taken.append(wanted or free_port(taken))
    return taken[-1]
