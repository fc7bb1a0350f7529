"""Names of record headers that are no text: made readable where they lie in a fetched batch.

Kafka's protocol says that a header's name is UTF-8, and no broker checks it: Java's clients put U+FFFD for what is not,
and Python's raise in the fetch, at the same record for ever, so that one record stops its partition for good.
"""

#: Every byte beyond ASCII as a question mark.
_LEGIBLE = bytes(byte if byte < 0x80 else ord("?") for byte in range(256))


def make_names_readable(batch: bytearray, start: int) -> None:
    """Put `?` for each byte beyond ASCII in those header names that are not UTF-8, of the record at `start` bytes.

    `batch` holds records of format 2, decompressed. Key, value, header values and readable names stay as they are.
    A record that breaks off raises IndexError, one with a number beyond 64 bits ValueError.
    """
    # One byte for one keeps every length right, unlike U+FFFD, which takes three; and unlike a lone surrogate it can
    # be written again, to a rejected topic. A name is not dropped with its value: what was sent stays countable, and
    # no name that is looked up has a question mark, so nothing passes for one.
    at = _varint(batch, start)[1]
    for _ in ("attributes", "timestamp", "offset"):
        at = _varint(batch, at)[1]
    for _ in ("key", "value"):
        at = _behind(batch, at)
    count, at = _varint(batch, at)
    for _ in range(count):
        length, at = _varint(batch, at)
        name = batch[at : at + length]
        if not _is_text(name):
            batch[at : at + length] = name.translate(_LEGIBLE)
        at = _behind(batch, at + length)


def _is_text(name: bytearray) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _behind(batch: bytearray, at: int) -> int:
    """Return where the bytes end that begin at `at` with their length; -1 stands for null."""
    length, at = _varint(batch, at)
    return at + max(length, 0)


def _varint(batch: bytearray, at: int) -> tuple[int, int]:
    """Return the zigzag number at `at` and where it ends."""
    raw = shift = 0
    while (byte := batch[at]) & 0x80:
        raw |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number in the record is longer than 64 bits")
    raw |= byte << shift
    return (raw >> 1) ^ -(raw & 1), at + 1
