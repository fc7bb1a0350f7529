"""Poison work is put aside, one by one; hung calls are noticed; timers do not wait behind ended entries."""

from tests.mutation.row import Edit, Row

_ISOLATION = "tests/integration/test_poison_records.py"
_TRIALS = "tests/integration/test_trials.py"
_WORK = "tests/integration/test_poison_work.py"
_TIMERS = "tests/integration/test_runtime_timers.py"
_WATCHDOG = "tests/unit/test_watchdog.py"
_HANG = "tests/faults/test_agents_that_hang.py"
_LOSSES = "tests/faults/test_losses.py"
_DIES = f"{_HANG}::test_a_timer_effect_or_entry_at_which_the_process_dies_is_put_aside_and_all_others_are_done"
_AGAIN = f"{_WORK}::test_what_raises_again_in_the_next_process_is_put_aside_whole_and_handed_over"

ROWS = (
    Row(
        "The first error of an agent on a record ends the process",
        "streams/runtime/lane/turns.py",
        (Edit("            if not self._poison.is_careful:\n                raise\n", ""),),
        (f"{_ISOLATION}::test_what_raised_once_and_not_again_is_done_whole",),
    ),
    Row(
        "The first error of an agent on a timer ends the process",
        "streams/runtime/lane/item_turns.py",
        (Edit("            if not self._poison.is_careful:\n                raise\n", ""),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "A lane that ended its process is careful afterwards, so it ends it once",
        "streams/runtime/lane/poison_work.py",
        (Edit("return self._state.last_error is not None and is_recent(", "return False and is_recent("),),
        (f"{_WORK}::test_one_lane_ends_its_process_once_for_records_timers_and_effects_together",),
    ),
    Row(
        "A result on which the agent raises is put aside",
        "streams/runtime/lane/item_turns.py",
        (Edit("            self._start(await self._alone(item))\n", "            del number\n"),),
        (f"{_AGAIN}[settled-effect-owed bad]",),
    ),
    Row(
        "An effect that raises while it is performed is put aside",
        "streams/runtime/lane/effects.py",
        (
            Edit(
                "            self._add(effect_raised(effect, error, origin))\n",
                '            end_process("effect", error)\n',
            ),
        ),
        (f"{_AGAIN}[perform-effect-owed bad]",),
    ),
    Row(
        "An effect that a library cancels is not forgotten",
        "streams/runtime/lane/effects.py",
        (Edit("            if not self._is_cancelled:\n", "            if False:\n"),),
        (
            "tests/integration/test_runtime_effects.py::test_an_effect_that_fails_ends_the_process_and_is_owed_by_its_successor[cancelled-EffectCancelled]",
        ),
    ),
    Row(
        "An entry that cannot be resumed is put aside",
        "streams/runtime/lane/items.py",
        (Edit("    return Item(do, entry=key)\n", "    return Item(do)\n"),),
        (f"{_WORK}::test_an_entry_that_cannot_be_resumed_is_put_aside_and_the_others_are",),
    ),
    Row(
        "What is put aside is kept whole",
        "streams/runtime/lane/poison_work.py",
        (Edit("            turn.outputs.append(self._whole(work, turn))\n", ""),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "What is put aside is gone from the state",
        "streams/runtime/lane/poison_work.py",
        (Edit("                turn.drop(key)\n", "                pass\n"),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "The agent hands what is put aside over",
        "streams/runtime/lane/poison_work.py",
        (Edit("                self.agent.put_aside(work, turn, item.origin)\n", "                pass\n"),),
        (f"{_AGAIN}[perform-effect-owed bad]",),
    ),
    Row(
        "Work is put aside where the agent raises on handing it over too",
        "streams/runtime/lane/poison_work.py",
        (Edit("            put_aside(turn, with_agent=False)\n", "            raise\n"),),
        (f"{_WORK}::test_work_is_put_aside_even_if_the_agent_raises_on_handing_it_over",),
    ),
    Row(
        "What is put aside is counted over restarts",
        "streams/runtime/lane/poison_work.py",
        (Edit("return put_aside_note(self._state.put_aside)", "return put_aside_note([])"),),
        (f"{_WORK}::test_what_is_put_aside_is_counted_over_restarts_and_a_lane_that_goes_on_so_refuses",),
    ),
    Row(
        "What is put aside is counted as a rate",
        "streams/runtime/lane/poison_errors.py",
        (Edit("PUT_ASIDE_SECONDS = 3_600.0", "PUT_ASIDE_SECONDS = 1e9"),),
        (f"{_ISOLATION}::test_what_was_put_aside_an_hour_ago_does_not_count",),
    ),
    Row(
        "A lane whose agent keeps raising refuses, and its process goes on",
        "streams/runtime/lane/poison_work.py",
        (Edit("class KeepsRaising(LaneRefused):", "class KeepsRaising(RuntimeError):"),),
        (f"{_ISOLATION}::test_where_most_records_raise_it_is_the_code_and_the_lane_refuses",),
    ),
    Row(
        "A record on which process after process dies is put aside",
        "streams/runtime/lane/isolation.py",
        (Edit("        if tries >= MOST_TRIES:\n", "        if tries >= 1_000:\n"),),
        (
            f"{_HANG}::test_a_record_at_which_the_process_hangs_or_dies_is_put_aside_and_all_others_count[seed-20260203-die]",
        ),
    ),
    Row(
        "A timer on which process after process dies is put aside",
        "streams/runtime/lane/item_trials.py",
        (Edit("        if tries >= MOST_TRIES:\n", "        if tries >= 1_000:\n"),),
        (f"{_DIES}[timer-dies]",),
    ),
    Row(
        "Items are noted where process after process ends without a word",
        "streams/runtime/lane/item_trials.py",
        (Edit("            await self._commits.write_notes(item_trial_note(noted))\n", ""),),
        (f"{_DIES}[timer-dies]",),
    ),
    Row(
        "An effect that never ends is noticed",
        "streams/runtime/lane/effects.py",
        (Edit("asyncio.timeout(agent.effect_seconds)", "asyncio.timeout(None)"),),
        (f"{_WORK}::test_an_effect_that_never_ends_is_put_aside_and_the_others_are_done",),
    ),
    Row(
        "Offsets beyond what was fetched stay suspected",
        "streams/runtime/lane/isolation.py",
        (Edit("is_over = suspect is not None and done >= suspect.end", "is_over = suspect is not None"),),
        (f"{_WORK}::test_offsets_beyond_what_was_fetched_stay_suspected",),
    ),
    Row(
        "An effect waits for its slot beside all others, however many they are",
        "streams/runtime/lane/effects.py",
        (
            Edit("                await stack.enter_async_context(self._at_once)\n", ""),
            Edit("async with AsyncExitStack() as stack:", "async with self._at_once, AsyncExitStack() as stack:"),
        ),
        (f"{_WORK}::test_no_effect_waits_for_others_before_its_agent_may_say_which_is_first",),
    ),
    Row(
        "A timer does not wait while its lane waits for a turn",
        "streams/runtime/lane/open_lane.py",
        (Edit("(self._has_items() and not self._had_items)", "(bool(self._pending.items) and not self._had_items)"),),
        (f"{_WORK}::test_a_timer_that_comes_due_while_its_lane_waits_for_a_turn_is_not_late",),
    ),
    Row(
        "A lane that waits for a turn is woken when its timer comes due",
        "streams/runtime/lane/open_lane.py",
        (Edit("call_later(until_due + _LATER_SECONDS, ", "call_later(until_due + 100, "),),
        (f"{_WORK}::test_a_timer_that_comes_due_while_its_lane_waits_for_a_turn_is_not_late",),
    ),
    Row(
        "An effect in its slot is on trial while it is performed",
        "streams/runtime/lane/item_turns.py",
        (Edit("                begun += [item.performing for item in part if item.performing is not None]\n", ""),),
        (f"{_DIES}[effect-in-its-slot-dies]",),
    ),
    Row(
        "An effect that began is on trial while it is performed",
        "streams/runtime/lane/item_turns.py",
        (Edit("                await self._trials.wait_for(begun)\n", ""),),
        (f"{_DIES}[effect-dies]",),
    ),
    Row(
        "A lane that waits for trials of others hangs nowhere",
        "streams/runtime/watchdog.py",
        (Edit("is_in_turn = self._turns.pop(lane, None) is not None", "is_in_turn = lane in self._turns"),),
        (f"{_WATCHDOG}::test_a_lane_that_waits_for_others_hangs_nowhere",),
    ),
    Row(
        "A lane that goes on counts no openings",
        "streams/runtime/lane/turn_commit.py",
        (
            Edit(
                "chain(offset_records(unwritten), (openings_note(topic, 0) for topic in moving))",
                "offset_records(unwritten)",
            ),
        ),
        (f"{_ISOLATION}::test_a_lane_that_goes_on_counts_no_openings_and_one_that_does_not_counts_each",),
    ),
    Row(
        "A call that hangs is interrupted",
        "streams/runtime/watchdog.py",
        (
            Edit(
                "                self._interrupted = call[0]\n                self._interrupt()\n",
                "                self._interrupted = call[0]\n",
            ),
        ),
        (f"{_WATCHDOG}::test_a_call_that_waits_in_native_code_ends_the_process",),
    ),
    Row(
        "A call that cannot be interrupted ends the process",
        "streams/runtime/watchdog.py",
        (Edit('            self._end_lane(call[1], "a call into its agent did not return")\n', "            pass\n"),),
        (f"{_WATCHDOG}::test_a_call_that_waits_in_native_code_ends_the_process",),
    ),
    Row(
        "A turn without progress ends the process",
        "streams/runtime/watchdog.py",
        (Edit('                self._end_lane(lane, "its turn made no progress")\n', "                pass\n"),),
        (f"{_WATCHDOG}::test_a_turn_without_progress_ends_the_process_and_one_with_progress_does_not",),
    ),
    Row(
        "A process that was frozen as a whole hung nowhere",
        "streams/runtime/watchdog.py",
        (
            Edit(
                "        self._looks += 1\n",
                "        import time\n\n        self._looks = int(time.monotonic() / self._seconds * _LOOKS)\n",
            ),
        ),
        (f"{_WATCHDOG}::test_a_process_that_was_frozen_saw_no_looks_and_hung_nowhere",),
    ),
    Row(
        "An event loop that an effect keeps from going round is interrupted",
        "streams/runtime/watchdog.py",
        (
            Edit(
                "                self._beat_interrupted = beat\n                self._interrupt()\n",
                "                self._beat_interrupted = beat\n",
            ),
        ),
        (f"{_WATCHDOG}::test_an_event_loop_that_cannot_be_interrupted_ends_the_process",),
    ),
    Row(
        "A timer does not wait behind entries that have ended",
        "streams/runtime/lane/open_lane.py",
        (
            Edit(
                "(until_due is not None and until_due <= 0.0)",
                "(until_due is not None and until_due <= 0.0 and self._state.next_end() is None)",
            ),
            Edit(
                "self._swept_at = time.monotonic() - (_SWEEP_SECONDS if len(ended) == _ENDED_AT_ONCE else 0.0)",
                "self._swept_at = time.monotonic()",
            ),
        ),
        (f"{_TIMERS}::test_a_timer_does_not_wait_behind_entries_that_have_ended",),
    ),
    Row(
        "A stream of results keeps neither timers nor records waiting",
        "streams/runtime/lane/open_lane.py",
        (Edit("        self._had_items = True\n", ""),),
        (f"{_WORK}::test_a_stream_of_results_keeps_neither_timers_nor_records_waiting",),
    ),
    Row(
        "A hold leaves the rest of what is isolated for afterwards",
        "streams/runtime/lane/isolation.py",
        (Edit("        if rest:\n", "        if not parts and rest:\n"),),
        (f"{_ISOLATION}::test_a_hold_while_records_are_isolated_leaves_the_rest_for_afterwards",),
    ),
    Row(
        "Ended entries go as fast as an idle lane can drop them",
        "streams/runtime/lane/open_lane.py",
        (
            Edit(
                "self._swept_at = time.monotonic() - (_SWEEP_SECONDS if len(ended) == _ENDED_AT_ONCE else 0.0)",
                "self._swept_at = time.monotonic()",
            ),
        ),
        (f"{_TIMERS}::test_a_timer_does_not_wait_behind_entries_that_have_ended",),
    ),
    Row(
        "A busy lane drops more entries than it keeps",
        "streams/runtime/lane/turn_commit.py",
        (Edit("_ENDED_WITH_A_TURN + 2 * len(turn.expiries)", "1"),),
        (f"{_TIMERS}::test_a_lane_that_is_never_idle_drops_more_entries_than_it_keeps",),
    ),
    Row(
        "An effect waits for its slot",
        "streams/runtime/lane/effects.py",
        (Edit("                    await stack.enter_async_context(slot)\n", "                    pass\n"),),
        (f"{_WORK}::test_an_effect_begins_once_its_start_is_committed_and_holds_its_slot",),
    ),
    Row(
        "An effect with a slot begins once its start is committed",
        "streams/runtime/lane/effects.py",
        (Edit("        return await begins\n", "        return True\n"),),
        (f"{_WORK}::test_an_effect_begins_once_its_start_is_committed_and_holds_its_slot",),
    ),
    Row(
        "A lane that closes gives the slots of its effects back",
        "streams/runtime/lane/effects.py",
        (Edit("            task.cancel()\n", "            pass\n"),),
        (f"{_WORK}::test_a_lane_that_closes_gives_the_slots_of_its_effects_back",),
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
    Row(
        "Work is put aside also where what hands it over cannot be written",
        "streams/runtime/lane/poison_work.py",
        (
            Edit(
                "            turn = self.without_agent()\n            try:\n",
                "            turn = self.turn\n            try:\n",
            ),
        ),
        (f"{_WORK}::test_work_is_put_aside_even_if_its_hand_over_cannot_be_written",),
    ),
    Row(
        "A lane that cannot put its work aside refuses alone",
        "streams/runtime/lane/poison_work.py",
        (Edit('raise CannotPutAside(f"lane {self.lane.name}: {again}") from again', "raise"),),
        (f"{_WORK}::test_a_lane_that_cannot_put_its_work_aside_refuses_and_its_process_stays",),
    ),
    Row(
        "A lane whose agent cannot be made anew refuses alone",
        "streams/runtime/lane/poison_work.py",
        (Edit("            raise WorkRaised from error\n", "            raise\n"),),
        (f"{_WORK}::test_a_lane_whose_agent_cannot_be_made_anew_refuses_and_its_process_stays",),
    ),
    Row(
        "No record is worked on while another lane's is on trial",
        "streams/runtime/lane/slices.py",
        (
            Edit("                    await trials.wait_until_free()\n", "                    pass\n"),
            Edit("if trials.is_on and not on_trial:", "if False:"),
        ),
        (f"{_TRIALS}::test_no_other_record_is_worked_on_meanwhile",),
    ),
    Row(
        "No result is worked on while another lane's record is on trial",
        "streams/runtime/lane/item_turns.py",
        (Edit("                await self._lane.host.trials.wait_until_free()\n", "                pass\n"),),
        (f"{_TRIALS}::test_no_result_is_worked_on_meanwhile",),
    ),
    Row(
        "A record that is worked off alone is on trial",
        "streams/runtime/lane/isolation.py",
        (Edit("self._lane.trial() if singly else nullcontext()", "nullcontext()"),),
        (f"{_TRIALS}::test_a_lane_that_works_single_records_off_has_each_on_trial_until_it_is_committed",),
    ),
)
