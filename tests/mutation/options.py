"""Options of the command line: none is read in another form than the contract's, and none is ignored."""

from tests.mutation.row import Edit, Row

_TIMES = "tests/unit/test_option_times.py::test_another_text_is_an_error_and_no_exception"

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
)
