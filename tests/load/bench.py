"""`make bench`: what the workers carry, beside others that do the same, and what their state costs.

The whole job: ADMIT, IDENTITY and DECIDE of disclosures that wait in the services' topics, by one process of each peer
in turn: the worker (exactly once), Quix Streams and plain Faust (at least once), and a bare aiokafka loop without any
guarantee, the limit. Each run has a Kafka of its own and lasts from the first record that ADMIT wrote to the last
decision. Ratios are of neighbouring runs, so that a machine that slows down slows both.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.load.job import ROUND, Run, Spread, ratios, rounds
from tests.load.stage import keys_in

_FULL_ROUNDS, _FULL_SECONDS = 3, 11.0
_SHORT_ROUNDS, _SHORT_SECONDS = 1, 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0 whatever the ratios are, since a benchmark shows and does not judge."""
    asked = _asked(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="confide-bench-") as name:
        folder = Path(name)
        keys = keys_in(folder)
        runs = rounds(asked.rounds, asked.seconds, keys, folder, _say)
    by_peer = {peer.name: [run for run in runs if run.peer is peer] for peer in dict.fromkeys(ROUND)}
    spreads = ratios(runs)
    _print_job(by_peer, spreads)
    print(f"\nin {time.monotonic() - began:,.0f} s")
    if asked.json is not None:
        asked.json.write_text(json.dumps(_job_as_json(by_peer, spreads), indent=2) + "\n")
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of short runs")
    parser.add_argument("--rounds", type=int, help=f"default {_FULL_ROUNDS}, with --short {_SHORT_ROUNDS}")
    parser.add_argument(
        "--seconds", type=float, help=f"of a run; default {_FULL_SECONDS}, with --short {_SHORT_SECONDS}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    asked = parser.parse_args(arguments)
    asked.rounds = asked.rounds or (_SHORT_ROUNDS if asked.short else _FULL_ROUNDS)
    asked.seconds = asked.seconds or (_SHORT_SECONDS if asked.short else _FULL_SECONDS)
    return asked


def _say(run: Run) -> None:
    print(
        f"{run.peer.name:<16} {run.records:>7,} in {run.seconds:>5.1f} s  {run.rate:>7,.0f}/s"
        f"  {run.cpu_micros:>6,.0f} µs CPU each",
        flush=True,
    )


def _print_job(by_peer: Mapping[str, Sequence[Run]], spreads: Mapping[str, Spread]) -> None:
    print("\nwhole job, one process       decisions/s                 µs CPU each    worker / peer")
    print("                             min    median       max     median         min  median  max")
    for name, runs in by_peer.items():
        rate, cpu = Spread.of([run.rate for run in runs]), Spread.of([run.cpu_micros for run in runs])
        line = f"{name:<24} {rate.least:>7,.0f}   {rate.middle:>7,.0f}   {rate.greatest:>7,.0f}     {cpu.middle:>6,.0f}"
        if name in spreads:
            ratio = spreads[name]
            line += f"        {ratio.least:>5.2f}   {ratio.middle:>5.2f} {ratio.greatest:>5.2f}"
        print(line)


def _job_as_json(by_peer: Mapping[str, Sequence[Run]], spreads: Mapping[str, Spread]) -> dict[str, Any]:
    return {
        "runs": {
            name: [
                {"records": run.records, "seconds": run.seconds, "rate": run.rate, "cpu_micros": run.cpu_micros}
                for run in runs
            ]
            for name, runs in by_peer.items()
        },
        "worker_to_peer": {name: asdict(spread) for name, spread in spreads.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
