"""Disks that fault tests make on this machine; what cannot be made is left out, and the end of the run says so."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

#: Begins the reason of a test that was skipped for want of it; the end of a run lists these.
LEFT_OUT = "left out: "


def leave_out(reason: str) -> NoReturn:
    """Skip the test that runs, and have the end of the run say why."""
    pytest.skip(f"{LEFT_OUT}{reason}")


def need_root(what: str) -> None:
    """Leave the test out where this is not root."""
    if os.geteuid() != 0:
        leave_out(f"{what} needs root, and this is not root")


def need_program(name: str) -> str:
    """Return where a program is; leave the test out where it is not installed."""
    found = shutil.which(name)
    if found is None:
        leave_out(f"`{name}` is not installed")
    return found


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Give a disk of that size in memory, at `folder`; leave the test out where it cannot be mounted."""
    need_root("mounting a small disk")
    folder.mkdir(parents=True)
    options = ("-t", "tmpfs", "-o", f"size={mebibytes}m", "confide-test", str(folder))
    done = subprocess.run([need_program("mount"), *options], capture_output=True, check=False)
    if done.returncode != 0:
        leave_out("this system does not let root mount a small disk")
    try:
        yield folder
    finally:
        # Lazily: the folder goes once the last file in it is closed.
        subprocess.run([need_program("umount"), "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Take all of the disk but `leave` bytes, as another program does that writes to it; return the file to remove."""
    file = disk / "filler"
    with file.open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free - leave)
    return file
