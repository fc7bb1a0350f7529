"""Reports that a process is open: one JSON line on standard output, for which a supervisor can wait."""

import json
from collections.abc import Callable


def ready(process: str) -> Callable[[], None]:
    """Return a function that reports that `process` is open."""

    def report() -> None:
        print(json.dumps({"ready": process}), flush=True)

    return report
