"""The headers of a record on a `.rejected` topic: why it was rejected, by which program, from where and when.

They are part of the wire contract: the console and `confide demo --out` read them by these names. No header
quotes the record. Names are plain `str`: aiokafka's encoder refuses a `StrEnum`.
"""

from dataclasses import dataclass
from typing import Final

from schemas.errors import Invalid

#: Every name of a header about the rejection begins so.
REJECTED_PREFIX: Final = "rejected-"
#: The problems, each with its field (text, at most `MAX_REASON` characters).
REJECTED_REASON: Final = "rejected-reason"
#: Path of the first field that is wrong, in the contract's names.
REJECTED_FIELD: Final = "rejected-field"
#: Class of the error.
REJECTED_ERROR: Final = "rejected-error"
#: The program that rejected the record: the agent's name, `gateway` or `produce`.
REJECTED_BY: Final = "rejected-by"
#: Topic, partition and offset of the record. A timer, effect or entry of a lane has no offset: microseconds since 1970.
REJECTED_FROM: Final = "rejected-from"
REJECTED_PARTITION: Final = "rejected-partition"
REJECTED_OFFSET: Final = "rejected-offset"
#: On a service's urgent topic: the door that could not read the record. ADMIT rejects it, whatever is in it.
REFUSED_BY: Final = "refused-by"
#: Beside it, if the record is only the first part: bytes of the whole, or `unknown`.
REFUSED_LENGTH: Final = "refused-length"
#: Beside it, if the record is part of an exercise: by its sender's credential, or without one by its own word.
REFUSED_EXERCISE: Final = "refused-exercise"
#: `true` if the record is part of an exercise, as `REFUSED_EXERCISE` or the door says: sent again, it stays one.
REJECTED_EXERCISE: Final = "rejected-exercise"
#: When it was rejected: ISO 8601, UTC.
REJECTED_AT: Final = "rejected-at"
#: When a rejected timer was due: ISO 8601, UTC.
REJECTED_DUE: Final = "rejected-due"
#: Of a value that was cut: bytes of the whole (or `unknown`), hexadecimal SHA-256 of the whole if it was seen, and
#: bytes that were kept.
REJECTED_LENGTH: Final = "rejected-length"
REJECTED_SHA256: Final = "rejected-sha256"
REJECTED_KEPT: Final = "rejected-kept"
#: Of a key that was cut: bytes and hexadecimal SHA-256 of the whole.
REJECTED_KEY_LENGTH: Final = "rejected-key-length"
REJECTED_KEY_SHA256: Final = "rejected-key-sha256"

#: Characters of a reason, in the header and in a record about the rejection. A record can have hundreds of problems,
#: and a reader needs the first few.
MAX_REASON = 1_000
_UNKNOWN = b"unknown"
#: Most digits of a length. A header of a sender may have any number of them.
_MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Cut:
    """A value of which only the first part was kept; `length` is None if nobody knows how long the whole was."""

    kept: int
    length: int | None

    def __str__(self) -> str:
        """Return what staff read: how much is there, and of how much."""
        if self.length is None:
            return f"cut: first {self.kept:,} bytes, the rest did not come"
        if self.length == self.kept:
            return f"no record: the {self.kept:,} bytes of a batch that cannot be read"
        return f"cut: first {self.kept:,} of {self.length:,} bytes"

    @classmethod
    def of(cls, value: bytes | None, length: bytes | None) -> "Cut | None":
        """Return how a value was cut, by its header `rejected-length`; None for one that is whole."""
        return None if value is None or length is None else cls(len(value), length_of(length))


def cut_off() -> Invalid:
    """Return the error for a disclosure whose rest did not come."""
    return Invalid.of("disclosure", "was cut off: the rest did not come")


def length_text(length: int | None) -> bytes:
    """Return a length as a header has it."""
    return _UNKNOWN if length is None else b"%d" % length


def length_of(text: bytes) -> int | None:
    """Return the length in a header; None if it is unknown, or the text is no length."""
    return int(text) if text.isdigit() and len(text) <= _MAX_DIGITS else None


def reason_of(invalid: Invalid) -> str:
    """Return the reason of a rejection: every problem, cut to `MAX_REASON` characters."""
    return str(invalid)[:MAX_REASON]


def first_field_of(invalid: Invalid) -> str:
    """Return the path of the first field that is wrong; empty if the error names none."""
    return invalid.problems[0].field if invalid.problems else ""
