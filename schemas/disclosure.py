"""The disclosure of the contract: the whole one, as a service sends it, and its readable half after ADMIT."""

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

#: Largest value on the services' topics, in bytes; a larger one is rejected.
MAX_DISCLOSURE_BYTES = 256 * 1024


class Channel(Model):
    """The channel of the disclosure; `reference` leads back to the conversation."""

    kind: ChannelKind
    reference: ShortText | None = None


class Assessment(Model):
    """When the disclosure was assessed, by which role, and which role confirmed it (CASE-1)."""

    assessed_at: Time
    assessor: Role
    confirmed_by: Role | None = None


class AdultAtRisk(Model):
    """The three facts of AR-1; each disclosure is assessed anew."""

    care_or_support_needs: TriState = None
    at_risk_of_harm: TriState = None
    cannot_protect_self: TriState = None


class Location(Model):
    """Location of the person, as far as it is known; degrees in WGS 84."""

    text: ShortText | None = None
    postcode: Annotated[str, Field(max_length=16)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, strict=True, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, strict=True, allow_inf_nan=False)] | None = None


class Professional(Model):
    """A professional who is involved in the person's care (WHO-2)."""

    role: ProfessionalRole
    name: ShortText | None = None
    organisation: ShortText | None = None
    address: ShortText | None = None


Age = Annotated[StrictInt, Field(ge=0, le=130)]


class Subject(Model):
    """The person whom the disclosure is about."""

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
    """Flags about the person's statement "I'm safe"; an absent flag is false."""

    says_safe: StrictBool = False
    contradicted: StrictBool = False
    unclear: StrictBool = False


class Contact(Model):
    """The channels on which the person can be notified (TELL-1); `safe_to_contact` covers the listed channels."""

    channels: Annotated[tuple[ContactChannel, ...], Field(max_length=20)] = ()
    preferred: ContactChannel | None = None
    safe_to_contact: TriState = None


class Involvement(Model):
    """The person's part in the decision (TELL-2)."""

    told: TriState = None
    view: InvolvementView | None = None
    safe_to_ask: TriState = None


class Disclosure(Model):
    """A service's record of one conversation, with the fields of the contract."""

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
    """The facts about the person that the policy needs; none identifies the person."""

    date_of_birth: Date | None = None
    age: Age | None = None
    age_band: AgeBand | None = None
    adult_at_risk: AdultAtRisk = AdultAtRisk()
    professionals: tuple[ProfessionalRole, ...] = ()


class ReadableDisclosure(Model):
    """The readable half of a disclosure after ADMIT: the facts that the policy needs."""

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
    """Return the disclosure of a JSON line; raise `Invalid`, which names each wrong field and quotes no value."""
    try:
        disclosure = Disclosure.model_validate_json(raw)
    except ValidationError as error:
        if any(found["type"] == "json_invalid" for found in error.errors(include_input=False, include_url=False)):
            raise Invalid.from_validation(error) from None
        # Some writers send null for an absent field: the fields are read again without such nulls.
        return validate(json.loads(raw, object_pairs_hook=_given))
    json.loads(raw, object_pairs_hook=_given)
    return disclosure


def validate(fields: dict[str, Any]) -> Disclosure:
    """Return the disclosure of decoded fields; raise `Invalid`, which names each wrong field and quotes no value."""
    try:
        return Disclosure.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error, _KINDS, _NAMES) from None


def disclosure_key(disclosure_id: str) -> bytes:
    """Return the key of a disclosure's record on its service's topic: the id in lower case (RFC 9562).

    One id always has one key, so all records of the id reach one lane of ADMIT, which knows the earlier ones.
    """
    return disclosure_id.lower().encode()


def is_urgent(disclosure: Disclosure | ReadableDisclosure) -> bool:
    """Return whether any immediate-risk fact is not ruled out: the disclosure then takes the urgent topics.

    Wider than the policy on purpose: a routine record may wait, so a record is routine only if the facts were denied.
    """
    return any(may_be_immediate(concern) for concern in disclosure.concerns)


def _given(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python's JSON reader silently keeps the last of two equal names, and the first may have been the risk.
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid.of(twice, "is given twice")
    return {name: value for name, value in pairs if value is not None or name not in _MAY_BE_LEFT_OUT}
