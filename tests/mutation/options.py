"""Options of the command line: none is read in another form than the contract's, and none is ignored."""

from tests.mutation.row import Edit, Row

_TIMES = "tests/unit/test_option_times.py::test_another_text_is_an_error_and_no_exception"
_UNUSED = "tests/unit/test_unused_options.py::"

ROWS = (
    Row(
        "Options: a time is read as the contract reads it",
        "services/cli/policies.py",
        (Edit("at = read_time(text)", "at = datetime.fromisoformat(text)"),),
        (_TIMES,),
    ),
    Row(
        "Options: a time that staff enter is read as the contract reads it",
        "services/cli/review_moments.py",
        (Edit("given = read_time(text)", "given = datetime.fromisoformat(text)"),),
        (_TIMES,),
    ),
    Row(
        "Options: an open door takes no option of credentials",
        "services/cli/gateway.py",
        (Edit("    if open_:\n        _refuse_unused(context)\n", ""),),
        (_UNUSED + "test_an_open_door_refuses_each_option_of_credentials",),
    ),
    Row(
        "Options: a load test of a named Kafka takes none of its own house",
        "services/cli/load.py",
        (Edit("        if request.of_own:\n", "        if False:\n"),),
        (_UNUSED + "test_a_named_kafka_has_its_own_workers_and_partitions",),
    ),
    Row(
        "Options: a drain needs a backlog",
        "services/cli/load.py",
        (Edit("    if drain and not backlog:\n", "    if False:\n"),),
        (_UNUSED + "test_there_is_no_drain_without_a_backlog",),
    ),
    Row(
        "Options: a time that is too far away is refused",
        "services/cli/option_times.py",
        (Edit("not EARLIEST <= at <= LATEST", "False"),),
        ("tests/unit/test_option_times.py::test_a_time_that_is_too_far_away_is_an_error_that_says_what_is_allowed",),
    ),
    Row(
        "Options: an accepted lane exists",
        "services/cli/lanes.py",
        (Edit("int(number) >= count", "False"),),
        ("tests/unit/test_accepted_lanes.py::test_a_lane_beyond_the_partitions_is_refused",),
    ),
    Row(
        "Options: an agency is named once",
        "services/cli/review_decide.py",
        (Edit("if any(each in found[:place] for place, each in enumerate(found)):", "if False:"),),
        ("tests/unit/test_review_cli.py::test_an_agency_that_is_named_twice_is_refused",),
    ),
    Row(
        "Options: a load test has a number of records",
        "services/cli/load.py",
        (Edit("if rate * max(seconds, warm_up) + backlog > MAX_RECORDS:", "if False:"),),
        ("tests/unit/test_load_cli.py::test_options_that_make_no_sense_are_refused",),
    ),
    Row(
        "Options: a schedule is of numbers",
        "services/load/schedule.py",
        (Edit("if not (math.isfinite(rate) and rate > 0 and math.isfinite(seconds)):", "if False:"),),
        ("tests/unit/test_load_schedule.py::test_a_schedule_of_no_number_is_an_error_and_no_endless_loop",),
    ),
    Row(
        "Options: what a verb says is escaped",
        "services/cli/messages.py",
        (Edit("'}{legible(text)}", "'}{text}"),),
        ("tests/unit/test_argument_text.py::test_no_argument_reaches_the_terminal_raw",),
    ),
    Row(
        "Options: an error of the command line is escaped",
        "services/cli/verbs.py",
        (Edit('legible(getattr(error, "message", ""))', 'getattr(error, "message", "")'),),
        ("tests/unit/test_argument_text.py::test_no_argument_reaches_the_terminal_raw",),
    ),
)
