"""`make bench`: what the workers carry, beside others that do the same, and what their state costs.

The whole job: ADMIT, IDENTITY and DECIDE of disclosures that wait in the services' topics, by one process of each peer
in turn: the worker (exactly once), Quix Streams and plain Faust (at least once), and a bare aiokafka loop without any
guarantee, the limit. Each run has a Kafka of its own and lasts from the first record that ADMIT wrote to the last
decision. Ratios are of neighbouring runs, so that a machine that slows down slows both.

The state: how long workers take to open over that of so many known people, and to decide more disclosures of them.
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
from tests.bench.tables import job_as_json, job_table, restores_as_json, restores_table, said

_PARTS = ("job", "state")
_FULL_ROUNDS, _FULL_SECONDS, _FULL_SIZES = 3, 11.0, (1_000, 100_000, 1_000_000)
_SHORT_ROUNDS, _SHORT_SECONDS, _SHORT_SIZES = 1, 3.0, (1_000, 20_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0 whatever the ratios are, since a benchmark shows and does not judge."""
    asked = _asked(arguments)
    began = time.monotonic()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="confide-bench-") as name:
        folder = Path(name)
        keys = keys_in(folder)
        if "job" in asked.parts:
            runs = rounds(asked.rounds, asked.seconds, keys, folder, lambda run: _say(said(run)))
            _say(f"\n{job_table(runs)}\n")
            figures["job"] = job_as_json(runs)
        if "state" in asked.parts:
            found = restores(asked.sizes, asked.seconds / 2, keys, folder, _say)
            _say(f"\n{restores_table(found)}\n")
            figures["state"] = restores_as_json(found)
    _say(f"in {time.monotonic() - began:,.0f} s")
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
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


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
