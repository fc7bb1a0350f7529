"""The agencies that get a report of each clause, by the known professionals (WHO-1, WHO-2)."""

import pytest

from schemas.policy import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.vocabulary import ProfessionalRole
from streams.domain.policy.routing import route
from tests.unit.policy_cases import POLICY

SOCIAL_WORKER, CARE = ProfessionalRole.SOCIAL_WORKER, ProfessionalRole.CARE_PROFESSIONAL
NOBODY: frozenset[ProfessionalRole] = frozenset()
BOTH = frozenset({SOCIAL_WORKER, CARE})

#: The agencies if no professional, the social worker, a care professional, or both are known.
ROUTES: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {
    **dict.fromkeys(("IR-1", "IR-2", "IR-4"), (["999 ambulance"],) * 4),
    **dict.fromkeys(("IR-0", "IR-3", "IR-5"), (["999 police"],) * 4),
    **dict.fromkeys(("LT-1", "LT-5"), (["101"], ["social_worker"], ["care_team"], ["care_team"])),
    **dict.fromkeys(("LT-2", "LT-4"), (["101"], ["social_worker"], ["101"], ["social_worker"])),
    "LT-3": (["101"], ["101", "social_worker"], ["101"], ["101", "social_worker"]),
    "LT-6": ([], ["social_worker"], ["care_team"], ["social_worker"]),
}


def _told(clauses: list[str], known: frozenset[ProfessionalRole]) -> list[str]:
    agencies = route([ClauseId(clause) for clause in clauses], known, POLICY)
    return [each.agency if each.service is None else f"{each.agency} {each.service}" for each in agencies]


@pytest.mark.parametrize(
    "clause",
    [*IMMEDIATE_RISK, *LONG_TERM],
    ids=lambda clause: f"{'WHO-1' if clause in IMMEDIATE_RISK else 'WHO-2'}-{clause}",
)
def test_route(clause: str) -> None:
    known = (NOBODY, frozenset({SOCIAL_WORKER}), frozenset({CARE}), BOTH)

    assert tuple(_told([clause], each) for each in known) == ROUTES[clause]


def test_an_agency_is_listed_once_with_all_its_clauses() -> None:
    agencies = route([ClauseId.LT_2, ClauseId.LT_3, ClauseId.LT_4], frozenset({SOCIAL_WORKER}), POLICY)

    assert [(each.agency, each.clauses) for each in agencies] == [
        ("social_worker", ("LT-2", "LT-3", "LT-4")),
        ("101", ("LT-3",)),
    ]


def test_the_services_of_999_are_kept_apart() -> None:
    assert _told(["IR-0", "IR-2", "IR-4"], NOBODY) == ["999 police", "999 ambulance"]


def test_a_clause_without_a_route_is_in_no_entry() -> None:
    agencies = route([ClauseId.LT_4, ClauseId.LT_6], NOBODY, POLICY)

    assert [(each.agency, each.clauses) for each in agencies] == [("101", ("LT-4",))]
