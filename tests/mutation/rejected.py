"""Reviews of rejected records: one for a sender and hour, what an outcome covers, and their end by themselves."""

from tests.mutation.row import Edit, Row

_REVIEWS = "tests/unit/test_rejected_reviews.py::"
_ADMIT = "tests/unit/test_admit_rejected_ids.py::"
_ADMITTED = "tests/unit/test_admit_rejected_facts.py::"
_CONSOLE = "tests/unit/test_review_decide.py::"
_GENERATIONS = "streams/agents/rejected_reviews.py"
_IDS = "streams/agents/rejected_ids.py"

ROWS = (
    Row(
        "Rejected: the records of one sender and hour are one review",
        _GENERATIONS,
        (Edit("if review is None or len(review.request.rejected_records) >= RECORDS_OF_A_REVIEW:", "if True:"),),
        (_REVIEWS + "test_the_records_of_one_sender_and_hour_are_one_review_with_the_deadline_of_the_first",),
    ),
    Row(
        "Rejected: each hour has a review of its own",
        "streams/domain/ids.py",
        (Edit("%Y-%m-%dT%H}", "%Y-%m-%d}"),),
        (_REVIEWS + "test_another_sender_or_hour_has_another_review",),
    ),
    Row(
        "Rejected: a full review is followed by the next",
        _GENERATIONS,
        (
            Edit(
                "if review is None or len(review.request.rejected_records) >= RECORDS_OF_A_REVIEW:",
                "if review is None:",
            ),
        ),
        (_REVIEWS + "test_a_full_review_is_followed_by_the_next_while_it_is_open",),
    ),
    Row(
        "Rejected: the next review asks about what an outcome does not cover",
        _GENERATIONS,
        (Edit("others = records[shown:]", "others = records[len(records) :]"),),
        (_REVIEWS + "test_an_outcome_covers_the_records_that_were_shown_and_the_next_review_asks_about_the_others",),
    ),
    Row(
        "Rejected: an outcome covers no record that its review does not have",
        "streams/agents/settle.py",
        (Edit("        refuse_unknown_records(outcome, review.request)\n", ""),),
        (_REVIEWS + "test_an_outcome_that_does_not_say_what_was_shown_is_rejected",),
    ),
    Row(
        "Rejected: an outcome says how many records it covers",
        "schemas/review_table.py",
        (Edit('needs=("entered_under", "records")', 'needs=("entered_under",), may_have=("records",)'),),
        (_REVIEWS + "test_an_outcome_that_does_not_say_what_was_shown_is_rejected",),
    ),
    Row(
        "Rejected: the console asks how many records were shown",
        "services/cli/review_decide.py",
        (Edit("    if (asked := len(known.latest.rejected_records)) > 1:", "    if (asked := 0):"),),
        (_CONSOLE + "test_of_several_rejected_records_it_must_be_said_how_many_were_shown",),
    ),
    Row(
        "Rejected: a review closes only once every id in it is accepted",
        _GENERATIONS,
        (Edit("if all(each.accepted_at is not None for each in records):", "if True:"),),
        (_REVIEWS + "test_a_record_without_a_known_id_keeps_its_review_open",),
    ),
    Row(
        "Rejected: an accepted id is looked for in every generation",
        _GENERATIONS,
        (
            Edit(
                'or b"").split():\n            review = self._open(',
                'or b"").split()[:1]:\n            review = self._open(',
            ),
        ),
        (_REVIEWS + "test_an_id_is_looked_for_in_every_generation_that_is_open",),
    ),
    Row(
        "Rejected: the review of an exercise is marked as one",
        "streams/domain/reviews.py",
        (Edit('"exercise": records[0].exercise,', '"exercise": False,'),),
        (_REVIEWS + "test_the_review_of_an_exercise_is_marked_as_one",),
    ),
    Row(
        "Rejected: the same bytes in the same hour are one question",
        _IDS,
        (Edit('    turn.put(name, b"", until=turn.now + _ASKED_FOR)\n', ""),),
        (_ADMIT + "test_the_same_bytes_that_a_door_refused_in_the_same_hour_are_one_question",),
    ),
    Row(
        "Rejected: bytes that were cut are asked about each time",
        _IDS,
        (Edit("or is_cut_at_a_door(record):", "or False:"),),
        (_ADMIT + "test_bytes_that_may_be_about_several_persons_are_asked_about_each_time",),
    ),
    Row(
        "Rejected: what is sent again on purpose is asked about again",
        _IDS,
        (Edit("if not is_refused_at_a_door(record) or", "if"),),
        (_ADMIT + "test_what_is_sent_again_on_purpose_and_rejected_again_is_asked_about_again",),
    ),
    Row(
        "Rejected: a routine disclosure ends no question about what may be urgent",
        _IDS,
        (Edit("if known == _SEVERAL or not is_urgent(disclosure):", "if known == _SEVERAL:"),),
        (_ADMIT + "test_a_routine_disclosure_ends_no_question_about_what_may_be_urgent",),
    ),
    Row(
        "Rejected: several contents under one id wait for staff",
        _IDS,
        (Edit("if known == _SEVERAL or not is_urgent(disclosure):", "if not is_urgent(disclosure):"),),
        (_ADMIT + "test_several_contents_under_one_id_wait_for_staff",),
    ),
    Row(
        "Rejected: no review asks about records that were all accepted",
        _GENERATIONS,
        (Edit("if any(each.accepted_at is None for each in others):", "if others:"),),
        (_REVIEWS + "test_nothing_is_asked_about_others_that_were_all_accepted",),
    ),
    Row(
        "Rejected: ADMIT tells DECIDE that an id was accepted",
        "streams/agents/admit.py",
        (Edit("            note_accepted(turn, record, sender, disclosure)\n", ""),),
        (_ADMIT + "test_an_id_that_is_accepted_later_is_said_to_its_review_once",),
    ),
    Row(
        "Rejected: an accepted id is said once",
        _IDS,
        (Edit("    turn.drop(name)\n", ""),),
        (_ADMIT + "test_an_id_that_is_accepted_later_is_said_to_its_review_once",),
    ),
    Row(
        "Rejected: an id counts only in the lane that sees it accepted",
        "streams/agents/admit.py",
        (Edit("counts_id=is_own and not is_conflict", "counts_id=not is_conflict"),),
        (_ADMIT + "test_an_id_whose_acceptance_another_lane_sees_does_not_count",),
    ),
    Row(
        "Rejected: a door's word on an exercise is its credential's",
        "streams/agents/rejecting.py",
        (
            Edit(
                "    return any(name == REFUSED_EXERCISE for name, _ in record.headers)",
                '    return json_fields(record.value or b"").get("exercise") is True',
            ),
        ),
        (_ADMIT + "test_the_question_about_an_exercise_is_an_exercise",),
    ),
    Row(
        "Rejected: facts that could be read count on a routine topic",
        "streams/agents/rejecting.py",
        (Edit("isinstance(invalid, InvalidDisclosure) and", "isinstance(invalid, OtherService) and"),),
        (_ADMITTED + "test_what_is_rejected_on_a_routine_topic_is_asked_about_unless_its_facts_rule_urgency_out",),
    ),
    Row(
        "Rejected: bytes without a field ask nothing on a routine topic",
        "streams/agents/rejecting.py",
        (Edit("bool(fields) and may_be_urgent(fields)", "may_be_urgent(fields)"),),
        (_ADMITTED + "test_what_a_door_refused_on_a_routine_topic_is_asked_about_by_its_facts",),
    ),
    Row(
        "Rejected: a name that is no field may be a misspelt risk",
        "schemas/refused_bytes.py",
        (Edit("    if not fields.keys() <= Disclosure.model_fields.keys():\n        return True\n", ""),),
        (
            "tests/unit/test_addressing.py::test_a_name_that_is_no_field_may_be_a_misspelt_risk",
            _ADMITTED + "test_what_a_door_refused_on_a_routine_topic_is_asked_about_by_its_facts",
        ),
    ),
)
