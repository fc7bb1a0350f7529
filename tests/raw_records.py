"""Record batches that no well-behaved client writes: header names that are not text, markers made by hand."""

import struct
from collections.abc import Iterable
from typing import Any, Self

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy, _DefaultRecordBatchPy
from aiokafka.record.util import calc_crc32c

from streams.runtime.fetcher_patch import CommittedRecords, FetchedRecords

Headers = Iterable[tuple[bytes, bytes | None]]
Entry = tuple[bytes | None, bytes | None, Headers]

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_MAX_BYTES = 1 << 30


class _Name(str):
    """A header name that is exactly these bytes when it is written."""

    __slots__ = ("raw",)

    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        made = super().__new__(cls, "")
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


def builder(entries: Iterable[Entry], codec: str = "none", producer: int = -1, *, transactional: bool = False) -> Any:
    """Return aiokafka's builder in Python, with the entries; the builder in C takes only header names that are text."""
    made = _DefaultRecordBatchBuilderPy(2, CODECS[codec], int(transactional), producer, 0, 0, _MAX_BYTES)
    for offset, (key, value, headers) in enumerate(entries):
        made.append(offset, 1_700_000_000_000, key, value, [(_Name(name), held) for name, held in headers])
    return made


async def write(bootstrap: str, topic: str, codec: str, entries: Iterable[Entry]) -> None:
    """Write the entries as one batch to partition 0. They must be large enough that compression makes them smaller."""
    entries = list(entries)
    assert builder(entries, codec).build()[_DefaultRecordBatchPy.ATTRIBUTES_OFFSET + 1] == CODECS[codec]
    sender = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await sender.start()
    try:
        batch = sender.create_batch()
        batch._builder, batch._relative_offset = builder(entries, codec), len(entries)
        await (await sender.send_batch(batch, topic, partition=0))
    finally:
        await sender.stop()


def stored(
    entries: Iterable[Entry], base_offset: int, producer: int = -1, *, control: bool = False, codec: str = "none"
) -> bytes:
    """Return a batch as a broker stores it at `base_offset`, its checksum right; transactional if it has a producer."""
    batch = builder(entries, codec, producer, transactional=producer >= 0).build()
    struct.pack_into(">q", batch, 0, base_offset)
    if control:
        at = _DefaultRecordBatchPy.ATTRIBUTES_OFFSET
        (attributes,) = struct.unpack_from(">h", batch, at)
        struct.pack_into(">h", batch, at, attributes | _DefaultRecordBatchPy.CONTROL_MASK)
        struct.pack_into(">I", batch, _DefaultRecordBatchPy.CRC_OFFSET, calc_crc32c(bytes(batch[at:])))
    return bytes(batch)


def as_aiokafka_has_it(patch: pytest.MonkeyPatch) -> None:
    """Undo `fetcher_patch.patch_aiokafka_fetcher()` for as long as the monkeypatch lasts."""
    patch.setattr(fetcher, "PartitionRecords", CommittedRecords.__base__)
    patch.setattr(fetcher, "MemoryRecords", FetchedRecords.__base__)
