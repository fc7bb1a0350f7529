"""Fetches Apache Kafka's jars once, through jgo, and checks each against its SHA-256 in `jars.sha256`.

Decision 0001 says why Kafka runs from jars and not from an installation.
"""

import errno
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from infra.broker import xdg_folders
from infra.broker.errors import DiskFull, JarMismatch, JarsUnavailable
from infra.broker.locking import held

#: Not 4.3 or 4.4: see decision 0017.
KAFKA_VERSION = "4.2.2"
_PINS = Path(__file__).with_name("jars.sha256")
_SECONDS_PER_REQUEST = 30
_AT_ONCE = 8
_SIZE = 60 * 2**20  # the 46 jars together, rounded up


class Jar(NamedTuple):
    """One pinned jar by its Maven coordinates."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the file on Maven Central."""
        return f"{self.artifact}-{self.version}.jar"


def pinned(pins: Path = _PINS) -> tuple[Jar, ...]:
    """Return the jars of the file `pins`, whose lines are `sha256  group:artifact:version`."""
    jars = []
    for line in pins.read_text().splitlines():
        sha256, coordinates = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def class_path(folder: Path | None = None, repository: str | None = None) -> str:
    """Return Java's class path of all Kafka jars in `folder` (default: the cache); fetch missing or damaged jars first.

    `repository` is the address of a Maven repository; default: Maven Central. Raises JarsUnavailable, JarMismatch or
    DiskFull.
    """
    folder = folder or xdg_folders.cache() / f"kafka-{KAFKA_VERSION}"
    jars = pinned()
    if any(not _sound(folder / jar.filename, jar) for jar in jars):
        with held(folder.with_name(f"{folder.name}.lock")):
            # Another process may have fetched them while this one waited.
            missing = [jar for jar in jars if not _sound(folder / jar.filename, jar)]
            _fetch(missing, folder, repository)
    return os.pathsep.join(str(folder / jar.filename) for jar in jars)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sound(path: Path, jar: Jar) -> bool:
    return path.is_file() and _digest(path) == jar.sha256


def _fetch(jars: list[Jar], folder: Path, repository: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < _SIZE:
        raise DiskFull(folder, free, _SIZE)
    arriving = folder.with_name(f"{folder.name}.arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # A jar is moved into the folder after its check, so the folder never has half a jar.
            for jar, path in zip(jars, pool.map(lambda jar: _download(jar, arriving, repository), jars), strict=True):
                path.replace(folder / jar.filename)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _download(jar: Jar, into: Path, repository: str | None) -> Path:
    # Imported here: otherwise every start of the command line would take longer.
    import requests
    from jgo.constants import default_maven_repo
    from jgo.maven import MavenContext

    own = default_maven_repo() / jar.group.replace(".", "/") / jar.artifact / jar.version / jar.filename
    if repository is None and _sound(own, jar):
        copy = into / jar.filename
        into.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, copy)
        return copy
    context = MavenContext(
        repo_cache=into,
        remote_repos={"repository": repository} if repository else None,
        timeout=_SECONDS_PER_REQUEST,
    )
    try:
        path: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except requests.RequestException as problem:
        raise JarsUnavailable(jar.filename, type(problem).__name__) from problem
    except RuntimeError as problem:  # jgo raises it if no repository has the jar
        raise JarsUnavailable(jar.filename, "the repository does not have it") from problem
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise DiskFull(into, 0, _SIZE) from problem
        raise
    if (found := _digest(path)) != jar.sha256:
        raise JarMismatch(jar.filename, jar.sha256, found)
    return path
