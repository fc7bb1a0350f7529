"""The table of agencies: for each one its topic, its connector's lane group, its names, and when it can get a report.

Beside this table, each agency has its limits and waits (`streams.domain.delivery.RETRY_POLICIES`), and one module in
`services.agency_profiles` that projects a report for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.topics import Group, TopicName
from schemas.vocabulary import Agency, PeerKind, ProfessionalRole


@dataclass(frozen=True, slots=True)
class AgencyEntry:
    """One row of the table of agencies."""

    #: The topic of the agency's reports.
    reports: TopicName
    #: The lane group of the agency's connector.
    connector: Group
    #: The agency's name in texts for staff.
    name_for_staff: str
    #: The agency's name in a notice to the person who was reported.
    name_for_person: str
    #: The agency is the person's own professional of this role, and can get a report only if that one is known (WHO-2);
    #: None: it can always get one.
    professional: ProfessionalRole | None = None


AGENCIES: Mapping[Agency, AgencyEntry] = MappingProxyType(
    {
        Agency.EMERGENCY_999: AgencyEntry(
            reports=TopicName.REPORTS_999,
            connector=Group.CONNECTOR_999,
            name_for_staff="999",
            name_for_person="the emergency services (999)",
        ),
        Agency.POLICE_101: AgencyEntry(
            reports=TopicName.REPORTS_101,
            connector=Group.CONNECTOR_101,
            name_for_staff="101 (the non-emergency police line)",
            name_for_person="the police, on their non-emergency line",
        ),
        Agency.SOCIAL_WORKER: AgencyEntry(
            reports=TopicName.REPORTS_SOCIAL_WORKER,
            connector=Group.CONNECTOR_SOCIAL_WORKER,
            name_for_staff="their social worker",
            name_for_person="your social worker",
            professional=ProfessionalRole.SOCIAL_WORKER,
        ),
        Agency.CARE_TEAM: AgencyEntry(
            reports=TopicName.REPORTS_CARE_TEAM,
            connector=Group.CONNECTOR_CARE_TEAM,
            name_for_staff="the people involved in their care",
            name_for_person="the people involved in your care",
            professional=ProfessionalRole.CARE_PROFESSIONAL,
        ),
    }
)


def connector_group(agency: Agency) -> str:
    """Return the consumer group of the agency's connectors."""
    return f"confide-{AGENCIES[agency].connector}"


def connector_client(agency: Agency, kind: PeerKind) -> str:
    """Return the name by which the brokers know a connector: it says whether its agency is live."""
    return f"{connector_group(agency)}-{kind}"
