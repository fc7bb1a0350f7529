"""Hand-over at connectors: reports that staff stop or send again, agencies that deny us access, and passed limits."""

from tests.mutation.row import Edit, Row

_CONNECTOR = "services/connectors/connector.py"
_RESUMING = "services/connectors/resuming.py"
_LIMITS = "tests/unit/test_connector_limits.py::"
_STOPPED = "tests/unit/test_connector_stopped.py::"
_DENIED = "tests/unit/test_connector_denied_access.py::"
_AGAIN = "tests/unit/test_connector_sent_again.py::"

ROWS = (
    Row(
        "A report that staff stopped further on in its batch is nobody's to see to",
        _CONNECTOR,
        (Edit("        if is_stopped:\n", "        if False:\n"),),
        (_STOPPED + "test_a_report_that_staff_stopped_before_it_is_read_is_neither_tried_nor_handed_over",),
    ),
    Row(
        "A report that is stopped is tried no more",
        _CONNECTOR,
        (Edit("                self._stop(turn, message)\n", "                continue\n"),),
        (_STOPPED + "test_a_report_that_is_stopped_is_tried_no_more",),
    ),
    Row(
        "An attempt under way when its report is stopped is the last",
        _CONNECTOR,
        (Edit("            case _ if progress.is_stopped:\n", "            case _ if False:\n"),),
        (_STOPPED + "test_an_attempt_under_way_when_its_report_is_stopped_is_the_last",),
    ),
    Row(
        "A stop of an older sending stops nothing",
        _CONNECTOR,
        (Edit("if progress is None or progress.generation > stopped.generation:", "if progress is None:"),),
        (_STOPPED + "test_a_stop_of_an_older_sending_stops_nothing",),
    ),
    Row(
        "What is sent again has a limit of its own",
        "schemas/reports.py",
        (Edit("return self.reported_at if self.again_at is None else self.again_at", "return self.reported_at"),),
        (_AGAIN + "test_what_was_given_up_is_sent_again_under_its_id_with_a_limit_of_its_own",),
    ),
    Row(
        "Where the agency denies us access nothing is given up",
        "streams/domain/delivery.py",
        (Edit("        401: _M.DENIED,\n", "        401: _M.FAIL,\n"),),
        (_DENIED + "test_an_agency_that_denies_us_access_opens_the_breaker_and_no_report_is_given_up",),
    ),
    Row(
        "Where the agency denies us access the breaker opens at once",
        "services/connectors/attempts.py",
        (Edit("                self._endpoint.denied(attempt.report_id)\n", "                pass\n"),),
        (_DENIED + "test_an_agency_that_denies_us_access_opens_the_breaker_and_no_report_is_given_up",),
    ),
    Row(
        "Where 999 denies us access a human has each report at once",
        "services/connectors/endpoint.py",
        (Edit("self._is_denied and self._policy.tries_on and (", "False and ("),),
        (_DENIED + "test_if_999_denies_us_access_each_report_is_handed_over_at_once_and_tried_on",),
    ),
    Row(
        "A second sending that waits for its slot is not under way",
        "services/connectors/report_progress.py",
        (Edit("retry_at = now if before.attempt > 0 and not before.is_under_way else None", "retry_at = None"),),
        (
            _STOPPED + "test_a_second_sending_that_waits_for_its_slot_ends_when_it_is_stopped",
            _AGAIN + "test_a_second_sending_that_gets_no_slot_within_its_limit_is_handed_over_and_attempted_no_more",
        ),
    ),
    Row(
        "What was stopped begins no attempt",
        _CONNECTOR,
        (Edit("progress is None or progress.is_stopped:", "progress is None:"),),
        (_STOPPED + "test_an_attempt_that_waits_while_its_report_is_stopped_is_left_out",),
    ),
    Row(
        "What was stopped is not taken up after a crash",
        _RESUMING,
        (
            Edit(
                "    if progress.is_stopped:\n        # Its attempt",
                "    if False:\n        # Its attempt",
            ),
        ),
        (_STOPPED + "test_an_attempt_under_way_when_its_report_is_stopped_is_the_last",),
    ),
    Row(
        "A stop ends the limit too",
        _CONNECTOR,
        (Edit("            turn.unschedule(report_store.limit_timer(stopped.report_id))\n", ""),),
        (_STOPPED + "test_a_stop_ends_the_limit_of_the_attempt_that_is_under_way",),
    ),
    Row(
        "A second sending while 999 denies us access is a human's at once",
        _CONNECTOR,
        (Edit("is_first=progress.state is DeliveryState.QUEUED", "is_first=progress.attempt == 0"),),
        (_DENIED + "test_a_second_sending_while_999_denies_us_access_is_handed_over_at_once",),
    ),
    Row(
        "A report whose connector was away is tried at once when it is back",
        _RESUMING,
        (
            Edit(
                "at = turn.now if is_late else min(progress.retry_at, turn.now + longest)",
                "at = max(progress.retry_at, turn.now + policy.limit)",
            ),
        ),
        (_LIMITS + "test_a_report_whose_connector_was_away_over_its_limit_is_tried_before_it_is_handed_over",),
    ),
    Row(
        "What a connector cannot read is handed over in its own partition",
        "services/connectors/deliveries.py",
        (Edit("_marked(failed, report), origin, partition)", "_marked(failed, report), origin)"),),
        ("tests/unit/test_connector_handed_over.py::test_entries_that_cannot_be_read_hinder_no_hand_over",),
    ),
)
