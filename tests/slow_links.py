"""A relay that makes links slow and narrow, run by tests as a process: `python -m tests.slow_links DELAY RATE LINK…`.

DELAY is how long each byte takes one way (seconds), RATE the bytes a second of each direction of each link, all of its
connections together. LINK is `PORT:TARGET`, both on this machine. Says `ready` on standard output once it listens.
"""

import asyncio
import sys
from collections.abc import Iterable

#: Bytes of one piece: at the rates of the tests a piece takes some tens of milliseconds.
_PIECE = 16 * 1024
#: Pieces under way in one direction of a connection; a sender waits when so many are.
_PIECES = 64
_HOST = "127.0.0.1"


class Line:
    """One direction of a link: all connections share its rate, in the order in which their pieces come."""

    def __init__(self, delay: float, rate: float) -> None:
        self._delay = delay
        self._rate = rate
        self._free_at = 0.0

    def arrival(self, size: int) -> float:
        """Return when a piece that is sent now arrives, by the loop's clock."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + size / self._rate
        return self._free_at + self._delay

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what is read to where it is written, until either side closes."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES)
        arriving = asyncio.create_task(self._arrive(under_way, writer))
        try:
            while piece := await reader.read(_PIECE):
                await under_way.put((self.arrival(len(piece)), piece))
            await under_way.put((self.arrival(0), b""))
            await arriving
        except OSError:
            # The other side is gone: both are closed.
            pass
        finally:
            arriving.cancel()
            writer.close()

    @staticmethod
    async def _arrive(under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at, piece = await under_way.get()
            await asyncio.sleep(at - loop.time())
            if not piece:
                return
            writer.write(piece)
            await writer.drain()


async def relay(delay: float, rate: float, links: Iterable[tuple[int, int]]) -> None:
    """Relay connections for ever."""
    servers = [await _listen(port, target, Line(delay, rate), Line(delay, rate)) for port, target in links]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _listen(port: int, target: int, there: Line, back: Line) -> asyncio.Server:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(_HOST, target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(there.carry(reader, far_writer), back.carry(far_reader, writer), return_exceptions=True)

    return await asyncio.start_server(connect, _HOST, port)


if __name__ == "__main__":
    pairs = [(int(port), int(target)) for port, _, target in (link.partition(":") for link in sys.argv[3:])]
    asyncio.run(relay(float(sys.argv[1]), float(sys.argv[2]), pairs))
