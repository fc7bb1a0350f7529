"""The partitioner of all producers: murmur2, as in Kafka's Java clients."""

from functools import lru_cache
from struct import Struct

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_WORDS = [Struct(f"<{count}I") for count in range(65)]


def murmur2(data: bytes) -> int:
    """Return the murmur2 hash of the data with Kafka's seed: 32 bits, unsigned."""
    length = len(data)
    whole = length >> 2
    words = _WORDS[whole] if whole < len(_WORDS) else Struct(f"<{whole}I")
    h = _SEED ^ length
    for word in words.unpack_from(data):
        k = word * _M & _MASK
        h = h * _M & _MASK ^ (k ^ k >> 24) * _M & _MASK
    if tail := data[whole << 2 :]:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=65_536)
def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of a key on a topic with `partitions` partitions, as Kafka's default partitioner in Java."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
