"""A script that runs a program which the system kills when the parent process ends.

    python die_with_parent.py PARENT PROGRAM ARGUMENTS…

The script asks the system for this, and then replaces itself by the program: the process id stays the same, so the
parent can signal the program. Only Linux offers it. Elsewhere the program runs without it, and the exit handler of the
parent must end the program.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, which ends with the process `parent`."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        # The parent may have ended before this request.
        if os.getppid() != parent:
            sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - the purpose of this script; it uses no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
