"""The opening of a lane: fenced, restored as far as it is committed, refused if state and offsets do not fit."""

from tests.mutation.row import Edit, Row

_LANES = "tests/integration/test_runtime_lanes.py"
_OPENING = "tests/integration/test_runtime_opening.py"
_TRANSPORT = "tests/unit/test_lanes_of_a_process.py"
_ATTEMPTS = "tests/unit/test_opening_attempts.py"
_LOSSES = "tests/faults/test_losses.py"
_TAIL = "test_a_log_that_loses_its_tail_stops_its_lane_and_what_comes_next_is_not_skipped_as_done"
_GROUP = f"{_OPENING}::test_where_the_group_is_further_than_the_changelog_the_lane_refuses_until_the_loss_is_accepted"
_CUT = f"{_OPENING}::test_a_log_that_lost_its_tail_is_refused_also_once_it_has_grown_again_until_the_loss_is_accepted"

ROWS = (
    Row(
        "A lane fences its predecessor before it restores",
        "streams/runtime/lane/opening.py",
        (
            Edit("    await writer.start()\n    lane.step(Step.FENCED)\n", ""),
            Edit("    lane.step(Step.RESTORED)\n", "    await writer.start()\n    lane.step(Step.RESTORED)\n"),
        ),
        (f"{_LANES}::test_a_lane_restores_what_was_committed_and_nothing_that_was_aborted",),
    ),
    Row(
        "Where the changelog is further than the group, it counts",
        "streams/runtime/lane/opening.py",
        (Edit("max(offset, offsets.get(topic, offset))", "offset"),),
        (f"{_OPENING}::test_where_the_changelog_is_further_than_the_group_it_counts",),
    ),
    Row(
        "Where the group is further than the changelog, that lost its tail and is refused",
        "streams/runtime/lane/opening.py",
        (Edit("if offset > offsets.get(topic, offset) and not is_accepted:", "if offset < 0:"),),
        (_GROUP,),
    ),
    Row(
        "A changelog's lost tail that is accepted opens the lane at the group's offset",
        "streams/runtime/lane/opening.py",
        (Edit("max(offset, offsets.get(topic, offset))", "offsets.get(topic, offset)"),),
        (_GROUP,),
    ),
    Row(
        "A log that ends before the lane's next offset is refused",
        "streams/runtime/lane/log_ends.py",
        (Edit("if log.end < state.next_offsets.get(topic, log.end):", "if log.end < 0:"),),
        (_CUT,),
    ),
    Row(
        "A log that lost its tail is refused also once it has grown again",
        "streams/runtime/lane/opening.py",
        (Edit("        if cut != state.cut:\n", "        if not cut:\n"),),
        (_CUT,),
    ),
    Row(
        "A lost tail that is accepted is read again from where the log ended",
        "streams/runtime/lane/opening.py",
        (Edit("        offsets[topic] = end\n", ""),),
        (_CUT,),
    ),
    Row(
        "A lost tail is accepted once and for all",
        "streams/runtime/lane/opening.py",
        (Edit("[log_cut_note(topic, None) for topic in again]", "[]"),),
        (_CUT,),
    ),
    Row(
        "A lane that is given again what it has done asks whether its log lost its tail",
        "streams/runtime/lane/log_ends.py",
        (Edit("        if log.end < expected:\n", "        if log.end < 0:\n"),),
        (f"{_OPENING}::test_a_lane_that_reads_again_because_its_log_lost_its_tail_refuses",),
    ),
    Row(
        "A position that Kafka calls out of range is not passed over",
        "streams/runtime/transport/out_of_range_positions.py",
        (Edit("        state.out_of_range_at = state._position", "        state.in_range_at = state._position"),),
        (f"{_LOSSES}::{_TAIL}[while-it-runs]",),
    ),
    Row(
        "A position out of range that the lane has not reached tells of nothing that is done",
        "streams/runtime/lane/log_ends.py",
        (Edit("position <= self._state.next_offsets[topic] and", "position >= 0 and"),),
        (f"{_OPENING}::test_a_position_out_of_range_is_refused_where_the_lane_has_worked_up_to_it[beyond-the-lane]",),
    ),
    Row(
        "A log that lost its beginning has not lost its tail",
        "streams/runtime/lane/log_ends.py",
        (Edit(" and log.start <= position:", ":"),),
        (f"{_OPENING}::test_a_position_out_of_range_before_the_beginning_of_the_log_is_no_lost_tail",),
    ),
    Row(
        "A fetch begins anew where an accepted loss lets the lane begin",
        "streams/runtime/lane/lane.py",
        (Edit("        self.to_seek |= found.read_again\n", ""),),
        (f"{_LOSSES}::{_TAIL}[while-it-runs]",),
    ),
    Row(
        "An opening that makes no progress says so",
        "streams/runtime/lane/opening_watch.py",
        (Edit("            if stalled >= STALLED_SECONDS:\n", "            if stalled < 0:\n"),),
        (f"{_OPENING}::test_an_opening_that_makes_no_progress_says_so_and_goes_on",),
    ),
    Row(
        "A restore reads what is committed alone",
        "streams/runtime/lane/changelog.py",
        (Edit('isolation_level="read_committed"', 'isolation_level="read_uncommitted"'),),
        (f"{_LANES}::test_a_lane_restores_what_was_committed_and_nothing_that_was_aborted",),
    ),
    Row(
        "A restore reads to the end of its changelog",
        "streams/runtime/lane/changelog.py",
        (Edit("while position < end:", "while position < start:"),),
        (f"{_OPENING}::test_where_the_changelog_is_further_than_the_group_it_counts",),
    ),
    Row(
        "The position, which counts control records, says where a restore ends",
        "streams/runtime/lane/changelog.py",
        (Edit("position = await consumer.position(source)", "position = start + records"),),
        (_GROUP,),
    ),
    Row(
        "A changelog that a foreign open transaction hides is refused",
        "streams/runtime/lane/changelog.py",
        (Edit("hangs_at=end if end < newest else None", "hangs_at=None"),),
        (f"{_OPENING}::test_a_changelog_whose_end_is_hidden_opens_no_lane",),
    ),
    Row(
        "State without an offset is refused",
        "streams/runtime/lane/opening.py",
        (Edit("if (state.entries or state.timers) and not offsets", "if False and not offsets"),),
        (f"{_LANES}::test_state_without_an_offset_it_belongs_to_is_refused",),
    ),
    Row(
        "An offset whose state is gone is refused",
        "streams/runtime/lane/opening.py",
        (Edit("if topic not in offsets and not is_accepted", "if False and not is_accepted"),),
        (f"{_OPENING}::test_an_offset_whose_state_is_gone_is_refused",),
    ),
    Row(
        "A log that starts beyond the next offset is refused",
        "streams/runtime/lane/opening.py",
        (Edit("        if not is_accepted:\n            raise", "        if known < 0:\n            raise"),),
        (f"{_LANES}::test_a_log_that_starts_beyond_the_next_offset_is_refused_until_an_operator_accepts_the_loss",),
    ),
    Row(
        "A loss that was accepted opens the lane where its log begins",
        "streams/runtime/lane/opening.py",
        (Edit("        offsets[topic] = start\n", ""),),
        (f"{_LANES}::test_a_log_that_starts_beyond_the_next_offset_is_refused_until_an_operator_accepts_the_loss",),
    ),
    Row(
        "A lane begins with a next offset for every source",
        "streams/runtime/lane/opening.py",
        (Edit("offsets.setdefault(topic, start)", "offsets.get(topic, start)"),),
        (f"{_LANES}::test_a_new_lane_begins_where_its_log_does",),
    ),
    Row(
        "The next offset of a source that was never read is written before anything is worked off",
        "streams/runtime/lane/opening.py",
        (Edit("if written.get(topic) != offset}", "if False}"),),
        (f"{_LANES}::test_a_log_whose_beginning_is_lost_before_a_record_was_read_is_refused",),
    ),
    Row(
        "A rebalance does not wait for lanes to open",
        "streams/runtime/transport/lane_assignment.py",
        (
            Edit(
                "self._closing.of((group.name, partition)))\n",
                "self._closing.of((group.name, partition)))\n                await lane.resolved.wait()\n",
            ),
        ),
        (f"{_TRANSPORT}::test_a_rebalance_does_not_wait_for_lanes_to_open",),
    ),
    Row(
        "A revoke cancels the opening of a lane",
        "streams/runtime/lane/lane.py",
        (Edit("await cancel_until_done(self._task)", "await asyncio.wait([self._task])"),),
        (f"{_TRANSPORT}::test_a_lane_that_leaves_while_it_opens_is_closed_at_once",),
    ),
    Row(
        "A lane whose cancellation is swallowed is cancelled again",
        "streams/runtime/cancelling.py",
        (Edit("timeout=AGAIN_SECONDS", "timeout=None"),),
        (f"{_TRANSPORT}::test_a_lane_whose_cancellation_is_swallowed_is_cancelled_again",),
    ),
    Row(
        "An opening that a library cuts off begins anew",
        "streams/runtime/lane/opening_watch.py",
        (Edit("        return LibraryCancelled()\n", "        return None\n"),),
        (f"{_OPENING}::test_an_opening_that_its_client_cuts_off_or_stalls_begins_anew[cut off]",),
    ),
    Row(
        "An opening that Kafka cuts off begins anew",
        "streams/runtime/lane/opening_watch.py",
        (Edit("    return error if may_pass else None\n", "    return None\n"),),
        (f"{_ATTEMPTS}::test_an_attempt_that_kafka_cuts_off_begins_anew",),
    ),
    Row(
        "An opening that stalls begins anew",
        "streams/runtime/lane/opening_watch.py",
        (Edit("        if left <= 0:\n            return False\n", "        left = None if left <= 0 else left\n"),),
        (f"{_OPENING}::test_an_opening_that_its_client_cuts_off_or_stalls_begins_anew[stalls]",),
    ),
    Row(
        "An opening that stalls has a new producer",
        "streams/runtime/lane/transaction.py",
        (Edit("self._producer, self._is_started = self._new_producer(), False", "self._is_started = False"),),
        (f"{_OPENING}::test_an_opening_that_its_client_cuts_off_or_stalls_begins_anew[stalls]",),
    ),
    Row(
        "Offsets that the group's coordinator does not tell are not absent",
        "streams/runtime/lane/transaction.py",
        (Edit("if any(source not in offsets for source in wanted):", "if False:"),),
        ("tests/unit/test_transactional_writer.py::test_offsets_that_the_coordinator_does_not_tell_are_not_absent",),
    ),
    Row(
        "A lane whose work a library cancels ends its process",
        "streams/runtime/lane/lane.py",
        (Edit("            with cancellation_as_error():\n", "            if True:\n"),),
        (f"{_OPENING}::test_a_lane_whose_work_a_library_cancels_ends_its_process",),
    ),
    Row(
        "A member has a name for good only where it is given one",
        "streams/runtime/transport/worker.py",
        (Edit("consumer_group_instance_id=instance", "consumer_group_instance_id=config.application"),),
        ("tests/integration/test_runtime_members.py::test_a_member_is_static_only_by_a_name_that_it_is_given",),
    ),
    Row(
        "A member that is given a name is static",
        "streams/runtime/transport/worker.py",
        (Edit("consumer_group_instance_id=instance", "consumer_group_instance_id=None"),),
        ("tests/integration/test_runtime_members.py::test_a_member_is_static_only_by_a_name_that_it_is_given",),
    ),
    Row(
        "A lane whose changelog has an open transaction opens once that has ended",
        "streams/runtime/lane/lane.py",
        (
            Edit(
                "                    await asyncio.sleep(_OPEN_AGAIN_SECONDS)\n",
                "                    await asyncio.Event().wait()\n",
            ),
        ),
        (f"{_LOSSES}::test_a_lane_whose_changelog_has_an_open_transaction_works_nothing_off_and_the_others_go_on",),
    ),
)
