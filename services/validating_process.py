"""Validates bodies in a process of its own: Python runs one thread at a time, so in a thread of the gateway a hostile
body would delay every other request.

The gateway writes a body, the process answers with the disclosure or its problems as JSON. Both are preceded by their
length in 4 bytes. The process ends when its standard input does, that is with the gateway.
"""

import json
import os
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, cast

import structlog

from schemas.disclosure import Disclosure, parse_json
from schemas.errors import Invalid, Problem

_LENGTH = struct.Struct(">I")
#: How much later than the gateway's own threads it gets the processor (see nice(2)).
_NICE = 10

_log = structlog.get_logger("confide.gateway")


class ValidatingProcess:
    """Takes the place of `parse_json` in one thread. A process that ended is replaced."""

    def __init__(self) -> None:
        self._process = _started()
        self._is_closed = False

    def __call__(self, raw: bytes) -> Disclosure:
        """Return the disclosure; raise `Invalid` for one that cannot be understood, as `parse_json` does."""
        try:
            answer = self._ask(raw)
        except (OSError, EOFError) as error:
            if self._is_closed:
                raise
            _log.error("the process that validates large bodies has ended, another is started", error=str(error))
            self._end()
            self._process = _started()
            # Here, because the body may be what ended it.
            return parse_json(raw)
        return _read(answer)

    def close(self) -> None:
        """End the process."""
        self._is_closed = True
        self._end()

    def _ask(self, raw: bytes) -> bytes:
        # Both are pipes (`_started`).
        _put(cast("IO[bytes]", self._process.stdin), raw)
        answer = _take(cast("IO[bytes]", self._process.stdout))
        if answer is None:
            raise EOFError("no answer")
        return answer

    def _end(self) -> None:
        # Killed first: a thread that still reads an answer must not find its pipe closed.
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _started() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "services.validating_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _read(answer: bytes) -> Disclosure:
    if answer.startswith(b"["):
        raise Invalid(Problem(field, reason) for field, reason in json.loads(answer))
    return Disclosure.model_validate_json(answer)


def _answer(raw: bytes) -> bytes:
    try:
        return parse_json(raw).model_dump_json().encode()
    except Invalid as invalid:
        return json.dumps([(problem.field, problem.reason) for problem in invalid.problems]).encode()


def _put(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _take(pipe: IO[bytes]) -> bytes | None:
    """Return what was put into the other end; None if it was closed."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return data if len(data) == length else None


def _serve(given: Any, answers: Any) -> None:
    while (raw := _take(given)) is not None:
        _put(answers, _answer(raw))


if __name__ == "__main__":
    # An interrupt of the keyboard reaches the gateway too, which finishes its open requests first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    # The gateway may have been killed while an answer is written.
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)
