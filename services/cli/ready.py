"""How a process says that it is open: one JSON line on its standard output, as a supervisor can wait for it."""

import json
from collections.abc import Callable


def ready(process: str) -> Callable[[], None]:
    """Return what says that `process` is open."""

    def say() -> None:
        print(json.dumps({"ready": process}), flush=True)

    return say
