"""Validates large bodies off the event loop, in an order in which no sender's bodies delay another's.

| rule | without it |
|---|---|
| the credentials take turns | the bodies of one sender delay those of the other |
| of one credential the smallest body is next | its large bodies delay its smaller ones |
| bodies of middle size have a thread of their own | one of them waits for the large body at work |
| only MAX_WAITING bodies of a credential wait; then the largest is refused | bodies wait without limit |
"""

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from itertools import count

from schemas.disclosure import Disclosure, parse_json

#: The size of a body up to which it is of middle size (bytes). A service's disclosures are far smaller.
MIDDLE_BYTES = 64 * 1024
#: The most bodies of one credential that wait in a thread's queue.
MAX_WAITING = 128

Validate = Callable[[bytes], Disclosure]
_Waiting = tuple[int, int, bytes, asyncio.Future[Disclosure]]


class TooManyBodies(Exception):
    """More large bodies of this credential wait than may; the sender has to send the same again."""


class LargeBodies:
    """Validates bodies of all senders: those of middle size in one thread, larger ones in another.

    Python runs one thread at a time. The work of a body is bounded (`schemas/json_reader.py`), so the others, and the
    event loop, wait for one of them for some hundredths of a second at most.
    """

    def __init__(self, middle: Validate = parse_json, large: Validate = parse_json) -> None:
        self._middle = _FairQueue(ThreadPoolExecutor(1, thread_name_prefix="confide-middle-bodies"), middle)
        self._large = _FairQueue(ThreadPoolExecutor(1, thread_name_prefix="confide-large-bodies"), large)

    async def validated(self, raw: bytes, credential: str) -> Disclosure:
        """Return the disclosure; raise `Invalid` for one that cannot be understood, and `TooManyBodies`."""
        queue = self._middle if len(raw) <= MIDDLE_BYTES else self._large
        return await queue.validated(raw, credential)


class _FairQueue:
    """One body at work; of those that wait, the next is the smallest of the credential whose turn it is."""

    def __init__(self, executor: Executor, validate: Validate) -> None:
        self._executor = executor
        self._validate = validate
        #: Heaps by credential, by size and then by arrival. The first credential is next; none has an empty heap.
        self._waiting: dict[str, list[_Waiting]] = {}
        self._number = count()
        self._is_working = False

    async def validated(self, raw: bytes, credential: str) -> Disclosure:
        result: asyncio.Future[Disclosure] = asyncio.get_running_loop().create_future()
        bodies = self._waiting.setdefault(credential, [])
        heapq.heappush(bodies, (len(raw), next(self._number), raw, result))
        if len(bodies) > MAX_WAITING:
            self._refuse_largest(bodies)
        if not bodies:
            del self._waiting[credential]
        self._begin()
        return await result

    @staticmethod
    def _refuse_largest(bodies: list[_Waiting]) -> None:
        largest = max(bodies, key=lambda each: each[:2])
        bodies.remove(largest)
        heapq.heapify(bodies)
        if not largest[3].done():
            largest[3].set_exception(TooManyBodies("more large bodies wait than the limit of this credential"))

    def _begin(self) -> None:
        """Have the thread work on the next body, unless it works on one or none waits."""
        while self._waiting and not self._is_working:
            credential, bodies = next(iter(self._waiting.items()))
            _, _, raw, result = heapq.heappop(bodies)
            # The next turn of this credential comes after one of each other.
            del self._waiting[credential]
            if bodies:
                self._waiting[credential] = bodies
            if not result.done():  # else its request was cancelled
                self._is_working = True
                at_work = asyncio.get_running_loop().run_in_executor(self._executor, self._validate, raw)
                at_work.add_done_callback(partial(self._end, result))

    def _end(self, result: asyncio.Future[Disclosure], done: asyncio.Future[Disclosure]) -> None:
        self._is_working = False
        if done.cancelled():
            result.cancel()
        elif (error := done.exception()) is not None:
            if not result.done():
                result.set_exception(error)
        elif not result.done():
            result.set_result(done.result())
        self._begin()
