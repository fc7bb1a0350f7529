"""Items: effects and their slots, and timers that wait neither behind ended entries nor behind a stream of results."""

from tests.mutation.row import Edit, Row

_WORK = "tests/integration/test_poison_work.py"
_TIMERS = "tests/integration/test_runtime_timers.py"

ROWS = (
    Row(
        "An effect that a library cancels is not forgotten",
        "streams/runtime/lane/effects.py",
        (Edit("            if not self._is_cancelled:\n", "            if False:\n"),),
        (
            "tests/integration/test_runtime_effects.py::test_an_effect_that_fails_ends_the_process_and_is_owed_by_its_successor[cancelled-EffectCancelled]",
        ),
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
)
