"""The results of `make bench`: tables, and the same values as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.job import ROUND, Run, Spread, ratios
from tests.bench.restore import Restores

_DECIDING = f"{'each/s':>11}{'µs':>8}{'µs CPU':>9}"
#: With fewer people, the state cannot be distinguished from the needs of a worker without state.
_FEW_PEOPLE = 10_000


def run_line(run: Run) -> str:
    """Return one run as a line."""
    return (
        f"{run.peer.name:<16}{run.records:>8,} in {run.seconds:>5.1f} s{run.rate:>9,.0f}/s"
        f"{run.cpu_micros:>8,.0f} µs CPU each"
    )


def job_table(runs: Sequence[Run]) -> str:
    """Return a table of the rates, the CPU time per decision, and the rate of the worker divided by each peer's."""
    spreads = ratios(runs)
    lines = [
        f"{'whole job, one process':<24}{'decisions a second':^27}{'µs CPU each':>13}{'worker / peer':^26}".rstrip(),
        f"{'':<24}{'min':>9}{'median':>9}{'max':>9}{'median':>13}{'min':>10}{'median':>8}{'max':>8}",
    ]
    for name, of_peer in _by_peer(runs).items():
        rate, cpu = Spread.of([run.rate for run in of_peer]), Spread.of([run.cpu_micros for run in of_peer])
        line = f"{name:<24}{rate.least:>9,.0f}{rate.middle:>9,.0f}{rate.greatest:>9,.0f}{cpu.middle:>13,.0f}"
        if (ratio := spreads.get(name)) is not None:
            line += f"{ratio.least:>10.2f}{ratio.middle:>8.2f}{ratio.greatest:>8.2f}"
        lines.append(line)
    return "\n".join(lines)


def job_as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Return every run, and the ratios."""
    return {
        "runs": {
            name: [
                {"records": run.records, "seconds": run.seconds, "rate": run.rate, "cpu_micros": run.cpu_micros}
                for run in of_peer
            ]
            for name, of_peer in _by_peer(runs).items()
        },
        "worker_to_peer": {name: asdict(spread) for name, spread in ratios(runs).items()},
    }


def restores_table(found: Restores) -> str:
    """Return a table of the starts with each state, the bytes of the state, and the cost of deciding with it."""
    lines = [
        f"{'':<20}{'until ready':^33}{'bytes a person':^18}{'deciding':^30}".rstrip(),
        f"{'people':>10}{'workers':>9}{'s':>8}{'records':>12}{'records/s':>11}{'memory':>10}{'disk':>8}" + _DECIDING,
        f"{0:>10,}{1:>9}{found.empty.seconds:>8.1f}{0:>12,}",
    ]
    for opened in found.opened:
        line = f"{opened.people:>10,}{opened.workers:>9}{opened.seconds:>8.1f}{opened.records:>12,}"
        if opened.workers == 1 and opened.people >= _FEW_PEOPLE:
            rate = found.records_a_second(opened)
            line += f"{'' if rate is None else format(rate, ',.0f'):>11}{found.memory_a_person(opened):>10,.0f}"
        else:
            line += f"{'':>21}"
        line += f"{opened.disk / opened.people:>8,.0f}"
        lines.append(line + f"{opened.rate:>11,.0f}{1e6 / opened.rate:>8,.0f}{opened.cpu_micros:>9,.0f}")
    return "\n".join(lines)


def restores_as_json(found: Restores) -> list[dict[str, Any]]:
    """Return the measurements for each size as JSON fields, beginning with no state."""
    return [asdict(opened) for opened in (found.empty, *found.opened)]


def _by_peer(runs: Sequence[Run]) -> dict[str, list[Run]]:
    return {peer.name: [run for run in runs if run.peer is peer] for peer in dict.fromkeys(ROUND)}
