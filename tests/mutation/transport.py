"""Fetches: known positions, bounded queues, rebalances, and committed records only."""

from tests.mutation.row import Edit, Row

_SEEKING = "tests/integration/test_seeking.py"
_FETCHES = "tests/integration/test_fetching.py"
_COUNTING = "tests/integration/test_runtime_counting.py"
_FETCHING = "tests/unit/test_fetcher_patch.py"
_QUEUES = "tests/unit/test_queues.py"
_REBALANCE = "tests/integration/test_runtime_rebalance.py"
_PROCESS = "tests/unit/test_lanes_of_a_process.py"
_LANES = "tests/integration/test_runtime_lanes.py"
_MEMBERS = "tests/integration/test_runtime_members.py"
_FAULTS = "tests/integration/test_consumers_after_faults.py"
_PROMPT = "tests/integration/test_prompt_fetching.py"
_COORDINATION = "tests/unit/test_coordination_errors.py"
_WATCH = "tests/unit/test_assignment_watch.py"
_FOLLOWER = "tests/integration/test_runtime_follower.py"

ROWS = (
    Row(
        "A fetch during which partitions were assigned anew has no known beginning",
        "streams/runtime/transport/batching_thread.py",
        (Edit(" if assignment is assigned() else {}", ""),),
        (f"{_SEEKING}::test_what_comes_of_a_fetch_during_which_partitions_were_assigned_anew_is_fetched_again",),
    ),
    Row(
        "After a rebalance records are fetched again from the committed offsets",
        "streams/runtime/transport/lane_assignment.py",
        (Edit('        cast("BatchingThread", self._thread).seek_before_fetch()\n', ""),),
        (f"{_SEEKING}::test_records_that_came_before_the_end_of_a_rebalance_are_fetched_again",),
    ),
    Row(
        "A batch whose fetch began before records were lost reaches no lane",
        "streams/runtime/transport/lane_assignment.py",
        (Edit('if fetched.losses == cast("BatchingThread", self._thread).losses:', "if True:"),),
        (f"{_FETCHES}::test_a_batch_whose_fetch_began_before_a_loss_reaches_no_lane",),
    ),
    Row(
        "What was fetched before a seek that a lane asks for reaches no lane",
        "streams/runtime/transport/batching_thread.py",
        (
            Edit(
                "            # No lane takes what was fetched before such a seek.\n            self._lost_here += 1\n",
                "            pass\n",
            ),
        ),
        (f"{_FETCHES}::test_what_was_fetched_before_a_seek_that_a_lane_asks_for_reaches_no_lane",),
    ),
    Row(
        "A batch of which nothing was done goes back with its own begin",
        "streams/runtime/lane/queues.py",
        (Edit("        if not done:\n            self.put_back(batch)\n            return batch.begin\n", ""),),
        ("tests/unit/test_queues.py::test_a_batch_of_which_nothing_was_done_goes_back_with_its_own_begin",),
    ),
    Row(
        "A seek of Faust's is done by the next fetch",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        self.seek_before_fetch()\n        return {}\n", "        return {}\n"),),
        (f"{_SEEKING}::test_records_that_came_before_the_end_of_a_rebalance_are_fetched_again",),
    ),
    Row(
        "What was fetched without a known beginning is fetched again",
        "streams/runtime/transport/batching_thread.py",
        (Edit("            await self._seek_again(consumer, unknown)\n", "            pass\n"),),
        (f"{_SEEKING}::test_what_comes_of_a_fetch_during_which_partitions_were_assigned_anew_is_fetched_again",),
    ),
    Row(
        "Where nothing was committed it is read from the beginning",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        await consumer.seek_to_beginning(*unmoved)\n", "        pass\n"),),
        (f"{_SEEKING}::test_where_nothing_was_committed_it_reads_from_the_beginning",),
    ),
    Row(
        "A batch begins where the fetch before it ended, aborted records included",
        "streams/runtime/transport/batching_thread.py",
        (Edit("            self._passed_over.setdefault(tp, begin)\n", "            pass\n"),),
        (f"{_COUNTING}::test_a_source_full_of_transactions_kept_and_aborted_is_read_through",),
    ),
    Row(
        "A fetch begins only once the one before has ended",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        if self._is_fetching:\n", "        if False:\n"),),
        (f"{_SEEKING}::test_a_fetch_begins_only_once_the_one_before_has_sought",),
    ),
    Row(
        "Partitions that no member has are assigned again",
        "streams/runtime/transport/assignment_watch.py",
        (Edit("            self._membership.rejoin()\n", ""),),
        ("tests/integration/test_runtime_members.py::test_partitions_that_no_member_has_are_assigned_again",),
    ),
    Row(
        "A process that its group gives no assignment ends",
        "streams/runtime/transport/assignment_watch.py",
        (Edit("if self._without_assignment >= _LOOKS_WITHOUT_ASSIGNMENT:", "if False:"),),
        (f"{_WATCH}::test_a_process_that_is_no_member_of_its_group_ends",),
    ),
    Row(
        "A member joins its group again after an error of the coordination",
        "streams/runtime/transport/group_coordination.py",
        (Edit("coordinator._push_error_to_user = ", "coordinator._unused = "),),
        (f"{_FAULTS}::test_a_member_whose_heartbeat_fails_unexpectedly_joins_again_although_nobody_asks_for_errors",),
    ),
    Row(
        "The member of every worker does so",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        keep_coordinating(consumer)\n", ""),),
        (f"{_MEMBERS}::test_a_worker_whose_heartbeat_fails_unexpectedly_joins_again_and_goes_on",),
    ),
    Row(
        "A consumer whose coordination ends by itself ends the process",
        "streams/runtime/transport/group_coordination.py",
        (Edit("    task.add_done_callback(ended)\n", ""),),
        (f"{_COORDINATION}::test_a_task_of_a_consumer_that_ends_before_it_is_stopped_ends_the_process",),
    ),
    Row(
        "A consumer whose fetches end ends its process",
        "streams/runtime/client_tasks.py",
        (Edit("    consumer._fetcher._fetch_task.add_done_callback(", "    str("),),
        (f"{_FAULTS}::test_a_consumer_whose_fetches_end_by_an_error_ends_the_process",),
    ),
    Row(
        "A consumer whose refresh of metadata ends ends its process, also if a library cancelled it",
        "streams/runtime/client_tasks.py",
        (Edit("    if task.cancelling():", "    if task.cancelled():"),),
        (f"{_FAULTS}::test_a_consumer_whose_refresh_of_metadata_ends_ends_the_process",),
    ),
    Row(
        "The producer of a lane whose sending ends without an error ends its process",
        "streams/runtime/client_tasks.py",
        (Edit("    if task.cancelled() or task.exception() is None:\n", "    if False:\n"),),
        (f"{_FAULTS}::test_a_lanes_producer_whose_task_ends_ends_the_process",),
    ),
    Row(
        "The producer of every lane does so",
        "streams/runtime/lane/transaction.py",
        (Edit("        end_with_producer(self._producer)\n", ""),),
        (f"{_FAULTS}::test_a_lanes_producer_whose_task_ends_ends_the_process",),
    ),
    Row(
        "The consumer of every worker does so",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        end_with_consumer(consumer)\n", ""),),
        (f"{_MEMBERS}::test_a_worker_whose_task_of_fetches_ends_ends_too",),
    ),
    Row(
        "Both consumers of a follower do so",
        "streams/runtime/transport/follower.py",
        (Edit("        end_with_consumer(uncommitted)\n", ""),),
        (f"{_FAULTS}::test_a_follower_whose_consumer_has_no_refresh_of_metadata_ends_the_process",),
    ),
    Row(
        "A consumer that stops raises no cancellation of its own requests",
        "streams/runtime/fetcher_patch.py",
        (Edit("    fetcher.Fetcher.close = _close\n", ""),),
        (f"{_FAULTS}::test_a_consumer_that_stops_after_a_failed_fetch_raises_nothing_and_closes_its_connections",),
    ),
    Row(
        "A process without partitions stays in its group",
        "streams/runtime/transport/worker.py",
        (Edit("        broker_max_poll_interval=_IDLE_SECONDS,\n", ""),),
        ("tests/unit/test_worker_waits.py::test_a_process_without_partitions_stays_in_its_group",),
    ),
    Row(
        "Records of a fetch that was given up before it ended are fetched again",
        "streams/runtime/transport/batching_thread.py",
        (Edit("        if batches and not fetch.is_wanted:\n", "        if False:\n"),),
        (f"{_FETCHES}::test_records_of_a_fetch_that_was_given_up_are_fetched_again[while-it-fetches]",),
    ),
    Row(
        "Records of a fetch whose result was given up are fetched again",
        "streams/runtime/transport/batching_thread.py",
        (Edit("            if fetch.has_records:\n", "            if False:\n"),),
        (f"{_FETCHES}::test_records_of_a_fetch_that_was_given_up_are_fetched_again[before-its-result-is-there]",),
    ),
    Row(
        "Records of a fetch that raised after it took them are fetched again",
        "streams/runtime/transport/batching_thread.py",
        (Edit("no lane gets those.\n            self._lost_here += 1\n", "no lane gets those.\n"),),
        (f"{_FETCHES}::test_records_of_a_fetch_that_raised_afterwards_are_fetched_again",),
    ),
    Row(
        "A queue is full by its bytes",
        "streams/runtime/lane/queues.py",
        (Edit("return self._bytes[topic] > QUEUE_BYTES", "return len(self._queues[topic]) > QUEUE_BYTES"),),
        (f"{_QUEUES}::test_a_queue_is_full_by_bytes_and_not_by_records",),
    ),
    Row(
        "Each topic of a lane has a queue of its own bound",
        "streams/runtime/lane/queues.py",
        (Edit("return self._bytes[topic] > QUEUE_BYTES", "return sum(self._bytes.values()) > QUEUE_BYTES"),),
        (f"{_QUEUES}::test_a_queue_is_full_by_bytes_and_not_by_records",),
    ),
    Row(
        "The most urgent topic that waits is taken first",
        "streams/runtime/lane/queues.py",
        (
            Edit(
                '        """Return the most urgent topic with a waiting batch, None if there is none."""\n'
                "        for topic, queue in self._queues.items():\n",
                '        """Return the most urgent topic with a waiting batch, None if there is none."""\n'
                "        for topic, queue in reversed(self._queues.items()):\n",
            ),
        ),
        (f"{_QUEUES}::test_the_most_urgent_topic_is_first_and_outweighs_those_after_it",),
    ),
    Row(
        "A full lane is left out of the next fetch",
        "streams/runtime/transport/batching_thread.py",
        (Edit("if not lanes.is_full(tp.topic, tp.partition)}", "if lanes is not None}"),),
        (f"{_FETCHES}::test_a_topic_whose_queue_is_full_is_left_out_of_the_fetch",),
    ),
    Row(
        "An idle fetcher looks at its partitions once for each request",
        "streams/runtime/fetcher_patch.py",
        (Edit("            wait = max(wait, _IDLE_SECONDS)\n", "            pass\n"),),
        (f"{_PROMPT}::test_an_idle_fetcher_looks_at_its_partitions_once_for_each_request",),
    ),
    Row(
        "A fetcher whose request has just ended looks again soon",
        "streams/runtime/fetcher_patch.py",
        (Edit(" and len(made._in_flight) <= under_way", ""),),
        (f"{_PROMPT}::test_a_fetch_that_returns_while_records_are_taken_is_followed_by_another",),
    ),
    Row(
        "A rebalance waits for the turns in flight",
        "streams/runtime/lane/lane.py",
        (
            Edit(
                "            await asyncio.wait([idle, self._task], timeout=HOLD_SECONDS, "
                "return_when=asyncio.FIRST_COMPLETED)\n",
                "",
            ),
        ),
        (f"{_REBALANCE}::test_a_rebalance_waits_for_the_turn_in_flight_and_none_begins_meanwhile",),
    ),
    Row(
        "A rebalance waits for no turn of a lane that leaves longer than a revoke does",
        "streams/runtime/transport/closing_lanes.py",
        (Edit("self._tasks.values(), timeout=HOLD_SECONDS", "self._tasks.values()"),),
        (f"{_PROCESS}::test_a_rebalance_waits_for_a_turn_that_lasts_no_longer_than_a_revoke",),
    ),
    Row(
        "A lane that comes back opens after its close",
        "streams/runtime/lane/lane.py",
        (Edit("                    await asyncio.wait([after])\n", "                    pass\n"),),
        (f"{_PROCESS}::test_a_rebalance_waits_for_a_turn_that_lasts_no_longer_than_a_revoke",),
    ),
    Row(
        "An error while a lane closes ends the process",
        "streams/runtime/transport/closing_lanes.py",
        (Edit("        if not done.cancelled() and (error", "        if False and (error"),),
        (f"{_PROCESS}::test_an_error_while_a_lane_closes_ends_the_process",),
    ),
    Row(
        "No turn begins during a rebalance",
        "streams/runtime/lane/open_lane.py",
        (Edit("            if self._phase.now is Phase.HELD:\n", "            if False:\n"),),
        (f"{_REBALANCE}::test_a_rebalance_waits_for_the_turn_in_flight_and_none_begins_meanwhile",),
    ),
    Row(
        "Every lane is held when partitions are revoked",
        "streams/runtime/transport/lane_assignment.py",
        (Edit("lane.hold() for lane in (*self._lanes.values(), *self._leaving))", "lane.hold() for lane in ())"),),
        (f"{_PROCESS}::test_every_lane_is_held_when_partitions_are_revoked",),
    ),
    Row(
        "Faust's offsets are not committed",
        "streams/runtime/transport/lane_assignment.py",
        (
            Edit(
                '        """Do nothing: the lanes commit, in transactions of their own (decision 0014)."""\n'
                "        return True\n",
                "        return bool(await self.consumer._commit(offsets))\n",
            ),
        ),
        (f"{_PROCESS}::test_what_faust_takes_for_done_is_not_committed",),
    ),
    Row(
        "A worker reads what is committed alone",
        "streams/runtime/transport/batching_thread.py",
        (
            Edit(
                "        remove_fetch_delays(consumer, _FETCH_WAIT_MS)\n        return consumer\n",
                "        remove_fetch_delays(consumer, _FETCH_WAIT_MS)\n"
                '        consumer._isolation_level = "read_uncommitted"\n        return consumer\n',
            ),
        ),
        (f"{_COUNTING}::test_a_source_full_of_transactions_kept_and_aborted_is_read_through",),
    ),
    Row(
        "A follower reads what is committed alone",
        "streams/runtime/transport/follower.py",
        (Edit('isolation_level="read_committed"', 'isolation_level="read_uncommitted"'),),
        (f"{_FOLLOWER}::test_it_applies_nothing_that_is_not_committed",),
    ),
    Row(
        "Readers on kafka-python read what is committed alone",
        "services/committed_reader.py",
        (Edit('isolation_level="read_committed"', 'isolation_level="read_uncommitted"'),),
        ("tests/integration/test_committed_reader.py::test_it_reads_what_is_committed_alone",),
    ),
    Row(
        "aiokafka's readers accept an emptied control batch",
        "streams/runtime/fetcher_patch.py",
        (Edit("return control is None or bool(", "return bool("),),
        (f"{_FETCHING}::test_an_emptied_marker_ends_what_its_producer_aborted_and_no_other",),
    ),
    Row(
        "kafka-python's readers accept an emptied control batch",
        "services/committed_reader.py",
        (Edit("return bool(emptied or super()", "return bool(super()"),),
        (f"{_FETCHING}::test_an_emptied_marker_ends_what_its_producer_aborted_and_no_other",),
    ),
    Row(
        "A follower accepts an emptied control batch",
        "streams/runtime/transport/follower.py",
        (Edit("        fetcher_patch.patch_aiokafka_fetcher()\n", ""),),
        ("tests/integration/test_control_batches.py::test_a_follower_has_the_records_on_both_sides_of_it",),
    ),
    Row(
        "A worker accepts an emptied control batch",
        "streams/runtime/transport/worker.py",
        (Edit("    patch_aiokafka_fetcher()\n", ""),),
        ("tests/unit/test_worker_reads.py::test_every_consumer_of_a_worker_reads_over_emptied_control_batches",),
    ),
    Row(
        "A rebalance at a stop waits for the turns in flight",
        "streams/runtime/transport/lane_assignment.py",
        (Edit("(*self._lanes.values(), *self._leaving)", "self._lanes.values()"),),
        (f"{_PROCESS}::test_a_rebalance_at_a_stop_waits_for_the_turns_in_flight",),
    ),
    Row(
        "A lane that is fenced while the group gives it away ends no process",
        "streams/runtime/lane/lane.py",
        (Edit("while self._phase.now is Phase.FENCED:", "while False:"),),
        (f"{_LANES}::test_a_lane_that_is_fenced_while_the_group_gives_it_away_ends_no_process",),
    ),
    Row(
        "A lane that is fenced and stays ends its process",
        "streams/runtime/lane/lane.py",
        (
            Edit(
                "        if self._phase.now is not Phase.CLOSING:\n            await self._end(",
                "        if False:\n            await self._end(",
            ),
        ),
        (f"{_LANES}::test_a_lane_that_is_fenced_and_stays_ends_its_process",),
    ),
)
