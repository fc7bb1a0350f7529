"""What is promised of the outcomes of reviews, and of the demo's account of notices."""

from tests.mutation.row import Edit, Row

_OUTCOMES = "streams/domain/outcomes.py"
_SETTLE = "streams/agents/settle.py"
_NOTICES = "services/cli/demo/notices.py"
_REFUSED = "tests/unit/test_decide_reviews_invalid_outcomes.py::"
_REJECTED = "tests/unit/test_decide_reviews_rejected_records.py::"
_CONSOLE = "tests/unit/test_review_decide.py::"
_AGAIN = "tests/unit/test_review_table.py::"
_CLOCKS = "tests/unit/test_decide_outcome_clocks.py::"
_ACCOUNT = "tests/unit/test_demo_account.py::"

ROWS = (
    Row(
        "Outcome: one that was signed before its review was asked for settles nothing",
        _OUTCOMES,
        (Edit("if outcome.decided_at < arrival.bounded(review.request.requested_at) - CLOCK_SKEW:", "if False:"),),
        (_REFUSED + "test_a_refusal_of_long_ago_does_not_settle_the_review_that_asks_again",),
    ),
    Row(
        "Outcome: one that was signed in the future settles nothing",
        _OUTCOMES,
        (Edit("if outcome.decided_at > arrival.now + CLOCK_SKEW:", "if False:"),),
        (_REFUSED + "test_an_outcome_that_was_not_signed_while_its_review_was_open_settles_nothing",),
    ),
    Row(
        "Outcome: a console's clock may be a little off",
        _OUTCOMES,
        (Edit("CLOCK_SKEW = timedelta(minutes=2)", "CLOCK_SKEW = timedelta(0)"),),
        (_REFUSED + "test_a_console_whose_clock_is_a_little_off_settles_a_review",),
    ),
    Row(
        "Time of an outcome: a worker whose clock is behind refuses no true one",
        "streams/domain/moments.py",
        (Edit("max(arrived_at, now)", "now"),),
        (
            _CLOCKS + "test_a_true_outcome_settles_its_review_whatever_the_workers_clock_says",
            _CLOCKS + "test_a_true_call_settles_its_review_whatever_the_workers_clock_says",
            _CLOCKS + "test_a_person_who_was_not_reached_is_asked_about_after_the_given_wait",
        ),
    ),
    Row(
        "Time of an outcome: no review counts as asked for after its outcome arrived",
        _OUTCOMES,
        (Edit("arrival.bounded(review.request.requested_at)", "review.request.requested_at"),),
        (_CLOCKS + "test_a_true_outcome_settles_its_review_whatever_the_workers_clock_says",),
    ),
    Row(
        "Time of an outcome: no report counts as made after its outcome arrived",
        "streams/domain/hand_over.py",
        (Edit("to_the_minute(arrival.bounded(reported_at))", "to_the_minute(reported_at)"),),
        (_CLOCKS + "test_a_true_call_settles_its_review_whatever_the_workers_clock_says",),
    ),
    Row(
        "Time of an outcome: nothing is later than its arrival because the worker's clock is behind",
        "streams/domain/moments.py",
        (Edit("return min(at, self.at)", "return min(at, self.now)"),),
        (_CLOCKS + "test_a_true_outcome_settles_its_review_whatever_the_workers_clock_says",),
    ),
    Row(
        "Time of an outcome: a clock that is behind asks again after the wait that was given",
        _SETTLE,
        (Edit("turn.now + (at - arrival.now)", "at"),),
        (_CLOCKS + "test_a_person_who_was_not_reached_is_asked_about_after_the_given_wait",),
    ),
    Row(
        "Outcome: an older one puts no question off",
        _SETTLE,
        (Edit("if decided < last:", "if False:"),),
        (_AGAIN + "test_an_older_outcome_does_not_override_a_later_one_and_the_same_again_changes_nothing",),
    ),
    Row(
        "Outcome: the same one again puts no question off",
        _SETTLE,
        (Edit("if decided == last:", "if False:"),),
        (_AGAIN + "test_an_older_outcome_does_not_override_a_later_one_and_the_same_again_changes_nothing",),
    ),
    Row(
        "Outcome: told by phone says who took it",
        _OUTCOMES,
        (Edit("if is_told and has_section and outcome.section is None:", "if False:"),),
        (_REFUSED + "test_told_by_phone_names_who_took_the_call_and_the_reference",),
    ),
    Row(
        "Outcome: the id in conflict is none that it was entered again under",
        _OUTCOMES,
        (Edit("if any(id_ in conflicts for id_ in outcome.entered_under):", "if False:"),),
        (_REJECTED + "test_a_conflict_is_not_settled_by_the_very_id_that_is_in_conflict",),
    ),
    Row(
        "Outcome: DECIDE refuses the id in conflict, whatever console sent it",
        _SETTLE,
        (Edit("        refuse_id_in_conflict(outcome, review.request)\n", ""),),
        (_REJECTED + "test_a_conflict_is_not_settled_by_the_very_id_that_is_in_conflict",),
    ),
    Row(
        "Outcome: the console refuses the id in conflict before it sends",
        "services/cli/review_decide.py",
        (Edit("        refuse_id_in_conflict(outcome, known.latest)\n", ""),),
        (_CONSOLE + "test_a_conflict_cannot_be_entered_again_under_the_id_in_conflict",),
    ),
    Row(
        "Account: have_not_told after the acknowledgement is a fault",
        _NOTICES,
        (Edit('            return "after it was acknowledged"', "            return None"),),
        (_ACCOUNT + "test_a_notice_says_that_an_agency_was_not_told_only_while_it_was_not",),
    ),
    Row(
        "Account: have_told twice is a fault",
        "services/cli/demo/account.py",
        (Edit("        faults += repeated_notices(self.settled.values())\n", ""),),
        (_ACCOUNT + "test_a_person_hears_once_that_an_agency_was_told",),
    ),
)
