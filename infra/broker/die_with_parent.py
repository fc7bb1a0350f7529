"""Run as a script: becomes the program it is told, after asking the system to kill it when its parent ends.

    python die_with_parent.py PARENT PROGRAM ARGUMENTS…

The process id stays, so the parent signals the program itself. Where the system cannot do it (it is Linux that can),
the program simply runs, and the parent's own exit handler has to end it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become `command`, bound to the process id `parent`."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        # The parent may have ended before the system was asked.
        if os.getppid() != parent:
            sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - the whole point, and there is no shell in it


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
