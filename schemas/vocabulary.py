"""The closed sets of the contract: values of fields of `Disclosure`, `Decision` and the other records."""

from enum import StrEnum


class Service(StrEnum):
    """The two support services."""

    FORUM = "forum"
    TEXT_LINE = "text_line"


class ChannelKind(StrEnum):
    """Kinds of channel on which a disclosure is made."""

    THREAD = "thread"
    DIRECT_MESSAGE = "direct_message"
    LIVE_CHAT = "live_chat"
    SMS = "sms"
    WEB_CHAT = "web_chat"
    WHATSAPP = "whatsapp"


class ContactChannel(StrEnum):
    """Channels on which a person can be reached: every kind of channel, and email."""

    THREAD = "thread"
    DIRECT_MESSAGE = "direct_message"
    LIVE_CHAT = "live_chat"
    SMS = "sms"
    WEB_CHAT = "web_chat"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class Role(StrEnum):
    """Roles that assess or confirm a disclosure; only the last two may make or confirm a report (CASE-1)."""

    AUTOMATED_FILTER = "automated_filter"
    VOLUNTEER = "volunteer"
    COACH = "coach"
    MODERATOR = "moderator"
    CLINICAL_SUPERVISOR = "clinical_supervisor"
    SAFEGUARDING_LEAD = "safeguarding_lead"


class AgeBand(StrEnum):
    """Age bands, for a person whose age in years is unknown."""

    UNDER_16 = "under_16"
    SIXTEEN_SEVENTEEN = "16_17"
    ADULT = "adult"


class ProfessionalRole(StrEnum):
    """Professionals who may be involved in a person's care (WHO-2)."""

    SOCIAL_WORKER = "social_worker"
    CARE_PROFESSIONAL = "care_professional"


class ImmediateDanger(StrEnum):
    """Immediate danger, a fact of every kind of concern (IR-0)."""

    NONE = "none"
    HARM = "harm"
    LIFE = "life"


class Timeframe(StrEnum):
    """Time until the person would act on an intention to end their life (IR-1, LT-1)."""

    IMMEDIATE = "immediate"
    WITHIN_30_DAYS = "within_30_days"
    BEYOND_30_DAYS = "beyond_30_days"
    NONE = "none"


class ConcernKind(StrEnum):
    """Kinds of concern."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    MEDICATION = "medication"
    ABUSE = "abuse"
    SEXUAL_ABUSE = "sexual_abuse"
    HARM_TO_OTHERS = "harm_to_others"
    HOMELESSNESS = "homelessness"
    PREGNANCY = "pregnancy"
    CARING_RESPONSIBILITIES = "caring_responsibilities"


class HousingState(StrEnum):
    """The person's housing (LT-4)."""

    HOMELESS = "homeless"
    AT_RISK = "at_risk"


class InvolvementView(StrEnum):
    """The person's view of a report (TELL-2)."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NOT_ASKED = "not_asked"


class Outcome(StrEnum):
    """The five outcomes of a decision."""

    EMERGENCY = "emergency"
    REFER = "refer"
    REVIEW = "review"
    CONFIDENTIAL = "confidential"
    OUT_OF_SCOPE = "out_of_scope"

    @property
    def is_reported(self) -> bool:
        """Whether agencies get a report: of an emergency or a referral, and of no other outcome."""
        return self is Outcome.EMERGENCY or self is Outcome.REFER


class ClauseState(StrEnum):
    """The state of a clause for a disclosure (Kleene's three values)."""

    HOLDS = "holds"
    OPEN = "open"
    DOES_NOT_HOLD = "does_not_hold"


class ReviewReason(StrEnum):
    """Why a trained person must review a case."""

    CONFIRMATION = "confirmation"
    SAFEGUARDING_LEAD = "safeguarding_lead"
    PRIVATE_CONVERSATION = "private_conversation"
    MISSING_FACT = "missing_fact"
    NO_ROUTE = "no_route"
    SUSPECTED_SHARED = "suspected_shared"
    REJECTED = "rejected"
    CONFLICTING_ID = "conflicting_id"
    UNDELIVERED = "undelivered"


class ReviewDecision(StrEnum):
    """Decisions that settle a review; `schemas.review_table` has the decisions that each reason allows."""

    CONFIRM = "confirm"
    REFUSE = "refuse"
    NEW_FACTS = "new_facts"
    NOT_REACHED = "not_reached"
    ENTERED_AGAIN = "entered_again"
    NOTHING_IN_IT = "nothing_in_it"
    TOLD_BY_PHONE = "told_by_phone"
    SEND_AGAIN = "send_again"
    WITHDRAWN = "withdrawn"
    #: No person decided: the agency acknowledged the report after all.
    ACKNOWLEDGED = "acknowledged"
    #: No person decided: every rejected record was sent again under its id, and accepted.
    ACCEPTED = "accepted"


class Refusal(StrEnum):
    """Why a proposal or a question was refused; a closed set, so that no free text of a person is in a topic."""

    NO_CLAUSE_HOLDS = "no_clause_holds"
    SAFE_AFTER_CONVERSATION = "safe_after_conversation"
    ALREADY_REPORTED = "already_reported"
    OUT_OF_SCOPE = "out_of_scope"
    ENTERED_IN_ERROR = "entered_in_error"


class Agency(StrEnum):
    """The agencies that get reports (WHO-1, WHO-2)."""

    EMERGENCY_999 = "999"
    POLICE_101 = "101"
    SOCIAL_WORKER = "social_worker"
    CARE_TEAM = "care_team"


class EmergencyService(StrEnum):
    """The emergency service to ask for at 999."""

    POLICE = "police"
    AMBULANCE = "ambulance"


class CausedBy(StrEnum):
    """The cause of a decision."""

    DISCLOSURE = "disclosure"
    REVIEW_OUTCOME = "review_outcome"
    CASE = "case"


class ReportKind(StrEnum):
    """Kinds of report, in relation to earlier reports."""

    NEW = "new"
    SUPPLEMENT = "supplement"
    WITHDRAWAL = "withdrawal"
    SAME_PERSON = "same_person"


class DeliveryState(StrEnum):
    """The states of a report at its agency. Sent, received, acknowledged and outcome known are separate facts."""

    QUEUED = "queued"
    SENT = "sent"
    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    OUTCOME_KNOWN = "outcome_known"
    FAILED = "failed"


class StopReason(StrEnum):
    """Why no further attempt of a report is made."""

    TOLD_BY_PHONE = "told_by_phone"
    WITHDRAWN = "withdrawn"


class PeerKind(StrEnum):
    """To whom a connector or notifier sends."""

    #: Real agencies and people: no exercise gets there.
    LIVE = "live"
    #: A simulation, for tests and exercises.
    SIMULATED = "simulated"


class NoticeStands(StrEnum):
    """The state of a notice's report, as DECIDE knows it. A later value replaces an earlier one, never the reverse."""

    #: The agency has not acknowledged the report yet.
    TELLING = "telling"
    #: Staff withdrew the report before any attempt could reach the agency.
    NOT_TOLD = "not_told"
    #: Staff withdrew the report after an attempt that may have reached the agency.
    MAYBE_TOLD = "maybe_told"
    #: Staff withdrew the report because the agency already knew by another path.
    ALREADY_TOLD = "already_told"
    #: The agency acknowledged the report, or a member of staff told the agency by phone.
    TOLD = "told"


class NoticeSays(StrEnum):
    """The statement that a notice makes about its report."""

    HAVE_TOLD = "have_told"
    ARE_TELLING = "are_telling"
    HAVE_NOT_TOLD = "have_not_told"
    MAY_HAVE_TOLD = "may_have_told"
    HAD_BEEN_TOLD = "had_been_told"


class NoticeState(StrEnum):
    """The final state of a notice (TELL-1)."""

    TOLD = "told"
    DEFERRED = "deferred"
    UNREACHABLE = "unreachable"
    #: Staff withdrew the report before the person was notified: no notice was sent.
    WITHDRAWN = "withdrawn"
    #: Unknown after a crash whether the notice was sent, and it is no longer true: a follow-up gives the present state.
    UNKNOWN = "unknown"


class WithheldBecause(StrEnum):
    """Why a person gets no notice now (TELL-1)."""

    NOT_SAFE_TO_CONTACT = "not_safe_to_contact"
    NO_CHANNEL = "no_channel"


class AlarmKind(StrEnum):
    """Kinds of alarm."""

    #: A lane refuses to work.
    LANE = "lane"
    #: An agency takes no reports: its breaker is open, or attempts in a row failed.
    BREAKER = "breaker"
    #: A lane keeps putting work aside.
    FAILING = "failing"
    #: The clock of a machine was set while a process ran on it.
    CLOCK = "clock"
    #: A pressing review is open.
    REVIEW = "review"
    #: Reports to an agency other than 999 wait for a human.
    UNDELIVERED = "undelivered"
    #: An open transaction hides records of a topic.
    HIDDEN = "hidden"


class AlarmState(StrEnum):
    """Whether the cause of an alarm exists."""

    RAISED = "raised"
    CLEARED = "cleared"
