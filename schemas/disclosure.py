"""The disclosure of the contract: the whole one, as a service sends it, and its readable half after ADMIT."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, ValidationError, model_validator

from schemas.codec import encode
from schemas.concerns import CONCERNS, Concerns, may_be_immediate
from schemas.errors import HIDDEN_NAME, Invalid
from schemas.fields import (
    WHOLE,
    Date,
    DisclosureId,
    Email,
    Identifier,
    Model,
    Phone,
    ShortText,
    Time,
    TriState,
    null_as,
    published,
)
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
#: Takes the place of a character that was damaged on the way, such as half an emoji.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


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


def _check_account(value: str) -> str:
    if REPLACEMENT in value:
        raise Invalid.of("", "has a damaged character, so it names no account")
    return value


Age = Annotated[StrictInt, Field(ge=0, le=130), WHOLE]
Account = Annotated[
    Identifier, AfterValidator(_check_account), Field(json_schema_extra={**published(f"[^{REPLACEMENT}]*")})
]
_Professionals = Annotated[tuple[Professional, ...], Field(max_length=50)]
_Channels = Annotated[tuple[ContactChannel, ...], Field(max_length=20)]
_Flag = Annotated[StrictBool, null_as(False, StrictBool)]


class Subject(Model):
    """The person whom the disclosure is about."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}} for name in ("account", "phone", "email")
            ]
        }
    )

    account: Account | None = None
    phone: Phone | None = None
    email: Email | None = None
    date_of_birth: Date | None = None
    age: Age | None = None
    age_band: AgeBand | None = None
    adult_at_risk: Annotated[AdultAtRisk, null_as(AdultAtRisk(), AdultAtRisk)] = AdultAtRisk()
    location: Annotated[Location, null_as(Location(), Location)] = Location()
    professionals: Annotated[_Professionals, null_as((), _Professionals)] = ()

    @model_validator(mode="after")
    def _has_an_identifier(self) -> "Subject":
        if self.account is None and self.phone is None and self.email is None:
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
    safety: Annotated[Safety, null_as(Safety(), Safety)] = Safety()
    contact: Annotated[Contact, null_as(Contact(), Contact)] = Contact()
    involvement: Annotated[Involvement, null_as(Involvement(), Involvement)] = Involvement()
    summary: str | None = None
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: _Flag = False


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
    try:
        disclosure = Disclosure.model_validate_json(raw)
    except ValidationError:
        # Read again by the reader that mends.
        disclosure = validate(_read(raw, _mended_object))
    else:
        _read(raw, _given)
    # A line may be longer than the record: JSON has six characters for one that is escaped.
    if len(raw) > MAX_DISCLOSURE_BYTES and len(encode("Disclosure", disclosure.model_dump())) > MAX_DISCLOSURE_BYTES:
        raise too_large()
    return disclosure


def validate(fields: dict[str, Any]) -> Disclosure:
    """Return the disclosure of decoded fields; raise `Invalid`, which names each wrong field and quotes no value."""
    try:
        return Disclosure.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error, _KINDS, _NAMES) from None


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


def _read(raw: bytes | str, hook: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> Any:
    """Return the JSON value of a line; raise `Invalid` if it is not JSON or gives a name twice."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "surrogatepass" if _is_whole(raw) else "replace")
    try:
        return json.loads(text.removeprefix(_BYTE_ORDER_MARK), object_pairs_hook=hook, parse_constant=_refuse_constant)
    except Invalid:
        raise
    except (ValueError, RecursionError):
        # `from None`: the reader's message quotes the place, and its error holds the text.
        raise Invalid.of("line", "is not JSON") from None


def _is_whole(raw: bytes) -> bool:
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_constant(_: str) -> None:
    # NaN and Infinity are JavaScript's; JSON (RFC 8259) has no such numbers.
    raise Invalid.of("line", "is not JSON")


def _given(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python's JSON reader silently keeps the last of two equal names, and the first may have been the risk.
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Invalid.of(name if name in _NAMES else HIDDEN_NAME, "is given twice")
        seen.add(name)
    return dict(pairs)


def _mended_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: _mended(value) for name, value in _given(pairs).items()}


def _mended(value: Any) -> Any:
    """Return text without lone surrogates, in lists too; other values as they are."""
    if isinstance(value, str):
        # Two halves that belong together become one character, a half alone becomes REPLACEMENT.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return [_mended(each) for each in value] if isinstance(value, list) else value
