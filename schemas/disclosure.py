"""The disclosure of the contract, whole as the services send it and readable as it is after ADMIT."""

import json
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, ValidationError, model_validator

from schemas.concerns import CONCERNS, Concerns, may_be_immediate
from schemas.errors import Invalid
from schemas.fields import Date, DisclosureId, Email, Identifier, Model, Phone, ShortText, Time, TriState
from schemas.vocabulary import (
    AgeBand,
    ChannelKind,
    ConcernKind,
    ContactChannel,
    InvolvementView,
    ProfessionalRole,
    Role,
    Service,
)

#: Values larger than this are refused on the services' topics (contract, *Topics*), in bytes.
MAX_DISCLOSURE_BYTES = 256 * 1024


class Channel(Model):
    """Where the disclosure was made; the reference leads back to the conversation."""

    kind: ChannelKind
    reference: ShortText | None = None


class Assessment(Model):
    """Who assessed the disclosure, when, and who confirmed it (CASE-1)."""

    assessed_at: Time
    assessor: Role
    confirmed_by: Role | None = None


class AdultAtRisk(Model):
    """The three facts of AR-1, judged anew each time."""

    care_or_support_needs: TriState = None
    at_risk_of_harm: TriState = None
    cannot_protect_self: TriState = None


class Location(Model):
    """Where the person is, as far as it is known; degrees in WGS 84."""

    text: ShortText | None = None
    postcode: Annotated[str, Field(max_length=16)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, strict=True, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, strict=True, allow_inf_nan=False)] | None = None


class Professional(Model):
    """Somebody involved in the person's care (WHO-2)."""

    role: ProfessionalRole
    name: ShortText | None = None
    organisation: ShortText | None = None
    address: ShortText | None = None


Age = Annotated[StrictInt, Field(ge=0, le=130)]


class Subject(Model):
    """Whom the disclosure is about."""

    account: Identifier | None = None
    phone: Phone | None = None
    email: Email | None = None
    date_of_birth: Date | None = None
    age: Age | None = None
    age_band: AgeBand | None = None
    adult_at_risk: AdultAtRisk = AdultAtRisk()
    location: Location = Location()
    professionals: Annotated[tuple[Professional, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _has_an_identifier(self) -> "Subject":
        if self.account is None and self.phone is None and self.email is None:
            raise Invalid.of("", "needs at least one identifier: account, phone or email")
        return self


class Safety(Model):
    """What is known of "I'm safe"; an absent flag is false."""

    says_safe: StrictBool = False
    contradicted: StrictBool = False
    unclear: StrictBool = False


class Contact(Model):
    """How the person can be told (TELL-1); `safe_to_contact` is about the channels listed here."""

    channels: Annotated[tuple[ContactChannel, ...], Field(max_length=20)] = ()
    preferred: ContactChannel | None = None
    safe_to_contact: TriState = None


class Involvement(Model):
    """Whether the person was part of the decision (TELL-2)."""

    told: TriState = None
    view: InvolvementView | None = None
    safe_to_ask: TriState = None


class Disclosure(Model):
    """What a service says of a conversation, as `contract.md` gives it."""

    disclosure_id: DisclosureId
    service: Service
    channel: Channel | None = None
    disclosed_at: Time
    assessment: Assessment
    subject: Subject
    concerns: Concerns
    safety: Safety = Safety()
    contact: Contact = Contact()
    involvement: Involvement = Involvement()
    summary: str | None = None


_MODELS: tuple[type[Model], ...] = (
    Disclosure,
    Channel,
    Assessment,
    Subject,
    AdultAtRisk,
    Location,
    Professional,
    Safety,
    Contact,
    Involvement,
)


class ReadableSubject(Model):
    """What the policy needs to know of the person; nothing that identifies."""

    date_of_birth: Date | None = None
    age: Age | None = None
    age_band: AgeBand | None = None
    adult_at_risk: AdultAtRisk = AdultAtRisk()
    professionals: tuple[ProfessionalRole, ...] = ()


class ReadableDisclosure(Model):
    """The half of a disclosure that stays readable behind ADMIT: the facts that the policy needs."""

    disclosure_id: Identifier
    service: Service
    channel: ChannelKind | None = None
    disclosed_at: Time
    assessment: Assessment
    subject: ReadableSubject
    concerns: Concerns
    safety: Safety = Safety()
    contact: Contact = Contact()
    involvement: Involvement = Involvement()


_KINDS = frozenset(kind.value for kind in ConcernKind)
#: Every field name of the contract's disclosure.
_NAMES = frozenset(name for model in (*_MODELS, *CONCERNS) for name in model.model_fields)


#: Parts and flags without which a disclosure is whole: null leaves them out. A fact's null is another thing: unknown.
_MAY_BE_LEFT_OUT = frozenset(
    ("adult_at_risk", "location", "professionals", "safety", "contact", "channels", "involvement")
) | frozenset(Safety.model_fields)


def parse_json(raw: bytes | str) -> Disclosure:
    """Return the disclosure that a JSON line holds; raise `Invalid`, naming each field and never a refused value."""
    try:
        disclosure = Disclosure.model_validate_json(raw)
    except ValidationError as error:
        if any(found["type"] == "json_invalid" for found in error.errors(include_input=False, include_url=False)):
            raise Invalid.from_validation(error) from None
        # Some writers give null for what they leave out; what is wrong besides is found again.
        return validate(json.loads(raw, object_pairs_hook=_given))
    json.loads(raw, object_pairs_hook=_given)
    return disclosure


def validate(fields: dict[str, Any]) -> Disclosure:
    """Return the disclosure that decoded fields make; raise `Invalid`, naming each field and never a refused value."""
    try:
        return Disclosure.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error, _KINDS, _NAMES) from None


def disclosure_key(disclosure_id: str) -> bytes:
    """Return the key of a disclosure's record on its service's topic: the id in lower case (RFC 9562).

    One id always has one key, so it always meets one lane of ADMIT, which knows what came before under it.
    """
    return disclosure_id.lower().encode()


def is_urgent(disclosure: Disclosure | ReadableDisclosure) -> bool:
    """Return whether any immediate-risk fact is not ruled out: what may be an emergency goes the urgent way.

    Wider than the policy on purpose: a routine record waits, so only facts that were denied make a record routine.
    """
    return any(may_be_immediate(concern) for concern in disclosure.concerns)


def _given(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A JSON reader keeps the last of two equal names without a word, and the first may have been the risk.
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid.of(twice, "is given twice")
    return {name: value for name, value in pairs if value is not None or name not in _MAY_BE_LEFT_OUT}
