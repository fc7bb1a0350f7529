"""What a connector promises of its attempts, its limits and its hand-over."""

from tests.mutation.row import Edit, Row

_CONNECTOR = "services/connectors/connector.py"
_RESUMING = "services/connectors/resuming.py"
_ENDPOINT = "services/connectors/endpoint.py"
_DELIVERIES = "services/connectors/deliveries.py"
_CLIENT = "tests/unit/test_agency_client.py::"
_ATTEMPTS = "tests/unit/test_connector_attempts.py::"
_POSSIBLE = "tests/unit/test_connector_possible_repeats.py::"
_LIMITS = "tests/unit/test_connector_limits.py::"
_BREAKER = "tests/unit/test_endpoint_breaker.py::"
_SLOTS = "tests/unit/test_endpoint_slots.py::"
_HANDED_OVER = "tests/unit/test_connector_handed_over.py::"

ROWS = (
    Row(
        "An attempt that may be a repeat is marked",
        _CONNECTOR,
        (Edit("            is_possible_repeat=progress.has_unknown_attempt,\n", ""),),
        (_POSSIBLE + "test_an_attempt_after_one_with_an_unknown_outcome_is_marked",),
    ),
    Row(
        "An attempt that a crash cut off may have reached its agency",
        _RESUMING,
        (Edit(', "retry_at": turn.now, "has_unknown_attempt": True}', ', "retry_at": turn.now}'),),
        (_POSSIBLE + "test_an_attempt_that_a_crash_cut_off_makes_the_next_a_possible_repeat",),
    ),
    Row(
        "An attempt that was refused leaves no doubt",
        _CONNECTOR,
        (
            Edit(
                " = progress.has_unknown_attempt or reason not in NOT_TAKEN\n                waiting",
                " = True\n                waiting",
            ),
        ),
        (_POSSIBLE + "test_an_attempt_after_one_that_was_refused_is_not_marked",),
    ),
    Row(
        "The doubt of a finished sending is kept for the next one",
        "services/connectors/report_store.py",
        (Edit('(_MAY_HAVE_REACHED if may_have_reached else b"")', 'b""'),),
        (_POSSIBLE + "test_a_report_that_is_sent_again_is_marked_if_an_earlier_sending_may_have_arrived",),
    ),
    Row(
        "The doubt of work that is put aside is kept for the next sending",
        _DELIVERIES,
        (Edit("progress is None or progress.may_have_reached", "False"),),
        (
            _POSSIBLE + "test_a_report_sent_again_after_put_aside_work_is_marked_if_an_attempt_may_have_arrived",
            _POSSIBLE + "test_a_report_put_aside_during_an_attempt_is_marked_when_it_is_sent_again",
        ),
    ),
    Row(
        "Work that is put aside and cannot be read is in doubt",
        _DELIVERIES,
        (Edit("progress is None or progress.may_have_reached", "progress is not None and progress.may_have_reached"),),
        (_POSSIBLE + "test_what_is_put_aside_and_cannot_be_read_may_have_reached_its_agency",),
    ),
    Row(
        "A later sending that is put aside is not taken for the one that finished",
        _DELIVERIES,
        (Edit("progress is None and stored is None and report_store", "progress is None and report_store"),),
        (_POSSIBLE + "test_a_later_sending_that_cannot_be_read_is_handed_over_as_that_sending",),
    ),
    Row(
        "A later sending that is put aside is handed over under its own number",
        _DELIVERIES,
        (
            Edit("report.person, report.generation", "report.person, 1"),
            Edit("report_store.next_generation(turn, report_id)", "1"),
        ),
        (_POSSIBLE + "test_a_later_sending_that_cannot_be_read_is_handed_over_as_that_sending",),
    ),
    Row(
        "An attempt's time limit is of the whole exchange",
        "services/connectors/client.py",
        (Edit("asyncio.timeout(self._timeout)", "asyncio.timeout(None)"),),
        (_CLIENT + "test_an_agency_that_drips_its_answer_is_cut_off_at_the_limit",),
    ),
    Row(
        "An error of the HTTP library is a failed attempt",
        "services/connectors/client.py",
        (Edit("return AgencyResponse(Failure.CLIENT_ERROR)", "raise"),),
        (_CLIENT + "test_an_error_that_the_library_does_not_document_is_a_failed_attempt_and_logged_by_class_alone",),
    ),
    Row(
        "A report's limit is a timer of its own",
        _CONNECTOR,
        (
            Edit(
                "        self._limits.watch(turn, report, progress)\n        if before is not None and",
                "        if before is not None and",
            ),
        ),
        (
            _LIMITS + "test_a_report_that_waits_for_its_slot_is_failed_at_its_limit_and_never_sent",
            _LIMITS + "test_the_limit_counts_from_when_it_was_reported_and_not_from_when_it_came",
        ),
    ),
    Row(
        "The limit counts from when the report was reported",
        "streams/domain/delivery.py",
        (Edit("return reported_at + self.limit", "return reported_at + 2 * self.limit"),),
        (_LIMITS + "test_the_limit_counts_from_when_it_was_reported_and_not_from_when_it_came",),
    ),
    Row(
        "An attempt whose report finished while it waited is dropped",
        _CONNECTOR,
        (
            Edit(
                "            return False\n        report = report_store.report_of",
                "            return True\n        report = report_store.report_of",
            ),
        ),
        (_LIMITS + "test_a_report_that_waits_for_its_slot_is_failed_at_its_limit_and_never_sent",),
    ),
    Row(
        "An attempt that is started twice is made once",
        _CONNECTOR,
        (Edit("        if effect.number != progress.attempt + 1:\n            return False\n", ""),),
        (_ATTEMPTS + "test_an_attempt_that_is_started_twice_is_made_once",),
    ),
    Row(
        "An attempt under way at the limit may be acknowledged",
        "services/connectors/limits.py",
        (Edit("        if progress.is_under_way:\n", "        if False:\n"),),
        (_LIMITS + "test_an_attempt_under_way_at_the_limit_may_still_be_acknowledged",),
    ),
    Row(
        "No agency is tried on after its time for it",
        _CONNECTOR,
        (Edit("Meaning.DENIED if self._limits.is_over(turn, progress):", "Meaning.DENIED if False:"),),
        (_LIMITS + "test_an_attempt_under_way_at_the_limit_that_fails_is_the_last",),
    ),
    Row(
        "999 is tried on after its limit",
        "streams/domain/delivery.py",
        (Edit("return self.limit_at(reported_at) + self.tries_on", "return self.limit_at(reported_at)"),),
        (_LIMITS + "test_999_is_tried_on_after_its_limit_and_a_late_acknowledgement_is_on_record",),
    ),
    Row(
        "What waits for its limit without a request is missing its key",
        _CONNECTOR,
        (Edit("KEY_MISSING if request is None else limit_reason", "limit_reason"),),
        (_LIMITS + "test_a_report_whose_key_does_not_come_is_failed_at_its_limit_as_missing_its_key",),
    ),
    Row(
        "Nothing is sent of a person who was erased while the attempt waited",
        _CONNECTOR,
        (Edit("        if isinstance(opened, CannotCompose):\n", "        if False:\n"),),
        (_HANDED_OVER + "test_a_person_erased_while_the_attempt_waits_for_its_slot_is_not_recorded_as_sent",),
    ),
    Row(
        "An attempt waits for its slot before it is recorded",
        _CONNECTOR,
        (Edit("return self._attempts.slot(effect) if isinstance(effect, Attempt) else None", "return None"),),
        (_ATTEMPTS + "test_an_attempt_is_on_record_before_the_agency_sees_it_with_the_request_under_seal",),
    ),
    Row(
        "No more attempts than slots go out at once",
        _ENDPOINT,
        (Edit("while self._free and self._may_begin()", "while self._may_begin()"),),
        (_SLOTS + "test_no_more_attempts_go_out_at_once_than_there_are_connections",),
    ),
    Row(
        "A slot that was granted to one that gives up comes back",
        _ENDPOINT,
        (Edit("if granted.done() and not granted.cancelled():", "if False:"),),
        (_SLOTS + "test_a_slot_comes_back_from_one_that_gives_up_before_or_after_it_has_it",),
    ),
    Row(
        "Waiters after their limit come last",
        _ENDPOINT,
        (Edit("if waiter.deadline > now:", "if True:"),),
        (_SLOTS + "test_the_earliest_limit_goes_first_and_those_past_their_limit_go_last",),
    ),
    Row(
        "An answer ends the row of failures",
        _ENDPOINT,
        (Edit("        self._unanswered = 0\n        self._is_denied", "        self._is_denied"),),
        (_BREAKER + "test_attempts_without_an_answer_open_the_breaker_only_in_a_row",),
    ),
    Row(
        "One probe at a time goes out while the breaker is open",
        _ENDPOINT,
        (
            Edit(
                "(self._probe is None and self._clock.time() >= self._probe_at)", "self._clock.time() >= self._probe_at"
            ),
        ),
        (_BREAKER + "test_while_it_is_open_one_probe_at_a_time_goes_out_after_waits_that_grow",),
    ),
    Row(
        "A probe waits for its time",
        _ENDPOINT,
        (Edit("(self._probe is None and self._clock.time() >= self._probe_at)", "self._probe is None"),),
        (_BREAKER + "test_while_it_is_open_one_probe_at_a_time_goes_out_after_waits_that_grow",),
    ),
    Row(
        "The wait for a probe grows",
        _ENDPOINT,
        (Edit("            self._failed_probes += 1\n", ""),),
        (_BREAKER + "test_while_it_is_open_one_probe_at_a_time_goes_out_after_waits_that_grow",),
    ),
    Row(
        "An answer closes the breaker",
        _ENDPOINT,
        (Edit("            self._change(is_open=False)\n", "            pass\n"),),
        (_BREAKER + "test_any_answer_closes_it_and_all_that_waited_go_out",),
    ),
    Row(
        "A probe that is left out is followed by the next at once",
        _ENDPOINT,
        (Edit("            self._probe = None\n        self._grant()", "            pass\n        self._grant()"),),
        (_BREAKER + "test_a_probe_that_is_left_out_or_cut_off_is_followed_by_the_next_at_once",),
    ),
    Row(
        "A rejected record is handed over to a human",
        _CONNECTOR,
        (Edit("        deliveries.hand_over_record(turn, record, invalid, self._agency)\n", "        return\n"),),
        (_HANDED_OVER + "test_garbage_is_handed_over_under_an_id_of_its_place",),
    ),
    Row(
        "A key that has not the form of a person id is not copied",
        "streams/domain/ids.py",
        (Edit("person if _ID.fullmatch(person) else NO_PERSON", "person"),),
        (_HANDED_OVER + "test_only_a_key_that_has_the_form_of_a_person_id_is_taken_for_one",),
    ),
    Row(
        "A second record of a known report contradicts nothing",
        _DELIVERIES,
        (Edit("if report is not None and report_store.is_known(turn, report.report_id, generation):", "if False:"),),
        (_HANDED_OVER + "test_a_second_record_of_a_report_that_is_known_contradicts_nothing",),
    ),
    Row(
        "Work that is put aside hands its report over",
        _CONNECTOR,
        (
            Edit(
                "        deliveries.hand_over_work(turn, work, report_id, self._agency, origin, self._partition)\n",
                "",
            ),
        ),
        (_HANDED_OVER + "test_work_that_is_put_aside_hands_its_report_over_and_leaves_its_mark",),
    ),
    Row(
        "Entries that cannot be read hinder no hand-over",
        _DELIVERIES,
        (Edit("    except (Invalid, ValidationError):\n", "    except ValidationError:\n"),),
        (_HANDED_OVER + "test_entries_that_cannot_be_read_hinder_no_hand_over",),
    ),
    Row(
        "Work of a finished report does not change its end",
        _DELIVERIES,
        (Edit("if progress is None and stored is None and report_store.is_finished(turn, report_id):", "if False:"),),
        (_HANDED_OVER + "test_work_of_a_report_that_finished_meanwhile_does_not_change_how_it_ended",),
    ),
    Row(
        "A notice that is put aside is settled",
        "services/notifier/settlements.py",
        (
            Edit(
                "record_settled(turn, due, notification_id, origin, Ended(NoticeState.UNREACHABLE, reason=PUT_ASIDE))",
                "return",
            ),
        ),
        (
            "tests/unit/test_notifier_put_aside.py::test_a_notice_that_is_put_aside_is_unreachable_and_is_not_sent_again",
        ),
    ),
)
