"""The notice to a young person, in plain words and with nothing that identifies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.agencies import AGENCIES
from schemas.notifications import NotificationDue
from schemas.policy import ClauseId, Policy
from schemas.vocabulary import Agency, ContactChannel, NoticeSays, Service
from services.agency_profiles import AGENCY_PROFILES
from streams.domain.ids import notice_reference

#: Statement of a notice about its report to `whom`; `now` is "now " if another notice was sent before. Each is true
#: whatever is unknown: with *may have told* and with *had been told* the agency may or may not have the report.
STATEMENTS: Mapping[NoticeSays, str] = MappingProxyType(
    {
        NoticeSays.HAVE_TOLD: "We have {now}told {whom}.",
        NoticeSays.ARE_TELLING: (
            "We are telling {whom}. We do not know yet whether it has reached them. "
            "We'll write to you again when we know."
        ),
        NoticeSays.HAVE_NOT_TOLD: "We were going to tell {whom}. We have not told them.",
        NoticeSays.MAY_HAVE_TOLD: (
            "We were going to tell {whom}, and then we stopped. We can't be sure if it had reached them before that."
        ),
        NoticeSays.HAD_BEEN_TOLD: (
            "We were going to tell {whom}. Then we heard that they had been told already, so we stopped."
        ),
    }
)
#: Notices with reasons: those about a report that was or is being passed on. A stopped report needs none.
_WITH_REASONS = (NoticeSays.HAVE_TOLD, NoticeSays.ARE_TELLING)


@dataclass(frozen=True, slots=True)
class Reason:
    """A clause that the report rests on, in the policy's plain words."""

    clause: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice and its addressee: each service finds its own person by its own `disclosure_id`."""

    notification_id: str
    disclosures: tuple[tuple[Service, str], ...]
    #: Safe channels, the preferred one first.
    channels: tuple[ContactChannel, ...]
    agency: str
    says: NoticeSays
    #: State of the report, in words.
    statement: str
    reasons: tuple[Reason, ...]
    #: That they may ask (TELL-3), the reference to quote, and where other support is (TELL-5).
    rights: str
    reference: str
    support: str

    def text(self) -> str:
        """Return the notice as the person reads it."""
        why = ["Why:", *(f"  - {reason.text}" for reason in self.reasons)] if self.reasons else []
        asking = f"{self.rights} Your reference is {self.reference}."
        return "\n".join([self.statement, *why, asking, self.support])


def compose(due: NotificationDue, says: NoticeSays, policy: Policy, notification_id: str | None = None) -> Notice:
    """Return the notice that says `says` about its report, in the policy's words.

    `notification_id` is the id of a follow-up; None, or the id in `due`, is the first notice. A follow-up must be true
    without the first one: after a crash it is unknown whether the first one was sent.
    """
    plain = {clause.id.value: clause.plain for clause in policy.clauses}
    follows = notification_id not in (None, due.notification_id)
    clauses = due.clauses if says in _WITH_REASONS else ()
    return Notice(
        notification_id=notification_id or due.notification_id,
        disclosures=tuple((each.service, each.disclosure_id) for each in due.disclosures),
        channels=due.channels,
        agency=AGENCIES[due.agency].name_for_person,
        says=says,
        statement=_statement(due.agency, says, follows=follows),
        # A clause of a later policy is cited by its id, so that the person can ask about it.
        reasons=tuple(Reason(clause, plain.get(clause, f"Part {clause} of our policy.")) for clause in clauses),
        rights=plain[ClauseId.TELL_3],
        reference=notice_reference(due.notification_id),
        support=plain[ClauseId.TELL_5],
    )


def _statement(agency: Agency, says: NoticeSays, *, follows: bool) -> str:
    said = STATEMENTS[says].format(whom=AGENCIES[agency].name_for_person, now="now " if follows else "")
    reassurance = AGENCY_PROFILES[agency].reassurance if says in _WITH_REASONS else None
    return f"This is about what you shared with us. {said}" + ("" if reassurance is None else f" {reassurance}")
