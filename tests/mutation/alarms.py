"""What is promised of alarms: one for each cause and step, one all-clear, and nothing lost."""

from tests.mutation.row import Edit, Row

_AGENT = "streams/agents/alarms.py"
_DOMAIN = "streams/domain/alarms.py"
_LANE = "tests/unit/test_alarms_agent.py::"
_TABLE = "tests/unit/test_alarms.py::test_one_alarm_a_step_and_one_all_clear"
_REVIEWS = "tests/unit/test_decide_alarms.py::"
_WRITER = "tests/integration/test_alarm_writer.py::"

ROWS = (
    Row(
        "Alarm: what was over before a call is in none",
        _DOMAIN,
        (Edit("if status is None or status.known_step is None:", "if status is None:"),),
        (_TABLE,),
    ),
    Row(
        "Alarm: a step that the receiver knows is a repeat",
        _DOMAIN,
        (Edit("self.step > self.known_step", "self.step >= self.known_step"),),
        (_TABLE,),
    ),
    Row(
        "Alarm: a crash repeats the call",
        _AGENT,
        (Edit("            turn.start(call, cause=_NO_CAUSE)\n        else:", "            pass\n        else:"),),
        (_LANE + "test_a_crash_repeats_the_call_under_its_key",),
    ),
    Row(
        "Alarm: the next call waits for the pause",
        _AGENT,
        (Edit(" or turn.get(_PAUSE) is not None:", ":"),),
        (_LANE + "test_the_first_alarm_goes_at_once_and_the_next_five_seconds_later",),
    ),
    Row(
        "Alarm: what a call lists is in no other",
        _AGENT,
        (Edit("self._keep(turn, name, known(status))", "pass"),),
        (_LANE + "test_what_does_not_fit_into_a_call_follows_in_the_next_ones",),
    ),
    Row(
        "Alarm: a failing lane is cleared an hour after the last time",
        _AGENT,
        (Edit("turn.schedule(_QUIET + name, turn.now + QUIET_AFTER)", "pass"),),
        (_LANE + "test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time",),
    ),
    Row(
        "Alarm: an adapter that raises did not deliver",
        _AGENT,
        (Edit("            return type(error).__name__\n", "            raise error\n"),),
        (_LANE + "test_a_call_that_fails_is_repeated_as_it_is_and_what_comes_meanwhile_joins_the_next",),
    ),
    Row(
        "Alarm: a review that is settled clears its own",
        "streams/agents/reviewing.py",
        (Edit("            clear_review(turn, request.review_id, way.cause)\n", "            pass\n"),),
        (_REVIEWS + "test_an_urgent_review_raises_escalates_and_is_cleared_once_settled",),
    ),
    Row(
        "Alarm: a review that is put aside clears its own",
        "streams/agents/decide.py",
        (Edit("            clear_review(turn, review_of(work.timer), cause)\n", "            pass\n"),),
        (_REVIEWS + "test_a_review_that_is_put_aside_gives_way_to_the_one_about_it",),
    ),
    Row(
        "Alarm: a lane says again when it opens that it put work aside",
        "streams/runtime/lanes.py",
        (Edit("if self._poison.has_put_aside:", "if False:"),),
        (_WRITER + "test_a_lane_says_that_it_put_work_aside_and_says_so_again_when_it_opens_within_the_hour",),
    ),
    Row(
        "Alarm: what could not be written is tried again",
        "services/sdk/alarm_writer.py",
        (Edit("                self._has_come.set()\n", "                pass\n"),),
        (_WRITER + "test_what_changes_while_kafka_is_away_is_written_once_it_is_back_the_newest_of_each_cause",),
    ),
    Row(
        "Alarm: a command that hangs is killed with what it started",
        "services/alarm/command.py",
        (Edit("os.killpg(group, signal.SIGKILL)", "os.kill(group, signal.SIGKILL)"),),
        ("tests/unit/test_alarm_ports.py::test_a_command_that_hangs_is_killed_with_what_it_started",),
    ),
    Row(
        "Alarm: a new connector clears its agency's breaker",
        "services/connectors/process.py",
        (Edit("on_first_answer=lambda: breaker.changed(False)", "on_first_answer=lambda: None"),),
        ("tests/integration/test_alarms.py::test_a_breaker_that_opens_alarms_until_the_agency_answers",),
    ),
)
