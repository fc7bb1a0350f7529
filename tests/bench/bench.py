"""`make bench`: the throughput of a worker beside other stream processors, and the cost of its state.

The job: ADMIT, IDENTITY and DECIDE for disclosures that wait in the services' topics, by one process of each peer in
turn: the worker (exactly once), Quix Streams and plain Faust (at least once), and as the limit a bare aiokafka loop
without any guarantee. Each run has its own Kafka, and lasts from the first record that ADMIT wrote to the last
decision. A ratio compares two neighbouring runs, so that a machine that becomes slower slows both.

The state: the time that workers need to open with the state of many known people, and to decide more disclosures of
them.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.job import rounds
from tests.bench.restore import restores
from tests.bench.stage import keys_in
from tests.bench.tables import job_as_json, job_table, restores_as_json, restores_table, run_line

_PARTS = ("job", "state")
_FULL_ROUNDS, _FULL_SECONDS, _FULL_SIZES = 3, 11.0, (1_000, 100_000, 1_000_000)
_SHORT_ROUNDS, _SHORT_SECONDS, _SHORT_SIZES = 1, 3.0, (1_000, 20_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 for any ratios: the benchmark only reports them."""
    asked = _asked(arguments)
    began = time.monotonic()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="confide-bench-") as name:
        folder = Path(name)
        keys = keys_in(folder)
        if "job" in asked.parts:
            runs = rounds(asked.rounds, asked.seconds, keys, folder, lambda run: _print(run_line(run)))
            _print(f"\n{job_table(runs)}\n")
            results["job"] = job_as_json(runs)
        if "state" in asked.parts:
            found = restores(asked.sizes, asked.seconds / 2, keys, folder, _print)
            _print(f"\n{restores_table(found)}\n")
            results["state"] = restores_as_json(found)
    _print(f"in {time.monotonic() - began:,.0f} s")
    if asked.json is not None:
        asked.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="one round of short runs, smaller states")
    parser.add_argument("--parts", type=_parts, default=_PARTS, metavar="job,state", help="what is measured")
    parser.add_argument("--rounds", type=int, help=f"of the job: {_FULL_ROUNDS}, with --short {_SHORT_ROUNDS}")
    parser.add_argument("--seconds", type=float, help=f"of a run: {_FULL_SECONDS}, with --short {_SHORT_SECONDS}")
    parser.add_argument("--sizes", type=_sizes, metavar="PEOPLE,…", help="people in the state, such as 1000,1000000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    asked = parser.parse_args(arguments)
    asked.rounds = asked.rounds or (_SHORT_ROUNDS if asked.short else _FULL_ROUNDS)
    asked.seconds = asked.seconds or (_SHORT_SECONDS if asked.short else _FULL_SECONDS)
    asked.sizes = asked.sizes or (_SHORT_SIZES if asked.short else _FULL_SIZES)
    return asked


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(_PARTS):
        raise argparse.ArgumentTypeError(f"{min(unknown)} is none of {', '.join(_PARTS)}")
    return parts


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split(","))
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("a state is of at least one person")
    return sizes


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
