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
)
