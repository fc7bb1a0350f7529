"""The partitioner gives the same results as both Python clients and as Kafka's own tests."""

import pytest
from aiokafka.partitioner import DefaultPartitioner as AiokafkaPartitioner
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner as KafkaPythonPartitioner
from kafka.partitioner.default import murmur2 as kafka_python_murmur2

from schemas.partitioner import murmur2, partition_for

UNSIGNED = 0xFFFFFFFF


# org.apache.kafka.common.utils.UtilsTest.testMurmur2
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected & UNSIGNED


@given(st.binary(max_size=700))
@example(b"")
@example(b"\xff" * 3)
@example(b"\x80" * 257)
def test_murmur2_is_that_of_both_clients(data: bytes) -> None:
    assert murmur2(data) == kafka_python_murmur2(data) & UNSIGNED == aiokafka_murmur2(data) & UNSIGNED


class Cluster:
    """A cluster of one topic, with the methods that kafka-python's partitioner calls."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"topic"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions


@given(st.binary(max_size=64), st.integers(1, 200))
def test_a_key_goes_where_both_clients_send_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    theirs = KafkaPythonPartitioner().partition("topic", None, key, None, None, Cluster(partitions))
    assert partition_for(key, partitions) == theirs == AiokafkaPartitioner()(key, every, every)


def test_ids_spread_over_all_partitions() -> None:
    found = [partition_for(f"person-{number}".encode(), 8) for number in range(4_000)]
    assert all(400 < found.count(partition) < 600 for partition in range(8))
