"""Turns: all of a batch or none of it, fitting positions, put-aside records, timers and effects."""

from tests.mutation.row import Edit, Row

_LANES = "tests/integration/test_runtime_lanes.py"
_KILLED = "tests/integration/test_runtime_killed_lane.py"
_COUNTING = "tests/integration/test_runtime_counting.py"
_ISOLATION = "tests/integration/test_poison_records.py"
_POSITIONS = "tests/integration/test_batching_thread.py"
_REBALANCE = "tests/integration/test_runtime_rebalance.py"
_TIMERS = "tests/integration/test_runtime_timers.py"
_COMMITTED = "tests/integration/test_runtime_after_commit.py"

#: Mutation: the effects of timers and of other effects are performed before their turn is committed.
_BEFORE_COMMIT = Edit(
    "            await self._commits.commit(turn, {})\n",
    "            for effect, _ in turn.effects:\n                await self._poison.agent.perform(effect)\n"
    "            await self._commits.commit(turn, {})\n",
)

ROWS = (
    Row(
        "An entry that is put anew in the turn that drops ended ones stays",
        "streams/runtime/lane/turn_commit.py",
        (Edit("turn.changes.setdefault(key, None)", "turn.changes[key] = None"),),
        ("tests/unit/test_turn_commit.py::test_an_entry_that_is_put_anew_in_the_turn_that_drops_ended_ones_stays",),
    ),
    Row(
        "A record that cannot be decoded is rejected",
        "streams/runtime/lane/slices.py",
        (Edit("                    turn.reject(record, invalid)\n", "                    del invalid\n"),),
        (f"{_COUNTING}::test_what_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on",),
    ),
    Row(
        "State changes are in the transaction of their turn",
        "streams/runtime/lane/turn_commit.py",
        (Edit("chain(turn_records(turn), notes)", "notes"),),
        (f"{_KILLED}::test_a_lane_that_dies_after_a_step_loses_and_doubles_nothing[committed]",),
    ),
    Row(
        "The next offsets are in the changelog too",
        "streams/runtime/lane/turn_commit.py",
        (Edit("notes = chain(offset_records(unwritten), (", "notes = chain((), ("),),
        (f"{_LANES}::test_where_the_group_has_forgotten_the_offsets_the_changelog_has_them",),
    ),
    Row(
        "The next offsets are in the same transaction as the outputs",
        "streams/runtime/lane/turn_commit.py",
        (
            Edit(
                "        outputs = [*outputs, *self._to_changelog(notes)]\n",
                "        if outputs:\n            await self._writer.deliver(outputs, {}, self._lane.step)\n"
                "        outputs = list(self._to_changelog(notes))\n",
            ),
        ),
        (f"{_KILLED}::test_a_lane_that_dies_after_a_step_loses_and_doubles_nothing[committed]",),
    ),
    Row(
        "A turn changes a working copy of the state",
        "streams/runtime/agent.py",
        (
            Edit(
                "        self.changes[key] = value\n        if until",
                "        self.changes[key] = self._state[key] = value\n        if until",
            ),
        ),
        (f"{_KILLED}::test_a_turn_that_was_dropped_leaves_no_state",),
    ),
    Row(
        "What an agent raises is not passed over",
        "streams/runtime/lane/slices.py",
        (
            Edit(
                "            raise TurnRaised(batch, part[-1].offset + 1) from error\n",
                "            assert error\n",
            ),
        ),
        (f"{_COUNTING}::test_a_turn_that_fails_ends_the_process_and_nothing_of_it_is_seen[handle]",),
    ),
    Row(
        "A batch that raises again is halved",
        "streams/runtime/lane/isolation.py",
        (Edit("if len(part) > 1:", "if len(part) > 1_000:"),),
        (f"{_ISOLATION}::test_the_one_record_ends_in_rejected_and_all_others_are_done[37]",),
    ),
    Row(
        "A record that is put aside has the error's class with it",
        "streams/runtime/lane/poison_work.py",
        (Edit("PoisonRecord(type(error).__name__)", 'PoisonRecord("Exception")'),),
        (f"{_ISOLATION}::test_the_one_record_ends_in_rejected_and_all_others_are_done[0]",),
    ),
    Row(
        "A hole before a batch is not stepped over",
        "streams/runtime/lane/turns.py",
        (Edit("if batch.begin > expected:", "if batch.begin < 0:"),),
        (f"{_LANES}::test_a_hole_is_not_stepped_over",),
    ),
    Row(
        "What was done already is skipped",
        "streams/runtime/lane/turns.py",
        (Edit("if record.offset >= expected]", "if record.offset >= 0]"),),
        (f"{_LANES}::test_what_is_fetched_again_is_worked_off_once",),
    ),
    Row(
        "A turn commits the position after its batch, control records included",
        "streams/runtime/lane/queues.py",
        (Edit("            return batch.end\n", "            return batch.records[-1].offset + 1\n"),),
        (f"{_POSITIONS}::test_control_records_after_the_last_record_are_passed_with_it",),
    ),
    Row(
        "What will be done by then is not decoded ahead",
        "streams/runtime/lane/slices.py",
        (Edit(" if record.offset >= begin]", " if record.offset >= 0 * begin]"),),
        (f"{_REBALANCE}::test_what_waits_at_a_rebalance_and_is_fetched_again_is_decoded_and_worked_off_once",),
    ),
    Row(
        "A batch of which all is done moves the position after it",
        "streams/runtime/lane/turns.py",
        (Edit("max(expected, batch.end)", "expected"),),
        (f"{_POSITIONS}::test_a_fetch_of_records_that_are_done_moves_the_position_after_them",),
    ),
    Row(
        "Timers are in the changelog",
        "streams/runtime/lane/state.py",
        (
            Edit(
                "        yield ChangelogRecord(_TIMER + name, None if timer is None else _timer(timer))\n",
                "        del timer\n",
            ),
        ),
        (f"{_TIMERS}::test_a_timer_that_came_due_without_a_process_is_due_at_the_next_opening",),
    ),
    Row(
        "A timer that was due is gone with its turn",
        "streams/runtime/lane/items.py",
        (Edit("        turn.unschedule(name)\n", ""),),
        (f"{_TIMERS}::test_a_timer_is_due_once_after_its_time_in_its_own_trace",),
    ),
    Row(
        "A small batch is worked off at once",
        "streams/runtime/lane/open_lane.py",
        (
            Edit(
                "has_batch = self._next_topic() is not None",
                "has_batch = sum(self._pending.queues.waiting_bytes().values()) > 100_000",
            ),
        ),
        (f"{_LANES}::test_a_few_records_are_one_turn_though_urgent_work_may_be_on_its_way",),
    ),
    Row(
        "An open transaction is ended after six seconds",
        "streams/runtime/lane/transaction.py",
        (Edit("TRANSACTION_TIMEOUT_MS = 6_000", "TRANSACTION_TIMEOUT_MS = 60_000"),),
        (f"{_POSITIONS}::test_an_open_transaction_hides_what_others_commit_for_seconds_at_most",),
    ),
    Row(
        "The broker looks for open transactions every second",
        "infra/broker/configuration.py",
        (Edit('cleanup.interval.ms": "1000"', 'cleanup.interval.ms": "60000"'),),
        (f"{_POSITIONS}::test_an_open_transaction_hides_what_others_commit_for_seconds_at_most",),
    ),
    Row(
        "An error of a lane ends its process",
        "streams/runtime/lane/lane.py",
        (
            Edit(
                "        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process\n"
                "            await self._end(error)\n",
                "        except BaseException as error:  # noqa: BLE001\n"
                "            _log.error('stays', **describe(error))\n",
            ),
        ),
        (f"{_LANES}::test_a_hole_is_not_stepped_over",),
    ),
    Row(
        "An effect of a batch begins after its turn is committed",
        "streams/runtime/lane/turns.py",
        (
            Edit(
                "                await self._commit_decoding_ahead(turn, batch.topic, end)\n",
                "                for effect, _ in turn.effects:\n"
                "                    await self._poison.agent.perform(effect)\n"
                "                await self._commit_decoding_ahead(turn, batch.topic, end)\n",
            ),
        ),
        (f"{_COMMITTED}::test_an_effect_begins_once_its_turn_is_committed[handle]",),
    ),
    Row(
        "An effect of a settled turn begins after that turn is committed",
        "streams/runtime/lane/item_turns.py",
        (_BEFORE_COMMIT,),
        (f"{_COMMITTED}::test_an_effect_begins_once_its_turn_is_committed[settled]",),
    ),
    Row(
        "An effect of a due turn begins after that turn is committed",
        "streams/runtime/lane/item_turns.py",
        (_BEFORE_COMMIT,),
        (f"{_COMMITTED}::test_an_effect_begins_once_its_turn_is_committed[due]",),
    ),
)
