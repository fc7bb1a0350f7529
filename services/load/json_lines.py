"""How the parts of a load test talk: JSON lines, told on standard input and answered on standard output."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import uvloop

#: A line may hold a whole result with the ids of everything that is missing (bytes).
LINE_LIMIT = 256 * 2**20


def send(**fields: Any) -> None:
    """Tell whoever started this process."""
    print(json.dumps(fields), flush=True)  # noqa: T201 - it is read from there


async def messages() -> AsyncIterator[dict[str, Any]]:
    """Yield what this process is told, to the end of its standard input."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield json.loads(line)


async def next_message(lines: AsyncIterator[dict[str, Any]], name: str) -> Any:
    """Return the value of the field `name` of the next line; end the process where whoever started it is gone."""
    line = await anext(lines, None)
    if line is None:
        raise SystemExit(1)
    if name not in line:
        raise ValueError(f"was told {sorted(line)}, not {name}")
    return line[name]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a part; an interrupt from the keyboard is for whoever started it, who stops it in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(main)
