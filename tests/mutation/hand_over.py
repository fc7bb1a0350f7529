"""Hand-over: open reports at DECIDE, what staff make of them, and what connectors make of that."""

from tests.mutation.row import Edit, Row

_REPORTS = "streams/agents/hand_over.py"
_CONNECTOR = "services/connectors/connector.py"
_DECIDE = "tests/unit/test_decide_hand_over.py::"
_STAFF = "tests/unit/test_connector_staff.py::"

ROWS = (
    Row(
        "A report that nobody acknowledges is a human's at its limit",
        _REPORTS,
        (Edit("        turn.schedule(name_of(model.report_id), kept.limit_at, cause=way.cause)\n", ""),),
        (_DECIDE + "test_a_report_that_nobody_acknowledges_is_asked_about_at_its_limit",),
    ),
    Row(
        "Time in which the lane was away counts for no limit",
        _REPORTS,
        (Edit("away = silence if silence > _OUTAGE_SECONDS else 0.0", "away = 0.0"),),
        (_DECIDE + "test_time_in_which_the_lane_was_away_counts_for_no_limit",),
    ),
    Row(
        "A short silence counts",
        _REPORTS,
        (Edit("away = silence if silence > _OUTAGE_SECONDS else 0.0", "away = silence"),),
        (_DECIDE + "test_a_short_silence_counts",),
    ),
    Row(
        "A late acknowledgement settles the review",
        _REPORTS,
        (Edit("            self._reviews.close_acknowledged(way,", "            (lambda *_: None)(way,"),),
        (_DECIDE + "test_a_late_acknowledgement_settles_the_review",),
    ),
    Row(
        "What is said of an earlier sending says nothing of this one",
        _REPORTS,
        (Edit(" and changed.generation >= kept.generation", ""),),
        (_DECIDE + "test_sent_again_it_is_the_same_report_with_a_new_limit_and_a_review_of_its_own",),
    ),
    Row(
        "A report that was withdrawn and reached its agency after all is told of",
        _REPORTS,
        (Edit("            self._put(way.turn, report_id, withdrawn, until_days=_WITHDRAWN_FOR)\n", ""),),
        (_DECIDE + "test_withdrawn_ends_the_attempts_and_the_notice_says_that_nobody_was_told",),
    ),
    Row(
        "What a human told by phone fails no more",
        _REPORTS,
        (
            Edit(
                '        turn.unschedule(name_of(report_id))\n        turn.put(_DONE + report_id.encode(), b""',
                '        turn.unschedule(name_of(report_id))\n        turn.put(_DONE + b"other", b""',
            ),
        ),
        (_DECIDE + "test_told_by_phone_ends_the_attempts_and_counts_as_told",),
    ),
    Row(
        "A report that is stopped is tried no more",
        _CONNECTOR,
        (Edit("                self._stop(turn, message)\n", "                continue\n"),),
        (_STAFF + "test_a_report_that_is_stopped_is_tried_no_more",),
    ),
    Row(
        "An attempt under way when its report is stopped is the last",
        _CONNECTOR,
        (Edit("            case _ if standing.is_stopped:\n", "            case _ if False:\n"),),
        (_STAFF + "test_an_attempt_under_way_when_its_report_is_stopped_is_the_last",),
    ),
    Row(
        "A stop of an older sending stops nothing",
        _CONNECTOR,
        (Edit("if standing is None or standing.generation > stopped.generation:", "if standing is None:"),),
        (_STAFF + "test_a_stop_of_an_older_sending_stops_nothing",),
    ),
    Row(
        "What is sent again has a limit of its own",
        "schemas/records.py",
        (Edit("return self.reported_at if self.again_at is None else self.again_at", "return self.reported_at"),),
        (_STAFF + "test_what_was_given_up_is_sent_again_under_its_id_with_a_limit_of_its_own",),
    ),
    Row(
        "Where the agency denies us access nothing is given up",
        "streams/domain/delivery.py",
        (Edit("        401: _R.DENIED,\n", "        401: _R.FAIL,\n"),),
        (_STAFF + "test_where_the_agency_denies_us_access_nothing_is_given_up_and_the_breaker_opens",),
    ),
    Row(
        "Where the agency denies us access the breaker opens at once",
        "services/connectors/attempts.py",
        (Edit("                self._endpoint.denied(attempt.report_id)\n", "                pass\n"),),
        (_STAFF + "test_where_the_agency_denies_us_access_nothing_is_given_up_and_the_breaker_opens",),
    ),
    Row(
        "Where 999 denies us access a human has each report at once",
        "services/connectors/endpoint.py",
        (Edit("self._is_denied and self._policy.tries_on and (", "False and ("),),
        (_STAFF + "test_where_999_denies_us_access_a_human_has_each_report_at_once_and_it_is_tried_on",),
    ),
)
