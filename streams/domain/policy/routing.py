"""The agencies that get a report of the clauses that hold (WHO-1, WHO-2), by the routes of the policy."""

from collections.abc import Iterable

from schemas.agencies import AGENCIES
from schemas.policy import Addressee, ClauseId, Policy
from schemas.records import AgencyToTell
from schemas.vocabulary import Agency, ProfessionalRole

#: Agencies that can get a report only if the person's own professional is known.
OWN: dict[Agency, ProfessionalRole] = {
    agency: entry.professional for agency, entry in AGENCIES.items() if entry.professional is not None
}


def route(clauses: Iterable[ClauseId], known: frozenset[ProfessionalRole], policy: Policy) -> tuple[AgencyToTell, ...]:
    """Return each agency and service that gets a report of these clauses, with its clauses.

    A clause without an agency that can get a report is in no entry: it has no route.
    """
    clauses_of: dict[Addressee, list[ClauseId]] = {}
    for clause in clauses:
        for addressee in _addressees(clause, known, policy):
            clauses_of.setdefault(addressee, []).append(clause)
    return tuple(
        AgencyToTell(
            agency=addressee.agency, service=addressee.service, clauses=tuple(clause.value for clause in its_own)
        )
        for addressee, its_own in clauses_of.items()
    )


def _addressees(clause: ClauseId, known: frozenset[ProfessionalRole], policy: Policy) -> tuple[Addressee, ...]:
    chosen = policy.route_of(clause)
    reachable = tuple(to for to in chosen.agencies if to.agency not in OWN or OWN[to.agency] in known)
    match chosen.tell:
        case "all":
            return reachable
        case "first":
            return reachable[:1]
