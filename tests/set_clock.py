"""`confide` on a machine whose wall clock is wrong, run by tests as a process: `python -m tests.set_clock FILE VERB …`.

FILE holds the number of seconds by which it is ahead. FILE may change at any time; it is replaced by a rename.
"""

import sys
import time
from functools import partial
from pathlib import Path

from services.cli import main
from streams import runtime
from streams.runtime import Clock


def wall(file: Path) -> float:
    """Return the time of the wall clock, in seconds since 1970."""
    return time.time() + float(file.read_text())


if __name__ == "__main__":
    # The verbs import the clock from there, once they are called.
    vars(runtime)["Clock"] = partial(Clock, partial(wall, Path(sys.argv[1])))
    sys.argv = ["confide", *sys.argv[2:]]
    main()
