"""The records of a notice to the person: the order to notify, and its end."""

from pydantic import StrictBool

from schemas.fields import Identifier, Model, Time
from schemas.vocabulary import (
    Agency,
    ContactChannel,
    NoticeSays,
    NoticeStands,
    NoticeState,
    Service,
    WithheldBecause,
)


class ServiceDisclosure(Model):
    """A disclosure, by its service and the service's own id."""

    service: Service
    disclosure_id: Identifier


class NotificationDue(Model):
    """An order to notify a person that they were reported, to which agency and why (TELL-1, TELL-3)."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    agency: Agency
    clauses: tuple[str, ...]
    channels: tuple[ContactChannel, ...] = ()
    withheld_because: WithheldBecause | None = None
    due_at: Time
    #: State of the report. DECIDE sends this record again, with all its fields, when it changes.
    stands: NoticeStands = NoticeStands.TELLING
    #: When the person is notified that Confide is telling the agency, if the agency has not acknowledged before.
    tell_by: Time | None = None
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False


class NotificationSettled(Model):
    """The end of a notice to the person."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    state: NoticeState
    channel: ContactChannel | None = None
    reason: str | None = None
    #: When a deferred notice is reviewed.
    review_at: Time | None = None
    settled_at: Time
    #: The statement of the notice that was sent; None if none was sent.
    says: NoticeSays | None = None
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False
