"""Time: no wait by a clock that can be set, no end before the broker's stamps, no claim later than the arrival."""

from tests.mutation.row import Edit, Row

_CLOCK_FILE = "streams/runtime/clock.py"
_TURN = "streams/runtime/agent.py"
_STATE_FILE = "streams/runtime/lane/state.py"
_CONNECTOR = "services/connectors/connector.py"
_RESUMING = "services/connectors/resuming.py"
_HAND_OVER = "streams/agents/open_reports.py"
_STAMPS_FILE = "streams/runtime/stamps.py"
_STAMPS = "tests/unit/test_stamps.py::"
_CLOCK = "tests/unit/test_clock.py::"
_STATE = "tests/unit/test_lane_state.py::"
_PROCESS = "tests/integration/test_clocks.py::"
_LIMITS = "tests/unit/test_connector_limits.py::"
_ABSENCE = "tests/unit/test_decide_absence.py::"
_NOTIFIER = "tests/unit/test_notifier.py::"
_ADMIT = "tests/unit/test_admit.py::"

ROWS = (
    Row(
        "A timer that an item before it set anew is not due any more",
        "streams/runtime/lane/items.py",
        (Edit("        if name in turn.timers:\n", "        if False:\n"),),
        ("tests/unit/test_lane_items.py::test_a_timer_counts_as_the_items_before_it_left_it[set anew]",),
    ),
    Row(
        "Time: a turn has the time of a clock that nobody can set",
        _CLOCK_FILE,
        (Edit("datetime.fromtimestamp(self._at(self._steady()), UTC)", "datetime.fromtimestamp(self._wall(), UTC)"),),
        (
            _CLOCK + "test_a_step_changes_no_wait_is_reported_and_is_over_once_the_clocks_agree",
            _PROCESS + "test_a_clock_that_is_set_while_the_worker_runs_changes_no_wait_and_is_noticed_once",
        ),
    ),
    Row(
        "Time: a step is not followed",
        _CLOCK_FILE,
        (Edit("0.0 if is_stepped else difference", "difference"),),
        (_CLOCK + "test_a_step_changes_no_wait_is_reported_and_is_over_once_the_clocks_agree",),
    ),
    Row(
        "Time: drift is followed",
        _CLOCK_FILE,
        (Edit("0.0 if is_stepped else difference", "0.0"),),
        (_CLOCK + "test_drift_is_followed_and_not_reported",),
    ),
    Row(
        "Time: the clock never goes backwards",
        _CLOCK_FILE,
        (Edit("max(-most, min(most, line.difference))", "line.difference"),),
        (_CLOCK + "test_it_never_goes_backwards_and_no_wait_is_more_than_a_tenth_wrong",),
    ),
    Row(
        "Time: a process that stood still takes nothing for a step",
        _CLOCK_FILE,
        (Edit("if steady - before > _AT_ONCE_SECONDS:", "if False:"),),
        (_CLOCK + "test_a_process_that_was_stopped_between_two_readings_sees_no_step",),
    ),
    Row(
        "Time: a step is told once a minute",
        _CLOCK_FILE,
        (Edit("elif steady - self._reported_at < REPORT_AGAIN_SECONDS:", "elif False:"),),
        (_CLOCK + "test_a_step_that_lasts_is_reported_again_every_minute",),
    ),
    Row(
        "Time: the end of a step is told",
        _CLOCK_FILE,
        (Edit("            return ClockAgrees()\n", "            return None\n"),),
        (_CLOCK + "test_a_step_changes_no_wait_is_reported_and_is_over_once_the_clocks_agree",),
    ),
    Row(
        "Time: a process that begins ends the alarm of the one before",
        _CLOCK_FILE,
        (Edit("        report(ClockAgrees())\n", ""),),
        (_CLOCK + "test_a_process_says_first_that_the_clocks_agree",),
    ),
    Row(
        "Time: an alarm of a clock is over when nobody tells of it",
        "streams/domain/alarms.py",
        (Edit("AlarmKind.FAILING, AlarmKind.CLOCK, AlarmKind.HIDDEN", "AlarmKind.FAILING, AlarmKind.HIDDEN"),),
        ("tests/unit/test_alarms_cleared.py::test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time",),
    ),
    Row(
        "Time: the interval between two calls ends by its timer",
        "streams/agents/alarms.py",
        (Edit("            turn.drop(timer)\n", "            pass\n"),),
        ("tests/unit/test_alarms_agent.py::test_the_first_alarm_goes_at_once_and_the_next_five_seconds_later",),
    ),
    Row(
        "Time: a timer that is restored waits for no longer than it was set for",
        "streams/runtime/lane/lane.py",
        (Edit("if shortened := state.limit_waits(turn):", "if shortened := 0:"),),
        (_PROCESS + "test_a_clock_that_is_set_while_the_worker_is_down_lengthens_no_wait",),
    ),
    Row(
        "Time: a lane looks at its clock again and again, for the machine may have been suspended",
        "streams/runtime/lane/open_lane.py",
        (Edit("min([_LOOK_SECONDS, *(", "min([3_600.0, *("),),
        ("tests/integration/test_runtime_timers.py::test_a_timer_is_due_soon_after_the_machine_was_suspended",),
    ),
    Row(
        "Time: an error noted by a clock that was ahead is not recent until then",
        "streams/runtime/lane/poison_work.py",
        (Edit("abs(micros(now) - raised.at)", "(micros(now) - raised.at)"),),
        (_STATE + "test_an_error_that_was_noted_by_a_clock_that_was_ahead_is_not_recent_for_ever",),
    ),
    Row(
        "Time: how long a timer's wait was is in the changelog",
        _STATE_FILE,
        (Edit("timedelta(microseconds=int(wait))", "timedelta(days=1)"),),
        (_STATE + "test_a_timer_that_is_restored_waits_for_no_longer_than_it_was_set_for",),
    ),
    Row(
        "Time by stamps: a clock that is far behind the broker's is noticed",
        "streams/runtime/lane/turns.py",
        (
            Edit(
                "            self._lane.host.clock.stamps.read((topic, self._lane.partition), newest.timestamp)\n",
                "            pass\n",
            ),
        ),
        (_PROCESS + "test_a_process_whose_clock_is_behind_the_brokers_stamps_reports_it",),
    ),
    Row(
        "Time by stamps: they are looked at again and again",
        _CLOCK_FILE,
        (Edit("                report(stamp_event)\n", "                pass\n"),),
        (_PROCESS + "test_a_process_whose_clock_is_behind_the_brokers_stamps_reports_it",),
    ),
    Row(
        "Time by stamps: one alarm while they last",
        _STAMPS_FILE,
        (Edit("elif at - self._reported_at < REPORT_AGAIN_SECONDS:", "elif False:"),),
        (_STAMPS + "test_stamps_that_are_far_ahead_are_reported_every_minute_until_they_agree",),
    ),
    Row(
        "Time by stamps: no alarm on a healthy day",
        _STAMPS_FILE,
        (Edit("if seconds > AHEAD_SECONDS or", "if seconds >= AHEAD_SECONDS or"),),
        (_STAMPS + "test_a_healthy_day_tells_nothing",),
    ),
    Row(
        "Time by stamps: a difference about the limit does not raise and clear it again and again",
        _STAMPS_FILE,
        (Edit(" or (source in self._ahead and seconds > AGREES_SECONDS)", ""),),
        (_STAMPS + "test_a_difference_about_the_limit_neither_raises_nor_clears_it_again_and_again",),
    ),
    Row(
        "Time by stamps: one broker that agrees clears nothing of another",
        _STAMPS_FILE,
        (Edit("self._has_agreed = not self._ahead", "self._has_agreed = not self._ahead.clear()"),),
        (_STAMPS + "test_one_broker_that_agrees_says_nothing_of_another",),
    ),
    Row(
        "Time by stamps: a partition that is read no more clears nothing",
        _STAMPS_FILE,
        (Edit("if not was_reported or not self._has_agreed:", "if not was_reported:"),),
        (_STAMPS + "test_a_partition_that_is_read_no_more_tells_nothing_and_clears_nothing",),
    ),
    Row(
        "Time: no known id reads as ended before the broker's stamps have passed its end",
        _TURN,
        (Edit("self._ended_by = min(at, stamp)", "self._ended_by = at"),),
        (
            _STATE + "test_an_entry_ends_once_our_clock_and_the_newest_stamp_of_the_broker_have_passed_its_end",
            _PROCESS + "test_a_clock_that_is_far_ahead_ends_no_known_id",
        ),
    ),
    Row(
        "Time: no known id reads as ended before our clock has passed its end",
        _TURN,
        (Edit("self._ended_by = min(at, stamp)", "self._ended_by = stamp"),),
        (_STATE + "test_an_entry_ends_once_our_clock_and_the_newest_stamp_of_the_broker_have_passed_its_end",),
    ),
    Row(
        "Time: no known id is dropped before the broker's stamps have passed its end",
        _STATE_FILE,
        (Edit("min(micros(now), self.stamp)", "micros(now)"),),
        (
            _STATE + "test_an_entry_ends_once_our_clock_and_the_newest_stamp_of_the_broker_have_passed_its_end",
            _PROCESS + "test_a_clock_that_is_far_ahead_ends_no_known_id",
        ),
    ),
    Row(
        "Time: an id that is kept by a clock that is behind is kept as long as was meant",
        _TURN,
        (Edit("self.expiries[key] = until + self._behind", "self.expiries[key] = until"),),
        (_STATE + "test_an_entry_that_is_put_by_a_clock_that_is_behind_is_kept_as_long_as_was_meant",),
    ),
    Row(
        "Time: a writer's claim is no stamp of the broker's",
        "streams/runtime/transport/batch_schema.py",
        (Edit("r.timestamp_type == STAMPED", "True"),),
        ("tests/unit/test_batches.py::test_a_record_says_whether_the_broker_stamped_it",),
    ),
    Row(
        "Time: what the broker stamps moves the ends of entries on",
        "streams/runtime/lane/turns.py",
        (Edit("if (newest := records[-1]).is_stamped:", "if (newest := records[-1]) is None:"),),
        ("tests/integration/test_runtime_timers.py::test_an_entry_that_has_ended_leaves_a_tombstone_and_no_state",),
    ),
    Row(
        "Time: what the broker stamped on the changelog counts after a restore",
        "streams/runtime/lane/changelog.py",
        (Edit("if record.timestamp_type == STAMPED:", "if False:"),),
        (_PROCESS + "test_an_id_ends_by_what_the_broker_stamped_on_the_changelog",),
    ),
    Row(
        "Time: the broker stamps the records of every topic",
        "schemas/topics.py",
        (Edit("**STAMPED, ", ""),),
        (
            "tests/unit/test_topics_catalogue.py::test_the_broker_stamps_each_record_of_each_topic",
            _PROCESS + "test_what_a_writer_claims_of_the_time_is_neither_kept_nor_used",
        ),
    ),
    Row(
        "Time: no disclosure counts as later than its arrival",
        "streams/domain/admission.py",
        (Edit('min(fields["disclosed_at"], arrived_at)', 'fields["disclosed_at"]'),),
        (_ADMIT + "test_no_time_that_a_sender_claims_counts_as_later_than_the_arrival",),
    ),
    Row(
        "Time: no assessment counts as later than its arrival",
        "streams/domain/admission.py",
        (Edit('min(assessment["assessed_at"], arrived_at)', 'assessment["assessed_at"]'),),
        (_ADMIT + "test_no_time_that_a_sender_claims_counts_as_later_than_the_arrival",),
    ),
    Row(
        "Time: a disclosure arrives when the broker stamps it",
        _TURN,
        (Edit("if self.is_stamped else now", "if False else now"),),
        (_ADMIT + "test_no_time_that_a_sender_claims_counts_as_later_than_the_arrival",),
    ),
    Row(
        "Time: a clock that is behind the one before makes no time at work",
        "streams/agents/beat.py",
        (Edit("silence = max(0.0, now - beat.alive_at)", "silence = now - beat.alive_at"),),
        (_ABSENCE + "test_a_clock_that_is_set_while_the_lane_is_down_moves_no_hand_over",),
    ),
    Row(
        "Time: a connector counts no limit from a time to come",
        "services/connectors/limits.py",
        (Edit("return min(progress.counted_from, turn.now)", "return progress.counted_from"),),
        (_LIMITS + "test_a_report_of_a_process_whose_clock_is_ahead_has_its_limit_from_when_it_came",),
    ),
    Row(
        "Time: a report is tried on for no longer than was meant",
        "services/connectors/limits.py",
        (Edit(", latest=turn.now + self._policy.tries_on", ""),),
        (_LIMITS + "test_a_clock_that_is_set_while_the_process_is_down_lengthens_no_wait",),
    ),
    Row(
        "Time: a retry that is taken up again waits for no longer than a wait is",
        _RESUMING,
        (Edit("min(progress.retry_at, turn.now + longest)", "progress.retry_at"),),
        (_LIMITS + "test_a_clock_that_is_set_while_the_process_is_down_lengthens_no_wait",),
    ),
    Row(
        "Time: a notice waits for no longer than was meant",
        "services/notifier/notifier.py",
        (Edit("at = min(tell_by, turn.now + max(timedelta(0), tell_by - due.due_at))", "at = tell_by"),),
        (_NOTIFIER + "test_a_notice_waits_no_longer_than_intended_at_any_clock_of_decide",),
    ),
)
