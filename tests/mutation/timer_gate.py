"""Timers that act on an absent record wait until the lane has read the earlier records."""

from tests.mutation.row import Edit, Row

_GATE = "streams/runtime/lane/timer_gate.py"
_LANES = "streams/runtime/lane/open_lane.py"
_TURNS = "streams/runtime/lane/slices.py"
_WAITS = "tests/unit/test_timer_gate.py"
_FOLLOW = "tests/integration/test_timers_follow.py"
_CALLED_OFF = f"{_FOLLOW}::test_a_timer_that_is_called_off_by_what_had_come_before_it_does_nothing"
_NO_TURN = f"{_FOLLOW}::test_what_a_timer_waits_for_waits_for_no_routine_turn"

ROWS = (
    Row(
        "Timers wait until the lane has read the topics that they follow",
        _LANES,
        (Edit("return gate.seconds_to_wait(now, self._state.next_offsets)", "return 0.0"),),
        (_CALLED_OFF,),
    ),
    Row(
        "What due timers wait for comes before all",
        _LANES,
        (Edit("if self._pending.timer_gate.waits_for(topic))\n", "if False)\n"),),
        (_CALLED_OFF,),
    ),
    Row(
        "What due timers wait for makes room for nothing more urgent",
        _TURNS,
        (
            Edit(
                "if topic in self._lane.group.urgent or self._comes_first(topic):",
                "if topic in self._lane.group.urgent:",
            ),
        ),
        (_CALLED_OFF,),
    ),
    Row(
        "What due timers wait for waits for no routine turn",
        _LANES,
        (Edit("        return self._pending.timer_gate.waits_for(topic)\n", "        return False\n"),),
        (_NO_TURN,),
    ),
    Row(
        "Only what was answered after a timer was due says what had come",
        _GATE,
        (Edit("_RESPONSES = 3\n", "_RESPONSES = 0\n"),),
        (f"{_WAITS}::test_nothing_that_was_answered_before_a_timer_was_due_counts",),
    ),
    Row(
        "One answer may have lain in the socket",
        _GATE,
        (Edit("_RESPONSES = 3\n", "_RESPONSES = 2\n"),),
        (f"{_WAITS}::test_nothing_that_was_answered_before_a_timer_was_due_counts",),
    ),
    Row(
        "Timers wait for what was fetched to be worked off",
        _GATE,
        (Edit("return next_offsets.get(topic, 0) < self._goals[topic]", "return False"),),
        (f"{_WAITS}::test_what_had_come_by_then_is_worked_off_first",),
    ),
    Row(
        "Timers do not wait for what comes later",
        _GATE,
        (Edit("self._ends.setdefault(topic, progress.end)", "progress.end"),),
        (f"{_WAITS}::test_what_comes_later_is_not_waited_for",),
    ),
    Row(
        "What was due when it was looked for goes, and no more",
        _LANES,
        (Edit("as_of = gate.due_at or self._lane.now()", "as_of = self._lane.now()"),),
        (f"{_FOLLOW}::test_a_timer_that_came_due_during_the_wait_of_another_has_a_wait_of_its_own",),
    ),
    Row(
        "A topic that is not answered stops no timer for good",
        _GATE,
        (Edit("        if left > 0.0:\n", "        if True:\n"),),
        (f"{_WAITS}::test_a_topic_that_is_not_answered_while_another_is_holds_timers_for_a_while_alone",),
    ),
    Row(
        "DECIDE's timers follow deliveries and the outcomes of reviews",
        "streams/app.py",
        (Edit("            timers_follow=frozenset((TopicName.REVIEW_OUTCOMES, TopicName.DELIVERIES)),\n", ""),),
        ("tests/unit/test_lane_groups.py::test_no_limit_of_a_report_or_review_passes_before_what_came_of_it_is_read",),
    ),
)
