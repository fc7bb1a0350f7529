"""Exercises: apart from real disclosures, and never sent to a live agency or person."""

from tests.mutation.row import Edit, Row

_EXERCISES = "tests/unit/test_exercises.py"
_DOOR = "tests/unit/test_gateway_door.py"

ROWS = (
    Row(
        "A live connector sends no report of an exercise",
        "services/connectors/connector.py",
        (Edit("return report.exercise and self._kind is PeerKind.LIVE", "return False"),),
        (f"{_EXERCISES}::test_a_live_agency_never_gets_an_exercise[0]",),
    ),
    Row(
        "A connector of simulated agencies sends it",
        "services/connectors/connector.py",
        (Edit("return report.exercise and self._kind is PeerKind.LIVE", "return report.exercise"),),
        (f"{_EXERCISES}::test_a_live_agency_never_gets_an_exercise[1]",),
    ),
    Row(
        "A connector that becomes live sends no exercise that it took before",
        "services/connectors/connector.py",
        (
            Edit(
                "        if self._keeps_back(report):\n            # The connector was simulated",
                "        if False:\n            # The connector was simulated",
            ),
        ),
        (f"{_EXERCISES}::test_a_connector_that_becomes_live_sends_no_exercise_that_it_took_before[waits]",),
    ),
    Row(
        "A notice of an exercise is kept back right before it is told",
        "services/notifier/notifier.py",
        (
            Edit(
                "        if self._keeps_back(due):\n            # Each notice passes",
                "        if False:\n            # Each notice passes",
            ),
        ),
        (f"{_EXERCISES}::test_a_live_notifier_never_tells_of_an_exercise_also_if_its_report_is_told_later[telling]",),
    ),
    Row(
        "The review of an exercise that is not sent is closed",
        "streams/agents/open_reports.py",
        (Edit("                self._reviews.close_withdrawn(case, changed)\n", ""),),
        (f"{_EXERCISES}::test_a_review_that_was_open_before_is_closed_and_asks_nobody_any_more",),
    ),
    Row(
        "A live notifier sends no notice of an exercise",
        "services/notifier/notifier.py",
        (Edit("return due.exercise and self._kind is PeerKind.LIVE", "return False"),),
        (f"{_EXERCISES}::test_no_real_person_gets_a_notice_of_an_exercise[live]",),
    ),
    Row(
        "Nobody is called for an exercise that a live connector did not send",
        "streams/agents/open_reports.py",
        (Edit("if report.exercise and _is_kept_back(changed):", "if False:"),),
        (f"{_EXERCISES}::test_nobody_is_called_for_an_exercise_that_a_live_connector_did_not_send",),
    ),
    Row(
        "A real report that a connector calls an exercise is handed over",
        "streams/agents/open_reports.py",
        (Edit("if report.exercise and _is_kept_back(changed):", "if changed.reason == EXERCISE:"),),
        (f"{_EXERCISES}::test_a_real_report_that_failed_so_is_handed_over",),
    ),
    Row(
        "An exercise has tokens of its own",
        "streams/domain/tokens.py",
        (Edit('"exercise|" if disclosure.exercise else ""', '""'),),
        (f"{_EXERCISES}::test_an_exercise_with_a_real_persons_number_is_not_about_that_person",),
    ),
    Row(
        "An exercise has ids of its own",
        "streams/domain/ids.py",
        (Edit('f"{service}|exercise" if exercise else service.value', "service.value"),),
        (f"{_EXERCISES}::test_an_exercise_does_not_take_the_id_of_a_real_disclosure",),
    ),
    Row(
        "What comes with a key for exercises is an exercise",
        "services/gateway/request_handler.py",
        (Edit("    if caller.exercise:\n", "    if False:\n"),),
        (f"{_DOOR}::test_what_comes_with_a_key_for_exercises_is_an_exercise",),
    ),
    Row(
        "An exercise with another key is refused",
        "services/gateway/request_handler.py",
        (Edit("    if disclosure.exercise:\n", "    if False:\n"),),
        (f"{_DOOR}::test_an_exercise_with_another_key_is_refused_and_a_person_is_asked",),
    ),
)
