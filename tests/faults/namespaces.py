"""Network namespaces on this machine, and a router between them that can drop packets in one direction.

Each place is a network namespace with one address. All packets between two places pass through the namespace of the
router, where a routing rule can drop those from one address to another. The opposite direction still works.
"""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.machine import leave_out, need_program, need_root

#: Addresses for tests of network equipment (RFC 2544), used for nothing else. Two runs have two networks.
_NETWORK = f"198.18.{os.getpid() % 256}"
#: The place of the test process, which stays in the machine's network. Each place has four addresses.
_HERE = 60
_FIRST_RULE = 1_000


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Network:
    """Places 1 to n, the test process, and the router between them."""

    def __init__(self, places: int) -> None:
        self._prefix = f"cf{os.getpid()}"
        self._router = f"{self._prefix}-r"
        self._rules = itertools.count(_FIRST_RULE)
        self._dropped: dict[tuple[str, str], str] = {}
        self._namespaces = {n: f"{self._prefix}-{n}" for n in range(1, places + 1)}

    @staticmethod
    def address(place: int) -> str:
        """Return the address of a place."""
        return f"{_NETWORK}.{4 * place + 2}"

    @staticmethod
    def _gateway(place: int) -> str:
        return f"{_NETWORK}.{4 * place + 1}"

    def launcher(self, place: int) -> tuple[str, ...]:
        """Return the command that starts another command in a place."""
        return need_program("ip"), "netns", "exec", self._namespaces[place]

    def drop(self, sender: int, receiver: int) -> None:
        """Drop every packet from one place to another; neither gets an error."""
        route = self.address(sender), self.address(receiver)
        number = self._dropped[route] = str(next(self._rules))
        _ip("-n", self._router, "rule", "add", "pref", number, "from", route[0], "to", route[1], "blackhole")

    def heal(self) -> None:
        """Drop no packets any more."""
        while self._dropped:
            _, number = self._dropped.popitem()
            _ip("-n", self._router, "rule", "del", "pref", number)

    def build(self, ending: ExitStack) -> None:
        """Make the namespaces and the links between them; `ending` removes them."""
        for name in (self._router, *self._namespaces.values()):
            _ip("netns", "add", name)
            ending.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        subprocess.run(["ip", "netns", "exec", self._router, "sh", "-c", forward], check=True)
        for n, name in self._namespaces.items():
            self._link(n, "-n", name)
            _ip("-n", name, "route", "add", "default", "via", self._gateway(n))
        ending.callback(_ip, "link", "del", self._link(_HERE))
        _ip("route", "add", f"{_NETWORK}.0/24", "via", self._gateway(_HERE))

    def _link(self, place: int, *where: str) -> str:
        """Link a place, or without `where` the machine's own network, with the router; return the name of the link."""
        here, there = f"{self._prefix}p{place}", f"{self._prefix}r{place}"
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", self._router)
        if where:
            _ip("link", "set", here, "netns", where[-1])
        _ip(*where, "addr", "add", f"{self.address(place)}/30", "dev", here)
        _ip(*where, "link", "set", here, "up")
        _ip("-n", self._router, "addr", "add", f"{self._gateway(place)}/30", "dev", there)
        _ip("-n", self._router, "link", "set", there, "up")
        return here


@contextmanager
def network(places: int) -> Iterator[Network]:
    """Yield a network with that many places; skip the test if this machine cannot have one."""
    need_root("a network namespace")
    need_program("ip")
    if not Path("/proc/self/ns/net").exists():
        leave_out("this kernel has no network namespaces")
    made = Network(places)
    with ExitStack() as ending:
        try:
            made.build(ending)
            made.drop(1, 2)
            made.heal()
        except (OSError, subprocess.CalledProcessError) as problem:
            # The kernel lacks veth or routing rules, or root may not use them here.
            leave_out(f"this system gives no network namespaces joined by a router ({problem})")
        yield made
