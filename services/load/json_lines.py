"""Messages between the processes of a load test: JSON lines on standard input and standard output."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import uvloop

#: Longest line (bytes). A result can hold the id of every missing record.
LINE_LIMIT = 256 * 2**20


def send(**fields: Any) -> None:
    """Send a message to the process that started this one."""
    print(json.dumps(fields), flush=True)  # noqa: T201 - the parent reads messages from standard output


async def messages() -> AsyncIterator[dict[str, Any]]:
    """Yield each message of the process that started this one, to the end of standard input."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield json.loads(line)


async def next_message(received: AsyncIterator[dict[str, Any]], name: str) -> Any:
    """Return the field `name` of the next message.

    Raises `SystemExit` with status 1 if the process that started this one has ended, and `ValueError` for a message
    without that field.
    """
    message = await anext(received, None)
    if message is None:
        raise SystemExit(1)
    if name not in message:
        raise ValueError(f"received {sorted(message)}, not {name}")
    return message[name]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a part of a load test.

    It ignores an interrupt from the keyboard: the process that started it receives the same one and stops its parts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(main)
