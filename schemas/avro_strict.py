"""Checks the bytes of an Avro body against its schema, as the specification has it (Avro 1.12, *Binary encoding*).

fastavro reads some malformed bytes without an error: an enum's index -1 as its last symbol, a union's branch -2 as the
last but one, any byte but 0 as true, an `int` of more than 32 bits. So a damaged record could become another fact.
A number may have more bytes than it needs: the specification does not forbid it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: The most bytes of a varint: 64 bits, 7 in each.
_VARINT_BYTES = 10
_FIXED_BYTES: Mapping[str, int] = {"null": 0, "float": 4, "double": 8}
_INT = range(-(2**31), 2**31)
_LONG = range(-(2**63), 2**63)


class Malformed(ValueError):
    """The bytes are not a value of the schema; the message quotes none of them."""


def check_body(data: bytes, start: int, schema: Any) -> None:
    """Raise `Malformed` unless the bytes from `start` to the end are one value of this parsed schema.

    Arrays and maps may be in several blocks, with or without their sizes, as other writers have them.
    """
    walk = _Walk(data, start, dict(_named_types(schema)))
    walk.value(schema)
    if walk.at != len(data):
        raise Malformed("has bytes left over")


def _named_types(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield each named type by its name. A branch that a value does not have may define the type of one that it has."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _named_types(branch)
    elif isinstance(schema, dict):
        if schema["type"] in ("record", "enum", "fixed"):
            yield schema["name"], schema
        fields = (field["type"] for field in schema.get("fields", ()))
        for inner in (*fields, schema.get("items"), schema.get("values")):
            yield from _named_types(inner)
        if not isinstance(schema["type"], str):
            yield from _named_types(schema["type"])


class _Walk:
    def __init__(self, data: bytes, at: int, named: Mapping[str, Any]) -> None:
        self.at = at
        self._data = data
        self._named = named

    def value(self, schema: Any) -> None:
        """Pass one value of the schema."""
        if isinstance(schema, list):
            self.value(schema[self._index(len(schema))])
        elif isinstance(schema, str):
            self._of_name(schema)
        else:
            self._of_type(schema)

    def _of_name(self, name: str) -> None:
        if name in self._named:
            self.value(self._named[name])
        elif name == "boolean":
            if self._take(1) not in (b"\0", b"\1"):
                raise Malformed("has a boolean that is neither true nor false")
        elif name in ("int", "long"):
            if self._number() not in (_INT if name == "int" else _LONG):
                raise Malformed("has a number with too many bits")
        elif name in ("bytes", "string"):
            found = self._take(self._length())
            if name == "string":
                _check_text(found)
        else:
            self._take(_FIXED_BYTES[name])

    def _of_type(self, schema: Mapping[str, Any]) -> None:
        kind = schema["type"]
        if kind == "record":
            for field in schema["fields"]:
                self.value(field["type"])
        elif kind == "enum":
            self._index(len(schema["symbols"]))
        elif kind == "fixed":
            self._take(schema["size"])
        elif kind == "array":
            self._blocks(lambda: self.value(schema["items"]))
        elif kind == "map":
            self._blocks(lambda: self._pair(schema["values"]))
        else:
            self.value(kind)

    def _pair(self, values: Any) -> None:
        """Pass a name of a map and its value."""
        self._of_name("string")
        self.value(values)

    def _blocks(self, entry: Callable[[], object]) -> None:
        while count := self._number():
            size = self._length() if count < 0 else None
            begin = self.at
            for _ in range(abs(count)):
                entry()
            if size is not None and self.at - begin != size:
                raise Malformed("has a block of another size than it says")

    def _index(self, many: int) -> int:
        index = self._number()
        if not 0 <= index < many:
            raise Malformed("has an index that the enum or union does not have")
        return index

    def _length(self) -> int:
        length = self._number()
        if length < 0:
            raise Malformed("has a negative length")
        return length

    def _number(self) -> int:
        """Return a zigzag varint."""
        number = 0
        for position in range(_VARINT_BYTES):
            (byte,) = self._take(1)
            number |= (byte & 0x7F) << (7 * position)
            if not byte & 0x80:
                return (number >> 1) ^ -(number & 1)
        raise Malformed("has a number with too many bytes")

    def _take(self, many: int) -> bytes:
        begin, self.at = self.at, self.at + many
        if self.at > len(self._data):
            raise Malformed("is cut off")
        return self._data[begin : self.at]


def _check_text(found: bytes) -> None:
    try:
        found.decode()
    except UnicodeDecodeError:
        raise Malformed("has text that is not UTF-8") from None
