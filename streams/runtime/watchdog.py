"""Ends calls and turns that make no progress: a hung agent would keep its lanes, and the group would not notice.

The consumer of a process sends heartbeats from a thread of its own, so Kafka counts a process with a hung agent as
alive. The watchdog is a thread that watches the calls into agents and the turns:

- If a call lasts longer than `seconds`, it raises `Hung` inside the call. The lane handles that as any agent's error.
- If the event loop does not go round for that long, for example in an effect, it raises `Hung` there too.
- If the call lasts on, or a turn lasts longer than twice `seconds`, it ends the process.
- If native code lets no other thread run for three times `seconds`, `faulthandler` ends the process: its own thread
  needs no interpreter.
"""

import asyncio
import ctypes
import faulthandler
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from streams.runtime.failure import LaneBroken, end_process

#: Longest call into an agent (seconds): a thousand times a slice of work, five times a session.
STUCK_SECONDS = 30.0
#: How often the watching thread looks within that time.
_LOOKS = 10


class Hung(Exception):
    """A call into an agent lasted too long; raised inside that call."""


class Watchdog:
    """A thread that watches another thread's calls into agents (one at a time) and the turns of its lanes.

    Time is counted in looks, `_LOOKS` of them in `seconds`: if the whole process was frozen, no call counts as hung.
    """

    def __init__(
        self, seconds: float = STUCK_SECONDS, end: Callable[[str, BaseException], NoReturn] = end_process
    ) -> None:
        self._seconds = seconds
        self._end = end
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._looks = 0
        #: The call that is running: its number, its lane, and the look before it; None between calls.
        self._call: tuple[int, str, int] | None = None
        self._calls = 0
        #: The number of the last call that was interrupted by `Hung`.
        self._interrupted = 0
        #: By lane: the look before its turn began, or last made progress.
        self._turns: dict[str, int] = {}
        #: The look before the event loop last went round; None if no loop reports it.
        self._beat: int | None = None
        self._beat_interrupted = -1
        self._stopped = threading.Event()
        self._watching: threading.Thread | None = None

    def start(self) -> None:
        """Start to watch the calls of the current thread."""
        self._thread = threading.get_ident()
        self._watching = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watching.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._watching is not None:
            self._watching.join()

    @contextmanager
    def call(self, lane: str) -> Iterator[None]:
        """Watch one call into the agent of a lane. It may raise `Hung`, so put it inside a `try`."""
        self._calls += 1
        self._call = self._calls, lane, self._looks
        try:
            yield
        finally:
            # Once the lock is taken, a `Hung` for this call was either raised already, or never comes.
            with self._lock:
                self._call = None
            self.progress(lane)

    @contextmanager
    def turn(self, lane: str) -> Iterator[None]:
        """Watch one turn of a lane, or several; the caller calls `progress` at the end of each part."""
        self._turns[lane] = self._looks
        try:
            yield
        finally:
            self._turns.pop(lane, None)

    @contextmanager
    def waiting(self, lane: str) -> Iterator[None]:
        """Do not count a lane's turn while it waits for other lanes, whose own turns are watched."""
        is_in_turn = self._turns.pop(lane, None) is not None
        try:
            yield
        finally:
            if is_in_turn:
                self._turns[lane] = self._looks

    def progress(self, lane: str) -> None:
        """Note that the turn of a lane, and so the event loop, makes progress."""
        if lane in self._turns:
            self._turns[lane] = self._looks
        if self._beat is not None:
            self._beat = self._looks

    async def beat(self) -> None:
        """Note periodically, until cancelled, that the event loop goes round."""
        try:
            while True:
                self._beat = self._looks
                faulthandler.dump_traceback_later(3 * self._seconds, exit=True)
                await asyncio.sleep(self._seconds / _LOOKS / 2)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._beat = None

    def look(self) -> None:
        """Interrupt a call that lasts too long; end the process if it lasts on, or if a turn makes no progress."""
        self._looks += 1
        beat = self._beat
        with self._lock:
            call = self._call
            if call is not None and self._looks - call[2] > _LOOKS and self._interrupted != call[0]:
                self._interrupted = call[0]
                self._interrupt()
            elif call is None and beat is not None and self._looks - beat > _LOOKS and self._beat_interrupted != beat:
                self._beat_interrupted = beat
                self._interrupt()
        if beat is not None and self._looks - beat > 2 * _LOOKS:
            self._end_lane("of any kind", "the event loop did not go round")
        if call is not None and self._looks - call[2] > 2 * _LOOKS:
            self._end_lane(call[1], "a call into its agent did not return")
        for lane, since in tuple(self._turns.items()):
            if self._looks - since > 2 * _LOOKS:
                self._end_lane(lane, "its turn made no progress")

    def _interrupt(self) -> None:
        # The thread raises it at its next bytecode: a call that waits inside C code is not interrupted.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(Hung))

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds / _LOOKS):
            self.look()

    def _end_lane(self, lane: str, what: str) -> None:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the only way to see where another thread is
        frames = [] if frame is None else traceback.extract_stack(frame)[-3:]
        location = " < ".join(f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in reversed(frames))
        self._end(f"lane {lane} at {location}", LaneBroken(f"{what} in {2 * self._seconds:g} s"))
