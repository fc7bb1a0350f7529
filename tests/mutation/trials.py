"""Trials: work on which process after process dies is put aside, and nothing is done beside work on trial."""

from tests.mutation.row import Edit, Row

_TRIALS = "tests/integration/test_trials.py"
_HANG = "tests/faults/test_agents_that_hang.py"
_DIES = f"{_HANG}::test_a_timer_effect_or_entry_at_which_the_process_dies_is_put_aside_and_all_others_are_done"

ROWS = (
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
