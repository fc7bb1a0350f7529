"""What is promised of alarms: one for each cause and step, one all-clear, and nothing lost."""

from tests.mutation.row import Edit, Row

_AGENT = "streams/agents/alarms.py"
_DOMAIN = "streams/domain/alarms.py"
_LANE = "tests/unit/test_alarms_agent.py::"
_CLEARED = "tests/unit/test_alarms_cleared.py::"
_GIVEN_UP = "tests/unit/test_alarms_given_up.py::"
_TABLE = "tests/unit/test_alarms.py::test_one_alarm_a_step_and_one_all_clear"
_REVIEWS = "tests/unit/test_decide_alarms.py::"
_CALLS = "streams/domain/alarm_calls.py"
_UNIT = "tests/unit/test_alarms.py::"
_WRITER = "tests/integration/test_alarm_writer.py::"
_SAID = "tests/unit/test_lane_alarms.py::"

ROWS = (
    Row(
        "A change that comes while an earlier one is written is written too",
        "services/alarm/alarm_writer.py",
        (Edit("if self._waiting.get(name) is waiting:", "if True:"),),
        (
            "tests/unit/test_alarm_writer.py::test_a_change_that_comes_during_the_write_of_an_earlier_one_is_written_too",
        ),
    ),
    Row(
        "Alarm: what was over before a call is in none",
        _DOMAIN,
        (Edit("    if status.known_step is None:\n        return None\n    waits", "    waits"),),
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
        (Edit("        if call.retry_at is None:\n            turn.start(call, origin=_NO_ORIGIN)\n", ""),),
        (_LANE + "test_a_crash_repeats_the_call_under_its_key",),
    ),
    Row(
        "Alarm: the next call waits for the interval",
        _AGENT,
        (Edit(" or turn.get(_INTERVAL) is not None:", ":"),),
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
        (_CLEARED + "test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time",),
    ),
    Row(
        "Alarm: an adapter that raises did not deliver",
        _AGENT,
        (Edit("            return type(error).__name__\n", "            raise error\n"),),
        (_LANE + "test_a_call_that_fails_is_repeated_as_it_is_and_what_comes_meanwhile_joins_the_next",),
    ),
    Row(
        "Alarm: a review that is settled clears its own",
        "streams/agents/open_reviews.py",
        (Edit("            clear_review(turn, request.review_id, case.origin)\n", "            pass\n"),),
        (_REVIEWS + "test_an_urgent_review_raises_escalates_and_is_cleared_once_settled",),
    ),
    Row(
        "Alarm: a review that is put aside clears its own",
        "streams/agents/open_reviews.py",
        (Edit("        clear_review(turn, review_of(timer), origin)\n", ""),),
        (_REVIEWS + "test_the_alarm_of_a_review_that_is_put_aside_is_cleared_for_the_new_review",),
    ),
    Row(
        "Alarm: a lane says again when it opens that it put work aside",
        "streams/runtime/lane/lane.py",
        (Edit("if self._opened.has_put_aside:", "if False:"),),
        (_WRITER + "test_a_lane_raises_the_alarm_for_put_aside_work_and_again_when_it_opens_within_the_hour",),
    ),
    Row(
        "Alarm: what could not be written is tried again",
        "services/alarm/alarm_writer.py",
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
        (Edit("on_first_taken=lambda: breaker.changed(None)", "on_first_taken=lambda: None"),),
        ("tests/integration/test_alarms.py::test_a_breaker_that_opens_alarms_until_the_agency_answers",),
    ),
    Row(
        "Alarm: an undelivered report to any agency raises one",
        "streams/agents/open_reviews.py",
        (
            Edit(
                '            undelivered_opened(case.turn, Agency(about["agency"]), case.origin, case.partition)\n',
                "            pass\n",
            ),
        ),
        (_REVIEWS + "test_undelivered_reports_to_another_agency_than_999_are_one_cause_until_the_last_is_settled",),
    ),
    Row(
        "Alarm: an undelivered report that escalates is a step",
        "streams/agents/open_reviews.py",
        (
            Edit(
                "            undelivered_escalated(turn, agency, request.escalation, origin, partition)\n",
                "            pass\n",
            ),
        ),
        (_REVIEWS + "test_undelivered_reports_to_another_agency_than_999_are_one_cause_until_the_last_is_settled",),
    ),
    Row(
        "Alarm: the last undelivered report of an agency clears its own",
        "streams/agents/open_reviews.py",
        (Edit("            undelivered_ended(turn, agency, case.origin, case.partition)\n", "            pass\n"),),
        (_REVIEWS + "test_a_late_acknowledgement_clears_the_alarm_of_its_agency",),
    ),
    Row(
        "Alarm: an undelivered review that is put aside counts no longer",
        "streams/agents/open_reviews.py",
        (Edit("        undelivered_recounted(turn, left, origin, partition)\n", ""),),
        (_REVIEWS + "test_an_undelivered_review_that_is_put_aside_counts_no_longer",),
    ),
    Row(
        "Alarm: an agency that answers and takes nothing raises one",
        "services/connectors/endpoint.py",
        (Edit("if self._failed >= FAILURES_TO_ALARM:", "if False:"),),
        ("tests/unit/test_connector_endpoint.py::test_an_agency_that_takes_nothing_alarms_although_it_answers",),
    ),
    Row(
        "Alarm: a report that is taken ends the row of failures",
        "services/connectors/endpoint.py",
        (Edit("        self._failed = 0\n        if not self._was_taken", "        if not self._was_taken"),),
        (
            "tests/unit/test_endpoint_breaker.py::test_failed_attempts_in_a_row_of_any_kind_alarm_until_a_report_is_accepted",
        ),
    ),
    Row(
        "Alarm: only a report that is taken is a sign that the agency works",
        "services/connectors/attempts.py",
        (Edit("is_taken=meaning is Meaning.ACKNOWLEDGED", "is_taken=True"),),
        ("tests/unit/test_connector_endpoint.py::test_an_answer_that_takes_no_report_counts_for_the_alarm",),
    ),
    Row(
        "Alarm: a call that is refused for good is given up at once",
        _CALLS,
        (Edit("is_refusal(result) or self.failures", "self.failures"),),
        (_UNIT + "test_a_call_is_given_up_at_once_where_it_is_refused_for_good_and_after_five_attempts",),
    ),
    Row(
        "Alarm: a call is given up after five attempts",
        _CALLS,
        (Edit("self.failures >= ATTEMPTS or ", ""),),
        (_GIVEN_UP + "test_a_call_that_is_never_taken_holds_up_no_other_alarm",),
    ),
    Row(
        "Alarm: what a given-up call listed is said again",
        _AGENT,
        (Edit("            self._keep(turn, name, due_again(listed, self._status(turn, name), turn.now))\n", ""),),
        (_GIVEN_UP + "test_causes_of_a_given_up_call_are_sent_once_the_receiver_takes_calls_again",),
    ),
    Row(
        "Alarm: what was given up goes into smaller calls",
        _AGENT,
        (Edit("        self._set_width(turn, narrower(call))\n", ""),),
        (_GIVEN_UP + "test_a_call_that_is_never_taken_holds_up_no_other_alarm",),
    ),
    Row(
        "Alarm: what was given up and the others take turns",
        _AGENT,
        (Edit("        self._back_off(turn, call.backoff)\n", ""),),
        (_GIVEN_UP + "test_what_was_given_up_and_the_other_alarms_take_turns_however_late_the_lane_is",),
    ),
    Row(
        "Alarm: a new emergency comes before what escalates",
        _CALLS,
        (Edit("return News.FIRST if status.known_step is None else News.HIGHER_STEP", "return News.HIGHER_STEP"),),
        (_UNIT + "test_the_most_urgent_come_first",),
    ),
    Row(
        "Alarm: each kind of news keeps a share of a call",
        _CALLS,
        (Edit("SHARE = 10", "SHARE = 0"),),
        (_UNIT + "test_each_kind_of_news_keeps_its_share_of_a_call",),
    ),
    Row(
        "Alarm: the one that waits longest comes first",
        _CALLS,
        (Edit("since = status.due_since or status.since", "since = status.since"),),
        (_UNIT + "test_the_most_urgent_come_first",),
    ),
    Row(
        "Alarm: an all-clear waits until the cause was quiet",
        _DOMAIN,
        (Edit("waits = QUIET_BEFORE_ALL_CLEAR[status.kind] > timedelta(0)", "waits = False"),),
        (_CLEARED + "test_a_cause_that_comes_and_goes_is_one_alarm_until_it_was_quiet_for_a_minute",),
    ),
    Row(
        "Alarm: a cause is over once each lane that raised it cleared it",
        _DOMAIN,
        (Edit("    if others:\n", "    if False:\n"),),
        (
            _UNIT + "test_a_cause_is_over_once_each_lane_that_raised_it_cleared_it",
            _CLEARED + "test_no_all_clear_while_the_breaker_of_another_connector_is_open",
        ),
    ),
    Row(
        "Alarm: the order of two processes follows from the broker's clock",
        _AGENT,
        (Edit("    if change.writer and record.is_stamped:\n", "    if False:\n"),),
        (_CLEARED + "test_a_process_whose_clock_is_behind_ends_the_alarm_of_the_one_before",),
    ),
    Row(
        "Alarm: the changes of one process are in order",
        _AGENT,
        (Edit("not change.writer or change.writer != writer", "True"),),
        (_CLEARED + "test_changes_of_one_process_count_in_the_order_in_which_they_came",),
    ),
    Row(
        "Alarm: a change says how long it waited",
        "services/alarm/alarm_writer.py",
        (Edit('"waited_ms": waited', '"waited_ms": 0'),),
        ("tests/unit/test_alarm_writer.py::test_a_change_says_how_long_it_waited_in_its_process",),
    ),
    Row(
        "Alarm: a process that was cut off says nothing after the next owner",
        _AGENT,
        (Edit("    if is_of_another and 0 < last_at", "    if False and 0 < last_at"),),
        (_CLEARED + "test_a_change_of_a_process_that_was_cut_off_does_not_count_after_one_of_the_next_owner",),
    ),
    Row(
        "Alarm: a connector speaks for each lane that comes to it",
        "services/alarm/lane_alarms.py",
        (
            Edit(
                "                self._lanes.add(lane)\n                self._put(lane)\n",
                "                self._lanes.add(lane)\n",
            ),
        ),
        (
            "tests/unit/test_lane_alarms.py::test_a_connector_reports_its_state_for_a_lane_that_opens_and_not_for_one_that_closed",
        ),
    ),
    Row(
        "Alarm's time: a process says when by its own clock",
        "services/connectors/process.py",
        (Edit("LaneAlarms(writer, application, clock.now)", "LaneAlarms(writer, application, Clock().now)"),),
        (_SAID + "test_an_alarm_of_a_process_has_the_time_of_its_own_clock",),
    ),
    Row(
        "Alarm's time: the notifier says when by its own clock",
        "services/notifier/process.py",
        (Edit("        clock=clock,\n", ""),),
        (_SAID + "test_an_alarm_of_a_process_has_the_time_of_its_own_clock",),
    ),
    Row(
        "Alarm's time: no change counts as made later than it arrived",
        _AGENT,
        (Edit("self._apply(turn, _by_the_brokers_clock(change, record))", "self._apply(turn, change)"),),
        (_CLEARED + "test_a_process_whose_clock_was_ahead_silences_none_that_follows",),
    ),
    Row(
        "Alarm's time: a breaker that is open is said again and again",
        "services/alarm/lane_alarms.py",
        (Edit("                self.changed(self._why_open)\n", "                pass\n"),),
        (_SAID + "test_the_alarm_of_an_open_breaker_is_repeated_while_it_is_open",),
    ),
    Row(
        "Alarm's time: a connector repeats that its breaker is open",
        "services/connectors/process.py",
        (Edit("breaker.repeating, ", ""),),
        (_SAID + "test_an_alarm_of_a_process_has_the_time_of_its_own_clock",),
    ),
    Row(
        "Alarm: a wrong file of staff raises one, again and again",
        "services/staff_files.py",
        (Edit("                self._alarm(kind)\n", "                pass\n"),),
        (
            "tests/unit/test_staff_files.py::test_a_file_that_is_emptied_and_not_removed_alarms_for_as_long_as_what_it_held_counts",
        ),
    ),
)
