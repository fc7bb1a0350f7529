"""Mutated disclosures: lines of the scenario day with damage as senders, proxies and files do it, by a seed."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from schemas.json_reader import PADDING
from tests.disclosures import DAY_LINES

#: Text that stands for what a person wrote: no error, answer or header may have it.
MARKER = "Jane Roe 07700900999"

#: Values that another type, a guess or a writer's habit puts in the place of a value.
_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    99,
    999,
    -200.5,
    15.0,
    1.5,
    10**30,
    "",
    " ",
    "0",
    "20260203",
    "2026-02-03",
    "2026-02-03T21:04:11",
    "2016-12-31T23:59:60Z",
    "2035-02-03T21:04:11Z",
    "\ufeff2026-02-03T21:04:11.1234567890Z\r\n",
    " 2009-02-28 ",
    " 0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10\n",
    "1970-01-01T00:00:00Z",
    "0001-01-01",
    "null",
    "yes",
    MARKER,
    f"{MARKER}@",
    "a@b",
    "+266696687",
    "+99912345678",
    "\ud83d",
    "\U0001f600",
    "x" * 3_000,
    [],
    [MARKER],
    [MARKER] * 60,
    {},
    {"kind": MARKER},
    {MARKER: MARKER},
)
_HALF_NAMES = ("plan\ud83d", f"{MARKER}\udc00")
_NAMES = (MARKER, "plan", "Plan", "plann", "disclosure_id", "\ufeff", "x" * 5_000, "[/b]", "", *_HALF_NAMES)
_DAMAGE = (rb"\ud83d", b"\xff", b"\xed\xa0\xbd", rb"\u0000", b"\t", b"\n", b"\x01")

Change = Callable[[random.Random, bytes], bytes]


def mutated(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield `count` lines, each with one to three changes."""
    chance = random.Random(seed)
    for _ in range(count):
        yield changed(chance, chance.choice(DAY_LINES))


def changed(chance: random.Random, line: bytes) -> bytes:
    """Return the line with one to three changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        line = chance.choice(_CHANGES)(chance, line)
    return line


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside this one."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*path, name)
        yield from places(each, (*path, name))


def _in_tree(change: Callable[[random.Random, Any, Any], None]) -> Change:
    """Return the change of a line that changes one place of its tree: its container and the name in it."""

    def on_line(chance: random.Random, line: bytes) -> bytes:
        try:
            tree = json.loads(line)
        except (ValueError, RecursionError):
            return line
        found = list(places(tree))
        if not found:
            return line
        *way, name = chance.choice(found)
        holder = tree
        for step in way:
            holder = holder[step]
        change(chance, holder, name)
        return json.dumps(tree).encode()

    return on_line


def _replace(chance: random.Random, holder: Any, name: Any) -> None:
    holder[name] = chance.choice(_ODD)


def _remove(_: random.Random, holder: Any, name: Any) -> None:
    del holder[name]


def _add(chance: random.Random, holder: Any, _: Any) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(_NAMES)] = chance.choice(_ODD)
    else:
        holder.append(chance.choice(_ODD))


def _double(chance: random.Random, line: bytes) -> bytes:
    name = json.dumps(chance.choice(_NAMES)).encode()
    return line.replace(b"{", b"{" + name + b": 1, " + name + b": 2, ", 1)


def _flip(chance: random.Random, line: bytes) -> bytes:
    if not line:
        return line
    at = chance.randrange(len(line))
    return line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :]


def _cut(chance: random.Random, line: bytes) -> bytes:
    return line[: chance.randrange(len(line) + 1)]


def _pad(chance: random.Random, line: bytes) -> bytes:
    begin, end = ("".join(chance.choices(PADDING, k=chance.randrange(3))).encode() for _ in range(2))
    return begin + line + end


def _point(chance: random.Random, line: bytes) -> bytes:
    return line.replace(b'"age": 1', b'"age": 1' + chance.choice((b".0", b"5.0", b"e1", b"5.5", b"0.0e0")), 1)


def _blank(chance: random.Random, line: bytes) -> bytes:
    name = chance.choice((b"account", b"phone", b"email", b"date_of_birth"))
    return line.replace(b'"subject": {', b'"subject": {"' + name + b'": "", ', 1)


def _damage(chance: random.Random, line: bytes) -> bytes:
    return line.replace(b'"summary": "', b'"summary": "' + chance.choice(_DAMAGE), 1)


_CHANGES: tuple[Change, ...] = (
    *(_in_tree(_replace),) * 5,
    _in_tree(_remove),
    _in_tree(_remove),
    _in_tree(_add),
    _in_tree(_add),
    _double,
    _flip,
    _cut,
    _pad,
    _blank,
    _point,
    _damage,
)
