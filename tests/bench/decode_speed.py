"""`python -m tests.bench.decode_speed`: what strict reading costs `decode`, for each record on a service's way.

It measures `decode` and `decode_own` as they are beside fastavro alone, on one core. `decode` writes the value again
and compares; values of other writers than fastavro, and of older schemas, are checked byte by byte.
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader

from schemas.avro_registry import HEADER_BYTES, WRITERS
from schemas.avro_strict import check_body
from schemas.codec import decode, decode_own, encode
from schemas.disclosure import parse_json
from tests.contract.examples import FULL
from tests.disclosures import DAY_LINES

_SECONDS = 1.0
_ROUNDS = 5


def microseconds(call: Callable[[], object]) -> float:
    """Return the time of one call: the least of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        count, begun = 0, time.perf_counter()
        while (took := time.perf_counter() - begun) < _SECONDS / _ROUNDS:
            call()
            count += 1
        best = min(best, took / count)
    return best * 1e6


def costs(name: str, value: bytes) -> tuple[float, float, float, float]:
    """Return microseconds of fastavro alone, of `decode_own`, of `decode`, and of a check byte by byte."""
    schema: Any = WRITERS[name].schema

    def alone() -> object:
        stream = BytesIO(value)
        stream.seek(HEADER_BYTES)
        return schemaless_reader(stream, schema, None)

    return (
        microseconds(alone),
        microseconds(lambda: decode_own(value, name)),
        microseconds(lambda: decode(value, name)),
        microseconds(lambda: check_body(value, HEADER_BYTES, schema)),
    )


def main() -> int:
    """Print a row for a disclosure of the scenario day, and for the full example of some records."""
    values = {"Disclosure of the day": ("Disclosure", encode("Disclosure", parse_json(DAY_LINES[0]).model_dump()))}
    for name in ("Disclosure", "Admitted", "Decision", "Report", "DeliveryChanged"):
        values[name] = (name, encode(name, FULL[name].model_dump()))
    heads = f"{'record':24}{'bytes':>7}{'fastavro':>12}{'decode_own':>12}{'decode':>12}{'byte by byte':>14}"
    print(f"{heads}   (microseconds)")
    for label, (name, value) in values.items():
        figures = "".join(
            f"{each:{width}.1f}" for each, width in zip(costs(name, value), (12, 12, 12, 14), strict=True)
        )
        print(f"{label:24}{len(value):7}{figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
