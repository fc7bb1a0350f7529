"""Sends hostile bodies of up to BYTES to a gateway, all at once; prints the statuses.

    python -m tests.hostile_bodies PORT MANY BYTES

A process of its own: in the process that measures an honest request, the attack would delay the measure.
"""

import asyncio
import json
import sys

from schemas.disclosure import MAX_DISCLOSURE_BYTES, MAX_LINE_BYTES
from tests.disclosures import fields, raw


def hostile() -> list[bytes]:
    """Return bodies of nearly 256 KiB, and lists and objects of nearly 1.5 MiB, that cost the most to refuse."""
    many = json.dumps({**fields(), **{f"concern{'s' * 20}{n}": n for n in range(6_000)}}).encode()
    deep = b'{"a":' * 50_000
    wrong = json.dumps(fields(concerns=[{"kind": "suicide", **{f"pla{n}": 1 for n in range(15_000)}}])).encode()
    halves = raw(summary="TEXT").replace(b"TEXT", rb"\ud83d" * 40_000)
    lists = [
        raw(contact={"channels": [1] * 500_000}),
        raw(subject={"account": "a", "professionals": [{}] * 300_000}),
        raw(concerns=[[]] * 300_000),
        json.dumps({f"x{n}": n for n in range(80_000)}).encode(),
    ]
    return [
        *(each for each in (many, deep, wrong, halves) if len(each) <= MAX_DISCLOSURE_BYTES),
        *(each for each in lists if len(each) <= MAX_LINE_BYTES),
    ]


async def _post(port: int, body: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/disclosures HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def _attack(port: int, many: int, most: int) -> list[int]:
    bodies = [each for each in hostile() if len(each) <= most]
    print("begun", flush=True)
    return await asyncio.gather(*(_post(port, bodies[number % len(bodies)]) for number in range(many)))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_attack(*map(int, sys.argv[1:])))))
