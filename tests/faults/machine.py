"""Disks that fault tests mount on this machine; tests that cannot mount one are skipped and listed in the summary."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

#: Prefix of the reason of a skipped test; the summary of a run lists these.
LEFT_OUT = "left out: "


def leave_out(reason: str) -> NoReturn:
    """Skip the running test; the summary of the run lists the reason."""
    pytest.skip(f"{LEFT_OUT}{reason}")


def need_root(what: str) -> None:
    """Skip the test unless this process is root."""
    if os.geteuid() != 0:
        leave_out(f"{what} needs root, and this is not root")


def need_program(name: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        leave_out(f"`{name}` is not installed")
    return found


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a disk of that size in memory at `folder` and yield it; skip the test if it cannot be mounted."""
    need_root("mounting a small disk")
    folder.mkdir(parents=True)
    options = ("-t", "tmpfs", "-o", f"size={mebibytes}m", "confide-test", str(folder))
    done = subprocess.run([need_program("mount"), *options], capture_output=True, check=False)
    if done.returncode != 0:
        leave_out("this system does not let root mount a small disk")
    try:
        yield folder
    finally:
        # Lazy: the disk is unmounted once its last file is closed.
        subprocess.run([need_program("umount"), "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill the disk up to `leave` bytes, as another program might; return the file to remove."""
    file = disk / "filler"
    with file.open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free - leave)
    return file
