"""A notice: what the person is told, in plain words and with nothing that identifies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.policy import ClauseId, Policy
from schemas.records import NotificationDue
from schemas.vocabulary import Agency, ContactChannel, Service

#: What each agency is called to the person it was told of.
AGENCY_NAMES: Mapping[Agency, str] = MappingProxyType(
    {
        Agency.EMERGENCY_999: "the emergency services (999)",
        Agency.POLICE_101: "the police (101, not an emergency)",
        Agency.SOCIAL_WORKER: "your social worker",
        Agency.CARE_TEAM: "the people involved in your care",
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A clause that the report rests on, in the policy's words."""

    clause: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told to whom: each service finds its own person by its own `disclosure_id`."""

    notification_id: str
    disclosures: tuple[tuple[Service, str], ...]
    #: Ways that are safe, the preferred one first.
    channels: tuple[ContactChannel, ...]
    agency: str
    reasons: tuple[Reason, ...]
    #: That they may ask (TELL-3), and where other support is (TELL-5).
    rights: str
    support: str

    def text(self) -> str:
        """Return the notice as it is read to somebody."""
        why = "\n".join(f"  - {reason.text} ({reason.clause})" for reason in self.reasons)
        return (
            f"We have told {self.agency} about what you shared with us, because:\n{why}\n{self.rights}\n{self.support}"
        )


def compose(due: NotificationDue, policy: Policy) -> Notice:
    """Return the notice that is due, in the words of the policy."""
    texts = {clause.id.value: clause.text for clause in policy.clauses}
    return Notice(
        notification_id=due.notification_id,
        disclosures=tuple((each.service, each.disclosure_id) for each in due.disclosures),
        channels=due.channels,
        agency=AGENCY_NAMES[due.agency],
        # A clause of a later policy is cited by its id: somebody who asks is told.
        reasons=tuple(Reason(clause, texts.get(clause, "a clause of our policy")) for clause in due.clauses),
        rights=texts[ClauseId.TELL_3],
        support=texts[ClauseId.TELL_5],
    )
