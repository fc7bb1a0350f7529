"""Who is told of the clauses that hold (WHO-1, WHO-2), after the routes of the policy."""

from collections.abc import Iterable

from schemas.agencies import AGENCIES
from schemas.policy import Addressee, ClauseId, Policy
from schemas.records import AgencyToTell
from schemas.vocabulary import Agency, ProfessionalRole

#: Agencies that can be told only where the person's own is known.
OWN: dict[Agency, ProfessionalRole] = {
    agency: entry.professional for agency, entry in AGENCIES.items() if entry.professional is not None
}


def route(clauses: Iterable[ClauseId], known: frozenset[ProfessionalRole], policy: Policy) -> tuple[AgencyToTell, ...]:
    """Return who is told of these clauses, each agency and service once with the clauses it rests on.

    A clause of whose agencies none can be told is in no entry: it has no route.
    """
    told: dict[Addressee, list[ClauseId]] = {}
    for clause in clauses:
        for addressee in _addressees(clause, known, policy):
            told.setdefault(addressee, []).append(clause)
    return tuple(
        AgencyToTell(
            agency=addressee.agency, service=addressee.service, clauses=tuple(clause.value for clause in rests_on)
        )
        for addressee, rests_on in told.items()
    )


def _addressees(clause: ClauseId, known: frozenset[ProfessionalRole], policy: Policy) -> tuple[Addressee, ...]:
    chosen = policy.route_of(clause)
    can_be_told = tuple(to for to in chosen.agencies if to.agency not in OWN or OWN[to.agency] in known)
    match chosen.tell:
        case "all":
            return can_be_told
        case "first":
            return can_be_told[:1]
