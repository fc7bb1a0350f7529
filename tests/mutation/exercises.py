"""Exercises: apart from real disclosures, and never sent to a live agency or person."""

from tests.mutation.row import Edit, Row

_EXERCISES = "tests/unit/test_exercises.py"
_DOOR = "tests/unit/test_gateway_door.py"

ROWS = (
    Row(
        "A live connector sends no report of an exercise",
        "services/connectors/connector.py",
        (Edit("if report.exercise and self._kind is PeerKind.LIVE:", "if False:"),),
        (f"{_EXERCISES}::test_a_live_agency_never_gets_an_exercise[0]",),
    ),
    Row(
        "A connector of simulated agencies sends it",
        "services/connectors/connector.py",
        (Edit("if report.exercise and self._kind is PeerKind.LIVE:", "if report.exercise:"),),
        (f"{_EXERCISES}::test_a_live_agency_never_gets_an_exercise[1]",),
    ),
    Row(
        "A live notifier sends no notice of an exercise",
        "services/notifier/notifier.py",
        (Edit("if due.exercise and self._kind is PeerKind.LIVE:", "if False:"),),
        (f"{_EXERCISES}::test_no_real_person_gets_a_notice_of_an_exercise[live]",),
    ),
    Row(
        "Nobody is called for an exercise that a live connector did not send",
        "streams/agents/open_reports.py",
        (Edit("if report.exercise and changed.reason == EXERCISE:", "if False:"),),
        (f"{_EXERCISES}::test_nobody_is_called_for_an_exercise_that_a_live_connector_did_not_send",),
    ),
    Row(
        "A real report that a connector calls an exercise is handed over",
        "streams/agents/open_reports.py",
        (Edit("if report.exercise and changed.reason == EXERCISE:", "if changed.reason == EXERCISE:"),),
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
