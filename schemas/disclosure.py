"""The disclosure of the contract: the whole one, as a service sends it, and its readable half after ADMIT."""

from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from schemas.codec import encode
from schemas.concerns import CONCERNS, Concerns, may_be_immediate
from schemas.errors import Invalid
from schemas.fields import (
    WHOLE,
    Birth,
    Date,
    Degrees,
    DisclosureId,
    Email,
    Identifier,
    Model,
    Phone,
    ShortText,
    StatedAge,
    Text,
    Time,
    TriState,
    at_most,
    blank_as_none,
    mended,
    null_as,
)
from schemas.json_reader import read_json
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
#: Largest line that a door reads, in bytes: JSON may have six for one byte of the record.
MAX_LINE_BYTES = 6 * MAX_DISCLOSURE_BYTES


class Channel(Model):
    """The channel of the disclosure; `reference` leads back to the conversation."""

    kind: ChannelKind
    reference: Text | None = None


class Assessment(Model):
    """When the disclosure was assessed, by which role, and which role confirmed it (CASE-1)."""

    assessed_at: Time
    assessor: Role
    confirmed_by: Annotated[Role | None, blank_as_none(Role)] = None


class AdultAtRisk(Model):
    """The three facts of AR-1; each disclosure is assessed anew."""

    care_or_support_needs: TriState = None
    at_risk_of_harm: TriState = None
    cannot_protect_self: TriState = None


class Location(Model):
    """Location of the person, as far as it is known; degrees in WGS 84."""

    text: Text | None = None
    postcode: Text | None = None
    latitude: Degrees | None = None
    longitude: Degrees | None = None


class Professional(Model):
    """A professional who is involved in the person's care (WHO-2)."""

    role: ProfessionalRole
    name: Text | None = None
    organisation: Text | None = None
    address: Text | None = None


#: An age that a person can have.
Age = Annotated[StrictInt, Field(ge=0, le=130), WHOLE]
#: The name of an account as it was given. A damaged or long one sinks no disclosure: it makes no token, and is noted.
Account = Text
_Professionals = Annotated[tuple[Professional, ...], *at_most(50)]
_Channels = Annotated[tuple[ContactChannel, ...], *at_most(20)]
_Flag = Annotated[StrictBool, null_as(False, StrictBool)]


class Subject(Model):
    """The person whom the disclosure is about."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
                for name in ("account", "phone", "email")
            ]
        }
    )

    account: Account | None = None
    phone: Phone | None = None
    email: Email | None = None
    date_of_birth: Birth | None = None
    age: StatedAge | None = None
    age_band: Annotated[AgeBand | None, blank_as_none(AgeBand)] = None
    adult_at_risk: Annotated[AdultAtRisk, null_as(AdultAtRisk(), AdultAtRisk)] = AdultAtRisk()
    location: Annotated[Location, null_as(Location(), Location)] = Location()
    professionals: Annotated[_Professionals, null_as((), _Professionals)] = ()

    @model_validator(mode="after")
    def _has_an_identifier(self) -> "Subject":
        if not (self.account or self.phone or self.email):
            raise Invalid.of("", "needs at least one identifier: account, phone or email")
        return self


class Safety(Model):
    """Flags about the person's statement "I'm safe"; an absent flag is false."""

    says_safe: _Flag = False
    contradicted: _Flag = False
    unclear: _Flag = False


class Contact(Model):
    """The channels on which the person can be notified (TELL-1); `safe_to_contact` covers the listed channels."""

    channels: Annotated[_Channels, null_as((), _Channels)] = ()
    preferred: Annotated[ContactChannel | None, blank_as_none(ContactChannel)] = None
    safe_to_contact: TriState = None


class Involvement(Model):
    """The person's part in the decision (TELL-2)."""

    told: TriState = None
    view: Annotated[InvolvementView | None, blank_as_none(InvolvementView)] = None
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
    safety: Annotated[Safety, null_as(Safety(), Safety)] = Safety()
    contact: Annotated[Contact, null_as(Contact(), Contact)] = Contact()
    involvement: Annotated[Involvement, null_as(Involvement(), Involvement)] = Involvement()
    summary: Text | None = None
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: _Flag = False

    @model_validator(mode="wrap")
    @classmethod
    def _name_problems(cls, given: Any, handler: ModelWrapValidatorHandler["Disclosure"]) -> "Disclosure":
        """Replace pydantic's errors, which quote input and unknown names, at every door that makes a disclosure."""
        try:
            return handler(given)
        except ValidationError as error:
            found = error
        if _has_half_characters(found):
            # Of a name, or of a value that must be a word of the contract: pydantic cannot say which words are allowed.
            try:
                return handler(mended(given))
            except ValidationError as error:
                found = error
        raise Invalid.from_validation(found, _KINDS, cls) from None


def _has_half_characters(error: ValidationError) -> bool:
    every = error.errors(include_url=False, include_context=False, include_input=False)
    return any(each["type"] == "string_unicode" for each in every)


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
    #: What ADMIT noted of parts that it could not use; they are notes of the decision too.
    notes: tuple[ShortText, ...] = ()
    exercise: StrictBool = False


_KINDS = frozenset(kind.value for kind in ConcernKind)
#: Every field name of the contract's disclosure.
_NAMES = frozenset(name for model in (*_MODELS, *CONCERNS) for name in model.model_fields)


def parse_json(raw: bytes | str) -> Disclosure:
    """Return the disclosure of a JSON line; raise `Invalid`, which names each wrong field and quotes no input.

    Damage that changes no fact is mended: a byte order mark, half an emoji, bytes that are not UTF-8.
    """
    line = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(line) > MAX_LINE_BYTES:
        raise too_large()
    disclosure = validate(read_json(line, _NAMES))
    # The record's size counts, not the line's. A byte that is not UTF-8 has three in the record; none has four.
    if len(line) > MAX_DISCLOSURE_BYTES // 4:
        encode_disclosure(disclosure)
    return disclosure


def encode_disclosure(disclosure: Disclosure) -> bytes:
    """Return the value of the disclosure's record; raise `Invalid` if it is larger than its topic accepts."""
    value = encode("Disclosure", disclosure.model_dump())
    if len(value) > MAX_DISCLOSURE_BYTES:
        raise too_large()
    return value


def validate(fields: dict[str, Any]) -> Disclosure:
    """Return the disclosure of decoded fields; raise `Invalid`, which names each wrong field and quotes no value."""
    try:
        return Disclosure.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error) from None


def too_large() -> Invalid:
    """Return the error for a disclosure that is larger than its topic accepts."""
    return Invalid.of("disclosure", f"is larger than {MAX_DISCLOSURE_BYTES} bytes")


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
