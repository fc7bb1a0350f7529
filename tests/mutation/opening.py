"""How a lane opens: fenced, restored as far as it is committed, refused where state and offsets do not fit."""

from tests.mutation.row import Edit, Row

_LANES = "tests/integration/test_runtime_lanes.py"
_OPENING = "tests/integration/test_runtime_opening.py"
_TRANSPORT = "tests/unit/test_lanes_of_a_process.py"

ROWS = (
    Row(
        "A lane fences its predecessor before it restores",
        "streams/runtime/opening.py",
        (
            Edit("    await writer.start()\n    lane.step(Step.FENCED)\n", ""),
            Edit("    lane.step(Step.RESTORED)\n", "    await writer.start()\n    lane.step(Step.RESTORED)\n"),
        ),
        (f"{_LANES}::test_a_lane_restores_what_was_committed_and_nothing_that_was_aborted",),
    ),
    Row(
        "Of two next offsets the larger wins: the changelog's",
        "streams/runtime/opening.py",
        (Edit("max(offset, offsets.get(topic, offset))", "offset"),),
        (f"{_OPENING}::test_where_the_changelog_is_further_than_the_group_it_counts",),
    ),
    Row(
        "Of two next offsets the larger wins: the group's",
        "streams/runtime/opening.py",
        (Edit("max(offset, offsets.get(topic, offset))", "offsets.get(topic, offset)"),),
        (f"{_OPENING}::test_where_the_group_is_further_than_the_changelog_it_counts",),
    ),
    Row(
        "A restore reads what is committed alone",
        "streams/runtime/changelog.py",
        (Edit('isolation_level="read_committed"', 'isolation_level="read_uncommitted"'),),
        (f"{_LANES}::test_a_lane_restores_what_was_committed_and_nothing_that_was_aborted",),
    ),
    Row(
        "A restore reads to the end of its changelog",
        "streams/runtime/changelog.py",
        (Edit("while position < end:", "while position < start:"),),
        (f"{_OPENING}::test_where_the_changelog_is_further_than_the_group_it_counts",),
    ),
    Row(
        "The position, which counts control records, says where a restore ends",
        "streams/runtime/changelog.py",
        (Edit("position = await consumer.position(source)", "position = start + records"),),
        (f"{_OPENING}::test_where_the_group_is_further_than_the_changelog_it_counts",),
    ),
    Row(
        "A changelog that a foreign open transaction hides is refused",
        "streams/runtime/changelog.py",
        (Edit("hangs_at=end if end < newest else None", "hangs_at=None"),),
        (f"{_OPENING}::test_a_changelog_whose_end_is_hidden_opens_no_lane",),
    ),
    Row(
        "State without an offset is refused",
        "streams/runtime/opening.py",
        (Edit("if (state.entries or state.timers) and not offsets", "if False and not offsets"),),
        (f"{_LANES}::test_state_without_an_offset_it_belongs_to_is_refused",),
    ),
    Row(
        "An offset whose state is gone is refused",
        "streams/runtime/opening.py",
        (Edit("if topic not in offsets and not is_accepted", "if False and not is_accepted"),),
        (f"{_OPENING}::test_an_offset_whose_state_is_gone_is_refused",),
    ),
    Row(
        "A log that starts beyond the next offset is refused",
        "streams/runtime/opening.py",
        (Edit("        if not is_accepted:\n            raise", "        if known < 0:\n            raise"),),
        (f"{_LANES}::test_a_log_that_starts_beyond_the_next_offset_is_refused_until_somebody_accepts_the_loss",),
    ),
    Row(
        "A loss that was accepted opens the lane where its log begins",
        "streams/runtime/opening.py",
        (Edit("        offsets[topic] = start\n", ""),),
        (f"{_LANES}::test_a_log_that_starts_beyond_the_next_offset_is_refused_until_somebody_accepts_the_loss",),
    ),
    Row(
        "A lane begins with a next offset for every source",
        "streams/runtime/opening.py",
        (Edit("offsets.setdefault(topic, start)", "offsets.get(topic, start)"),),
        (f"{_LANES}::test_a_new_lane_begins_where_its_log_does",),
    ),
    Row(
        "The next offset of a source that was never read is written before anything is worked off",
        "streams/runtime/opening.py",
        (Edit("if written.get(topic) != offset}", "if False}"),),
        (f"{_LANES}::test_a_log_whose_beginning_is_lost_before_a_record_was_read_is_refused",),
    ),
    Row(
        "A rebalance does not wait for lanes to open",
        "streams/runtime/transport.py",
        (Edit("lane.start(self._ready)\n", "lane.start(self._ready)\n                await lane.resolved.wait()\n"),),
        (f"{_TRANSPORT}::test_a_rebalance_does_not_wait_for_lanes_to_open",),
    ),
    Row(
        "A revoke cancels the opening of a lane",
        "streams/runtime/lanes.py",
        (Edit("                self._task.cancel()\n", "                pass\n"),),
        (f"{_TRANSPORT}::test_a_lane_that_leaves_while_it_opens_is_closed_at_once",),
    ),
    Row(
        "A member has a name for good only where it is given one",
        "streams/runtime/worker.py",
        (Edit("consumer_group_instance_id=instance", "consumer_group_instance_id=wiring.application"),),
        ("tests/integration/test_runtime_members.py::test_a_member_is_static_only_by_a_name_that_it_is_given",),
    ),
    Row(
        "A member that is given a name is static",
        "streams/runtime/worker.py",
        (Edit("consumer_group_instance_id=instance", "consumer_group_instance_id=None"),),
        ("tests/integration/test_runtime_members.py::test_a_member_is_static_only_by_a_name_that_it_is_given",),
    ),
)
