"""Effects of an agency's answer: the breaker, late acknowledgements, resends, crashes, repeats, and their notices."""

from tests.mutation.row import Edit, Row

_CONNECTOR = "services/connectors/connector.py"
_RESUMING = "services/connectors/resuming.py"
_ATTEMPT = "services/connectors/attempts.py"
_DELIVERY = "streams/domain/delivery.py"
_ACCOUNT = "tests/unit/test_demo_account.py::"
_UNTRUE = "test_the_account_fails_on_a_notice_that_says_more_than_the_deliveries_and_waits_for_one_that_says_less"
_NOTIFIER = "services/notifier/notifier.py"
_SETTLEMENTS = "services/notifier/settlements.py"
_ATTEMPTS = "tests/unit/test_connector_attempts.py::"
_LIMITS = "tests/unit/test_connector_limits.py::"
_BREAKER = "tests/unit/test_endpoint_breaker.py::"
_ENDPOINT = "tests/unit/test_connector_endpoint.py::"
_TABLES = "tests/unit/test_delivery.py::"
_NOTICES = "tests/unit/test_notifier.py::"
_FILE = "tests/unit/test_notice_file.py::"
_ORDERS = "tests/unit/test_notice_orders.py::"
_ANY_ORDER = _ORDERS + "test_each_notice_is_true_when_it_leaves_and_is_neither_sent_twice_nor_taken_back"

ROWS = (
    Row(
        "A record that is no notice is handed over",
        _SETTLEMENTS,
        (Edit("        record_settled(turn, unknown, unknown.notification_id, origin, ended)\n", ""),),
        (
            "tests/unit/test_notifier_put_aside.py::test_a_record_that_is_no_notice_is_settled_as_unreachable_by_its_location",
        ),
    ),
    Row(
        "A notice whose record is put aside is handed over",
        _SETTLEMENTS,
        (
            Edit(
                "        record_settled(turn, due, due.notification_id, origin, ended)\n        notice_store",
                "        notice_store",
            ),
        ),
        (
            "tests/unit/test_notifier_put_aside.py::test_a_notice_whose_record_is_put_aside_is_unreachable_and_is_not_sent",
        ),
    ),
    Row(
        "A disk that takes nothing is not the notice's fault",
        "services/notifier/channels.py",
        (Edit("                await asyncio.sleep(_AGAIN_SECONDS)\n", "                raise\n"),),
        (
            _FILE
            + "test_a_notice_that_could_be_written_in_part_only_spoils_no_other_and_is_written_once_the_disk_takes_it",
        ),
    ),
    Row(
        "Attempts in a row without an answer open the breaker",
        "services/connectors/endpoint.py",
        (Edit("                self._change(is_open=True)\n", ""),),
        (_BREAKER + "test_attempts_without_an_answer_open_the_breaker_only_in_a_row",),
    ),
    Row(
        "The endpoint hears of an attempt without an answer",
        _ATTEMPT,
        (Edit("self._endpoint.unanswered(attempt.report_id)", "pass"),),
        (_ENDPOINT + "test_attempts_without_an_answer_open_the_breaker_and_an_answer_closes_it",),
    ),
    Row(
        "The endpoint hears of an answer",
        _ATTEMPT,
        (Edit("self._endpoint.answered(is_taken=meaning is Meaning.ACKNOWLEDGED)", "pass"),),
        (_ENDPOINT + "test_attempts_without_an_answer_open_the_breaker_and_an_answer_closes_it",),
    ),
    Row(
        "A timeout counts against the endpoint",
        _DELIVERY,
        (Edit("UNANSWERED = frozenset({Failure.NO_CONNECTION, Failure.TIMEOUT, ", "UNANSWERED = frozenset({"),),
        (_TABLES + "test_only_failures_without_any_answer_count_against_an_endpoint",),
    ),
    Row(
        "A status that no row names goes to a human",
        _DELIVERY,
        (Edit("return Meaning.FAIL, f", "return Meaning.RETRY, f"),),
        (_TABLES + "test_the_meaning_of_each_response",),
    ),
    Row(
        "A late acknowledgement is on record",
        _DELIVERY,
        (Edit("(_S.FAILED, _E.RECEIVED): _S.RECEIVED", "(_S.FAILED, _E.RECEIVED): _S.FAILED"),),
        (_LIMITS + "test_999_is_tried_on_after_its_limit_and_a_late_acknowledgement_is_on_record",),
    ),
    Row(
        "A report that was handed over is tried on less often",
        _DELIVERY,
        (Edit("self.longest_wait if not handed_over else", "self.longest_wait if True else"),),
        (_TABLES + "test_a_report_that_was_handed_over_is_tried_less_often",),
    ),
    Row(
        "A report that comes after its limit is tried before it is handed over",
        "services/connectors/limits.py",
        (Edit("or left > timedelta(0) else FIRST_SIGHT", "or left > timedelta(0) else timedelta(0)"),),
        (_LIMITS + "test_a_report_that_arrives_after_its_limit_at_an_agency_that_is_down_fails_after_its_attempts",),
    ),
    Row(
        "What cannot be helped by sending again goes to a human at once",
        _CONNECTOR,
        (
            Edit(
                "            case Meaning.RETRY | Meaning.DENIED:\n",
                "            case Meaning.RETRY | Meaning.DENIED | Meaning.FAIL:\n",
            ),
        ),
        (_ATTEMPTS + "test_what_cannot_be_helped_by_sending_again_goes_to_a_human_at_once",),
    ),
    Row(
        "A status, however often it comes, leaves the breaker closed",
        _ATTEMPT,
        (Edit("            if outcome in UNANSWERED:\n", "            if outcome not in (200, 201):\n"),),
        (_ENDPOINT + "test_a_status_however_often_it_comes_leaves_the_breaker_closed",),
    ),
    Row(
        "An attempt waits for a key that is not at hand",
        _ATTEMPT,
        (Edit("        await self._composer.open(attempt.request)\n        async with", "        async with"),),
        (_ENDPOINT + "test_an_attempt_whose_key_is_not_at_hand_waits_for_it",),
    ),
    Row(
        "An attempt that waits for its key holds no slot",
        _ATTEMPT,
        (
            Edit("        await self._composer.open(attempt.request)\n        async with", "        async with"),
            Edit("            yield\n", "            await self._composer.open(attempt.request)\n            yield\n"),
        ),
        (_ENDPOINT + "test_an_attempt_that_waits_for_its_key_holds_no_slot",),
    ),
    Row(
        "A resend has the same idempotency key",
        "services/connectors/client.py",
        (Edit('"Idempotency-Key": report_id', '"Idempotency-Key": f"{report_id}-{attempt}"'),),
        (_ATTEMPTS + "test_an_answer_that_is_lost_leaves_one_accepted_report",),
    ),
    Row(
        "An attempt that a crash cut off is made again",
        _RESUMING,
        (Edit("        attempt(turn, report, unknown, request)\n", ""),),
        ("tests/unit/test_connector_crashes.py::test_an_attempt_that_a_crash_cut_off_is_made_again_as_the_next_one",),
    ),
    Row(
        "A report that comes twice is reported once",
        _CONNECTOR,
        (Edit("elif not report_store.is_known(turn, message.report_id, message.generation):", "else:"),),
        ("tests/unit/test_connector_repeats.py::test_a_report_that_arrives_twice_is_sent_once_pending_or_finished",),
    ),
    Row(
        "A finished report has no limit any more",
        "services/connectors/report_store.py",
        (Edit("    turn.unschedule(limit_timer(report_id))\n", ""),),
        ("tests/unit/test_connector_repeats.py::test_a_finished_report_leaves_a_small_mark_that_outlasts_its_record",),
    ),
    Row(
        "A notice is stored until its channel returns",
        _NOTIFIER,
        (Edit("            notice_store.save(turn, progress.replaced(queued=True))\n", ""),),
        (_NOTICES + "test_after_a_crash_the_notice_is_in_the_file_once",),
    ),
    Row(
        "A notice that comes twice is settled once",
        _NOTIFIER,
        (Edit("        done = turn.get(notice_store.done_key(due.notification_id))\n", "        done = None\n"),),
        (_NOTICES + "test_a_notice_that_comes_twice_or_is_its_own_settling_changes_nothing",),
    ),
    Row(
        "Work of a finished notice does not change its end",
        _SETTLEMENTS,
        (Edit("    if turn.get(notice_store.done_key(due.notification_id)) is None:\n", "    if True:\n"),),
        ("tests/unit/test_notifier_put_aside.py::test_work_of_a_notice_that_was_settled_meanwhile_changes_nothing",),
    ),
    Row(
        "We are telling is said only after all that was written before",
        _NOTIFIER,
        (
            Edit(
                "progress.waits:\n            self._ask(turn, progress)",
                "progress.waits:\n            self._proceed(turn, progress.replaced(asked=True, late=True))",
            ),
        ),
        (_ORDERS + "test_records_written_while_the_notifier_was_down_are_read_before_we_are_telling_is_sent",),
    ),
    Row(
        "What a crash cut off is not said again where it is not true any more",
        _NOTIFIER,
        (
            Edit(
                "if progress.asked and progress.due.stands is NoticeStands.TELLING and not progress.acknowledged:",
                "if False:",
            ),
        ),
        (_ORDERS + "test_records_written_since_a_crash_are_read_before_we_are_telling_is_sent_again",),
    ),
    Row(
        "What is said is chosen when it leaves",
        _NOTIFIER,
        (Edit("if progress.next_words is not effect.says or progress.due != effect.due:", "if False:"),),
        (_ANY_ORDER,),
    ),
    Row(
        "A crash hides whether a notice left: a follow-up has an id of its own",
        _NOTIFIER,
        (Edit("notice_store.save(turn, progress.replaced(saying=effect.says))", "notice_store.save(turn, progress)"),),
        (_ANY_ORDER,),
    ),
    Row(
        "A notice never says less than one before it",
        "streams/domain/policy/notices.py",
        (
            Edit(
                "(_S.TELLING, _S.NOT_TOLD, _S.MAYBE_TOLD, _S.ALREADY_TOLD, _S.TOLD)",
                "(_S.TELLING, _S.TOLD, _S.NOT_TOLD, _S.MAYBE_TOLD, _S.ALREADY_TOLD)",
            ),
        ),
        (_ANY_ORDER,),
    ),
    Row(
        "The demo's account fails on a notice that says more than the deliveries",
        "services/cli/demo/account.py",
        (Edit("        faults += untrue_notices(self.settled.values(), acknowledgements(self.deliveries))\n", ""),),
        (_ACCOUNT + _UNTRUE,),
    ),
    Row(
        "An error of our own tells nothing of the endpoint",
        _ATTEMPT,
        (
            Edit(
                "elif outcome is Failure.CLIENT_ERROR:\n                self._endpoint.failed()\n            else:",
                "else:",
            ),
        ),
        (_ENDPOINT + "test_an_error_of_our_own_neither_opens_the_breaker_nor_closes_it",),
    ),
)
