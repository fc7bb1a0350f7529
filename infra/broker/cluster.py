"""A cluster of several brokers as processes of this machine; each node is broker and controller (see decision 0026)."""

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

#: Java's options for one of several short-lived brokers: small, because they share the machine.
SMALL = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx320m")


@dataclass(frozen=True, slots=True)
class NodeLocation:
    """Host, port, folder and launcher of one node of a cluster."""

    host: str = "127.0.0.1"
    #: The program that starts Java, with its arguments; empty: none.
    launcher: tuple[str, ...] = ()
    #: None: a folder inside the cluster's.
    folder: Path | None = None
    #: The port for clients and other brokers; None: a free one.
    port: int | None = None
    #: The address (`host:port`) that clients and brokers get instead of the one that the node listens on.
    advertised: str | None = None


#: The number of a node that is a controller only.
CONTROLLER = 100


class LocalCluster:
    """Brokers 1 to n, one for each of `locations`. Each can be started, killed and frozen any number of times.

    Topics have one replica on each broker, unless they are created with fewer; all replicas but one must acknowledge a
    write. Each broker is a controller too. With `controller_apart` only one further node is a controller, so that
    partitions get new leaders with any number of brokers away. All nodes end with their parent, like a `LocalBroker`.
    """

    def __init__(
        self,
        folder: Path,
        locations: Sequence[NodeLocation] = (NodeLocation(),) * 3,
        *,
        controller_apart: bool = False,
        java_options: Sequence[str] = SMALL,
    ) -> None:
        cluster_id = new_cluster_id()
        nodes = dict(enumerate(locations, 1))
        if controller_apart:
            nodes[CONTROLLER] = NodeLocation()
        taken: list[int] = []
        ports, controller_ports = (
            {n: _take(taken, node.port if listens_to_clients else None) for n, node in nodes.items()}
            for listens_to_clients in (True, False)
        )
        controllers = [CONTROLLER] if controller_apart else list(nodes)
        voters = {n: f"{nodes[n].host}:{controller_ports[n]}" for n in controllers}
        self._nodes = {
            n: LocalBroker(
                node.folder or folder / f"node-{n}",
                ports[n],
                controller_ports[n],
                java_options=java_options,
                member=Member(
                    n, cluster_id, len(locations), voters, n != CONTROLLER, node.host, node.advertised, node.launcher
                ),
            )
            for n, node in nodes.items()
        }
        self.brokers: Mapping[int, LocalBroker] = {n: node for n, node in self._nodes.items() if n != CONTROLLER}

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, for clients."""
        return self.bootstrap_without()

    def bootstrap_without(self, *away: int) -> str:
        """Return the addresses of all brokers except those in `away`."""
        return ",".join(broker.bootstrap for n, broker in self.brokers.items() if n not in away)

    def start(self, *which: int) -> Self:
        """Start the given nodes (default: all) that do not run, and wait until each serves."""
        launched = self.launch(*which)
        self.wait_until_ready(*launched)
        return self

    def launch(self, *which: int) -> tuple[int, ...]:
        """Start the processes of the given nodes (default: all) that do not run, and return their numbers.

        The calling thread is their parent: the system kills them when it ends.
        """
        launched = tuple(n for n in which or self._nodes if self._nodes[n].pid is None)
        for n in launched:
            self._nodes[n].launch()
        return launched

    def wait_until_ready(self, *launched: int) -> None:
        """Wait until each of the launched nodes serves."""
        for n in launched:
            self._nodes[n].wait_until_ready()

    def kill(self, *which: int) -> None:
        """Kill the given nodes (default: all) with SIGKILL, as a power cut would."""
        for n in which or self._nodes:
            self._nodes[n].kill()

    def stop(self, n: int) -> None:
        """Stop a node cleanly: it moves the leadership of its partitions to other brokers first."""
        self._nodes[n].stop()

    def freeze(self, n: int) -> None:
        """Freeze a broker's process (SIGSTOP); its connections stay open."""
        self._signal(n, signal.SIGSTOP)

    def thaw(self, n: int) -> None:
        """Let a frozen broker continue (SIGCONT)."""
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
        # Killed, not stopped: the last node would wait for a controller that no longer runs.
        self.kill()

    def _signal(self, n: int, number: signal.Signals) -> None:
        pid = self._nodes[n].pid
        if pid is None:
            raise RuntimeError(f"broker {n} does not run")
        os.kill(pid, number)


def _take(taken: list[int], wanted: int | None) -> int:
    taken.append(wanted or free_port(taken))
    return taken[-1]
