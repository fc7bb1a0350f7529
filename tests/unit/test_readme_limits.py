"""What README says of limits is what the code has."""

from pathlib import Path

from schemas.vocabulary import Agency
from streams.domain.delivery import RETRY_POLICIES
from streams.domain.plain_english.wording import length_words

README = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())


def test_the_limits_of_all_agencies_are_those_of_the_code() -> None:
    limits = {agency: RETRY_POLICIES[agency].limit for agency in Agency}
    assert limits[Agency.SOCIAL_WORKER] == limits[Agency.CARE_TEAM]
    assert limits[Agency.EMERGENCY_999].total_seconds() == 60
    others = f"101: {length_words(limits[Agency.POLICE_101])}; social worker and care team: "
    assert f"(999: 60 s; {others}{length_words(limits[Agency.CARE_TEAM])})" in README
