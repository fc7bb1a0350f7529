"""What a connector promises of its attempts."""

from tests.mutation.row import Edit, Row

ROWS = (
    Row(
        "An attempt's time limit is of the whole exchange",
        "services/connectors/client.py",
        (Edit("asyncio.timeout(self._timeout)", "asyncio.timeout(None)"),),
        ("tests/unit/test_agency_client.py::test_an_agency_that_drips_its_answer_is_cut_off_at_the_limit",),
    ),
)
