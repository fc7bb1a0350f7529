"""Lanes: one partition of topics that share a state, one writer, one partitioner."""

from tests.mutation.row import Edit, Row

_LANES = "tests/integration/test_runtime_lanes.py"
_COUNTING = "tests/integration/test_runtime_counting.py"

ROWS = (
    Row(
        "The transactional id is the lane's alone",
        "streams/runtime/lane/lane.py",
        (Edit('f"{host.application}-{self._id.name}"', 'f"{host.application}-{self._id.name}-{id(self)}"'),),
        (f"{_LANES}::test_a_successor_fences_the_lane_and_the_zombies_turn_is_not_seen",),
    ),
    Row(
        "Faust's own assignor keeps the topics of a lane together",
        "streams/runtime/transport/worker.py",
        (Edit("table_standby_replicas=1", "table_standby_replicas=0"),),
        (f"{_COUNTING}::test_lanes_move_to_a_second_worker_and_back_with_the_topics_of_a_lane_together",),
    ),
    Row(
        "A lane writes by the one partitioner",
        "streams/runtime/lane/transaction.py",
        (Edit("partition_for(key, await self.partitions_of(topic))", "(partition_for(key, 4) + 1) % 4"),),
        (f"{_COUNTING}::test_what_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on",),
    ),
    Row(
        "The one partitioner is Kafka's murmur2",
        "schemas/partitioner.py",
        (Edit("& 0x7FFFFFFF) % partitions", "& 0xFFFFFFFF) % partitions"),),
        ("tests/unit/test_partitioner.py::test_a_key_goes_where_both_clients_send_it",),
    ),
    Row(
        "The number of a topic's partitions is never changed",
        "infra/topics.py",
        (Edit("if found.get(name, count) != count", "if found.get(name, count) > count"),),
        ("tests/integration/test_topics_apply.py::test_another_partition_count_is_refused_and_nothing_is_made",),
    ),
)
