"""Calls that hang: each is noticed and interrupted, or it ends the process."""

from tests.mutation.row import Edit, Row

_WORK = "tests/integration/test_poison_work.py"
_WATCHDOG = "tests/unit/test_watchdog.py"

ROWS = (
    Row(
        "An effect that never ends is noticed",
        "streams/runtime/lane/effects.py",
        (Edit("asyncio.timeout(agent.effect_seconds)", "asyncio.timeout(None)"),),
        (f"{_WORK}::test_an_effect_that_never_ends_is_put_aside_and_the_others_are_done",),
    ),
    Row(
        "A lane that waits for trials of others hangs nowhere",
        "streams/runtime/watchdog.py",
        (Edit("is_in_turn = self._turns.pop(lane, None) is not None", "is_in_turn = lane in self._turns"),),
        (f"{_WATCHDOG}::test_a_lane_that_waits_for_others_hangs_nowhere",),
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
)
