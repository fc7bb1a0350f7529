"""The command line names every agency."""

import pytest

from schemas.vocabulary import Agency
from services.cli.connector import AgencyName
from services.cli.review_decide import _agency

_SLUGS = {agency: agency.value.replace("_", "-") for agency in Agency}


def test_each_agency_has_a_connector() -> None:
    assert {each.name: each.value for each in AgencyName} == {agency.name: slug for agency, slug in _SLUGS.items()}


@pytest.mark.parametrize("agency", [each for each in Agency if each is not Agency.EMERGENCY_999])
def test_staff_can_confirm_a_report_to_each_agency(agency: Agency) -> None:
    assert _agency(_SLUGS[agency]) == {"agency": agency.value}
