"""ADMIT's split of a disclosure: facts the policy needs stay readable, all that identifies goes under seal."""

from schemas.disclosure import Disclosure, ReadableDisclosure, ReadableSubject
from schemas.records import SealedDetails


def readable(disclosure: Disclosure) -> ReadableDisclosure:
    """Return the half without identifiers, places, names, reference and free text."""
    subject = disclosure.subject
    # The parts were validated with the whole; checking them again would double the cost of the hot path.
    return ReadableDisclosure.model_construct(
        disclosure_id=disclosure.disclosure_id,
        service=disclosure.service,
        channel=None if disclosure.channel is None else disclosure.channel.kind,
        disclosed_at=disclosure.disclosed_at,
        assessment=disclosure.assessment,
        subject=ReadableSubject.model_construct(
            date_of_birth=subject.date_of_birth,
            age=subject.age,
            age_band=subject.age_band,
            adult_at_risk=subject.adult_at_risk,
            professionals=tuple(professional.role for professional in subject.professionals),
        ),
        concerns=disclosure.concerns,
        safety=disclosure.safety,
        contact=disclosure.contact,
        involvement=disclosure.involvement,
    )


def details(disclosure: Disclosure) -> SealedDetails:
    """Return the half that identifies, to be sealed."""
    subject = disclosure.subject
    return SealedDetails.model_construct(
        account=subject.account,
        phone=subject.phone,
        email=subject.email,
        location=subject.location,
        professionals=subject.professionals,
        reference=None if disclosure.channel is None else disclosure.channel.reference,
        summary=disclosure.summary,
    )
