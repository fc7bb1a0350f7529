"""Makes header names that are not UTF-8 readable, in place, in a fetched batch.

Kafka's protocol demands UTF-8 for the name of a header, and no broker checks it. Java's clients replace wrong bytes
by U+FFFD. Python's clients raise in the fetch, each time at the same record: one such record stops its partition for
ever.
"""

#: Maps every byte beyond ASCII to a question mark.
_LEGIBLE = bytes(byte if byte < 0x80 else ord("?") for byte in range(256))


def make_names_readable(batch: bytearray, start: int) -> None:
    """Replace each byte beyond ASCII by `?` in the header names that are not UTF-8, of the record at byte `start`.

    `batch` has unpacked records of format 2. Key, value, header values and readable names do not change. Raises
    IndexError for a record that is cut off, ValueError for a number of more than 64 bits.
    """
    # `?` is one byte, so every length stays right; U+FFFD has three bytes. A lone surrogate could not be written again
    # to a rejected topic. The header is not dropped, so that the number of headers stays as sent. No name that Confide
    # looks up has a question mark, so a changed name never matches one.
    at = _varint(batch, start)[1]
    for _ in ("attributes", "timestamp", "offset"):
        at = _varint(batch, at)[1]
    for _ in ("key", "value"):
        at = _skip_bytes(batch, at)
    count, at = _varint(batch, at)
    for _ in range(count):
        length, at = _varint(batch, at)
        name = batch[at : at + length]
        if not _is_text(name):
            batch[at : at + length] = name.translate(_LEGIBLE)
        at = _skip_bytes(batch, at + length)


def _is_text(name: bytearray) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _skip_bytes(batch: bytearray, at: int) -> int:
    """Return the position after the bytes whose length is at `at`; the length -1 means null."""
    length, at = _varint(batch, at)
    return at + max(length, 0)


def _varint(batch: bytearray, at: int) -> tuple[int, int]:
    """Return the zigzag number at `at` and the position after it."""
    raw = shift = 0
    while (byte := batch[at]) & 0x80:
        raw |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number in the record is longer than 64 bits")
    raw |= byte << shift
    return (raw >> 1) ^ -(raw & 1), at + 1
