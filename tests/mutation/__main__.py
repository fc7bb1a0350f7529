"""Take each rule of the runtime out once and see that its test fails: `python -m tests.mutation [PART OF A RULE]`.

The edits are made in a copy of the tree in a temporary folder; the working tree is only read. One broker serves all
rows, but for those that edit the broker's own settings: their tests start one from the edited copy.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from infra.broker import LocalBroker
from infra.topics import apply
from tests.brokers import PARTITIONS
from tests.mutation.row import ROOT, Row, Stale, edited
from tests.mutation.table import ROWS

#: Longest time of the tests of one row (seconds). A rule without which a test never ends counts as caught.
_ROW_SECONDS = 150.0
#: Longest time of all tests without an edit (seconds).
_ALL_SECONDS = 1_200.0
#: pytest's exit status if a test failed; any other is an error of the row, for example a failed import.
_FAILED = 1
_TEST_FAILED = re.compile(r"^FAILED ", re.MULTILINE)
#: Nothing is cached in the copy. Hypothesis's plugin imports it when the tests have ended, and there CPython 3.11
#: may fail (gh-106905) while it collects a test's objects: a run that passed would count as failed.
_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
#: Rows that edit files in these folders need a broker that is started from the copy.
_OF_THE_BROKER = "infra/broker/"


class Copy:
    """A copy of the working tree whose code the tests run, in their own process and in those that they start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: pytest's report of the last test that failed.
        self.last_output = ""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def environment(self, bootstrap: str | None) -> Mapping[str, str]:
        """Return the environment with which a process runs this code, on `bootstrap` or on a broker that it starts."""
        own = {name: value for name, value in os.environ.items() if name not in ("KAFKA_BOOTSTRAP", "PYTEST_ADDOPTS")}
        # Without written byte code: an edit of the same size within the same second would run the code before it.
        own |= {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return own if bootstrap is None else {**own, "KAFKA_BOOTSTRAP": bootstrap}

    def check(self) -> None:
        """Fail unless every package that is edited is imported from here, although another tree is installed."""
        asked = "import infra, schemas, services, streams, tests as t; print(*(m.__file__ for m in "
        asked += "(infra, schemas, services, streams, t)), sep='\\n')"
        for cwd in (self.folder, Path(tempfile.gettempdir())):
            found = subprocess.run(
                [sys.executable, "-c", asked],
                cwd=cwd,
                env=self.environment(None),
                capture_output=True,
                text=True,
                check=True,
            )
            for line in found.stdout.split():
                if not Path(line).is_relative_to(self.folder):
                    raise RuntimeError(f"the tests would not run the copy but {line}")

    def tests_fail(self, tests: Iterable[str], bootstrap: str | None, seconds: float) -> bool | None:
        """Run the tests and return whether one failed, None if they took too long; raise `RowError` otherwise."""
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", *_PLUGINS, "--no-header", *tests],
            cwd=self.folder,
            env=self.environment(bootstrap),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A process group of its own: the processes that a test started end with it if it runs out of time.
            start_new_session=True,
        )
        try:
            output, _ = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(running)
        self.last_output = output
        if running.returncode == 0:
            return False
        if running.returncode != _FAILED or not _TEST_FAILED.search(output):
            raise RowError(f"pytest ended with {running.returncode}: {output[-2_000:]}")
        return True


class RowError(Exception):
    """The tests could not be run at all; the text is pytest's report."""


class Brokers:
    """One broker for many rows; a new one after a test that was cut off, which may have left quotas or transactions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._broker: LocalBroker | None = None

    def bootstrap(self) -> str:
        """Return the address of a broker with every topic of the catalogue."""
        if self._broker is None:
            self._made += 1
            self._broker = LocalBroker(self._folder / f"broker-{self._made}").start()
            apply(self._broker.bootstrap, PARTITIONS)
        return self._broker.bootstrap

    def renew(self) -> None:
        """Have the next row get another broker."""
        if self._broker is not None:
            self._broker.kill()
            self._broker = None


def _end_group(running: subprocess.Popen[str]) -> None:
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        running.communicate()


@contextmanager
def _edited(row: Row, copy: Copy) -> Iterator[None]:
    path = copy.folder / row.file
    before = path.read_bytes()
    text = edited(row, copy.folder)
    compile(text, row.file, "exec")
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)


def _outcome(row: Row, copy: Copy, brokers: Brokers) -> str:
    bootstrap = None if row.file.startswith(_OF_THE_BROKER) else brokers.bootstrap()
    try:
        with _edited(row, copy):
            failed = copy.tests_fail(row.tests, bootstrap, _ROW_SECONDS)
    except (Stale, SyntaxError) as stale:
        return f"STALE     {stale}"
    except RowError as error:
        return f"ERROR     {error}"
    if failed is None:
        brokers.renew()
        return "caught by the time limit"
    return "caught" if failed else "SURVIVED"


def _unedited(rows: Sequence[Row], copy: Copy, brokers: Brokers) -> bool:
    """Return whether all tests of the rows pass without an edit."""
    for of_the_broker in (False, True):
        of_kind = [row for row in rows if row.file.startswith(_OF_THE_BROKER) == of_the_broker]
        tests = sorted({test for row in of_kind for test in row.tests})
        if not tests:
            continue
        bootstrap = None if of_the_broker else brokers.bootstrap()
        try:
            failed = copy.tests_fail(tests, bootstrap, _ALL_SECONDS)
        except RowError as error:
            print(error, file=sys.stderr)
            return False
        if failed is not False:
            print("the tests took too long" if failed is None else copy.last_output[-4_000:], file=sys.stderr)
            return False
    return True


def main(part: str) -> int:
    """Remove each rule whose name has `part` in it, one by one; return 1 unless all are caught."""
    rows = [row for row in ROWS if part.casefold() in row.rule.casefold()]
    if not rows:
        print(f"no rule has {part!r} in its name", file=sys.stderr)
        return 1
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="confide-mutation-") as name:
        folder = Path(name).resolve()
        copy = Copy(folder / "tree")
        copy.check()
        brokers = Brokers(folder)
        try:
            if not _unedited(rows, copy, brokers):
                print("a test fails before anything is edited", file=sys.stderr)
                return 1
            print(f"all tests pass without an edit ({monotonic() - began:.0f} s)", flush=True)
            caught = 0
            for row in rows:
                row_began = monotonic()
                outcome = _outcome(row, copy, brokers)
                caught += outcome.startswith("caught")
                print(f"{outcome}  {monotonic() - row_began:5.1f} s  {row.rule}", flush=True)
        finally:
            brokers.renew()
    print(f"{len(rows)} edits, {caught} caught ({monotonic() - began:.0f} s)")
    return int(caught != len(rows))


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
