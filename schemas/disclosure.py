"""The disclosure of the contract, whole as the services send it and readable as it is after ADMIT."""

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from schemas.errors import Invalid
from schemas.vocabulary import (
    AgeBand,
    ChannelKind,
    ConcernKind,
    ContactChannel,
    HousingState,
    ImmediateDanger,
    InvolvementView,
    ProfessionalRole,
    Role,
    Service,
    Timeframe,
)

#: Values larger than this are refused on the services' topics (contract, *Topics*), in bytes.
MAX_DISCLOSURE_BYTES = 256 * 1024

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _refuse_number(value: Any, what: str) -> Any:
    # A bare number would be read as seconds or milliseconds since 1970, whichever fits: a guess about a time of risk.
    if isinstance(value, (int, float)):
        raise Invalid.of("", f"is not a {what} in ISO 8601")
    return value


def _no_number_as_time(value: Any) -> Any:
    return _refuse_number(value, "time")


def _no_number_as_date(value: Any) -> Any:
    return _refuse_number(value, "date")


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Invalid.of("", "is not a time in ISO 8601") from None


def _check_phone(value: str) -> str:
    if not _E164.fullmatch(value):
        raise Invalid.of("", "is not a phone number in E.164 form")
    return value


def _check_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise Invalid.of("", "is not an email address")
    return value


#: Yes, no or unknown; unknown is carried through the policy.
TriState = StrictBool | None
Time = Annotated[AwareDatetime, BeforeValidator(_no_number_as_time), AfterValidator(_to_utc)]
Date = Annotated[date, BeforeValidator(_no_number_as_date)]
Identifier = Annotated[str, Field(min_length=1, max_length=256)]
ShortText = Annotated[str, Field(max_length=2_000)]
Phone = Annotated[str, AfterValidator(_check_phone)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_check_email)]


class Model(BaseModel):
    """A frozen value that refuses fields it does not know: a misspelt risk fact must not count as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class _Concern(Model):
    immediate_danger: ImmediateDanger | None = ImmediateDanger.NONE


class Suicide(_Concern):
    """Facts of IR-1, LT-1 and SAFE-2."""

    kind: Literal[ConcernKind.SUICIDE]
    thoughts: TriState = None
    plan: TriState = None
    means: TriState = None
    intent: TriState = None
    timeframe: Timeframe | None = None


class SelfHarm(_Concern):
    """Fact of IR-2."""

    kind: Literal[ConcernKind.SELF_HARM]
    life_threatening: TriState = None


class Medication(_Concern):
    """Fact of IR-4."""

    kind: Literal[ConcernKind.MEDICATION]
    more_than_prescribed: TriState = None


class Abuse(_Concern):
    """Facts of IR-3 and LT-2."""

    kind: Literal[ConcernKind.ABUSE]
    ongoing: TriState = None
    position_of_trust: TriState = None
    contact_with_young_people: TriState = None
    can_block_safeguarding: TriState = None


class SexualAbuse(_Concern):
    """Fact of LT-3."""

    kind: Literal[ConcernKind.SEXUAL_ABUSE]
    coercive_or_abusive: TriState = None


class HarmToOthers(_Concern):
    """Fact of IR-5."""

    kind: Literal[ConcernKind.HARM_TO_OTHERS]
    might_harm: TriState = None


class Homelessness(_Concern):
    """Fact of LT-4."""

    kind: Literal[ConcernKind.HOMELESSNESS]
    state: HousingState | None = None


class Pregnancy(_Concern):
    """Fact of LT-5."""

    kind: Literal[ConcernKind.PREGNANCY]
    medical_professionals_informed: TriState = None


class CaringResponsibilities(_Concern):
    """Facts of LT-6, actual or possible, long term."""

    kind: Literal[ConcernKind.CARING_RESPONSIBILITIES]
    impact_on_carer: TriState = None
    impact_on_cared_for: TriState = None


_CONCERNS: tuple[type[Model], ...] = (
    Suicide,
    SelfHarm,
    Medication,
    Abuse,
    SexualAbuse,
    HarmToOthers,
    Homelessness,
    Pregnancy,
    CaringResponsibilities,
)
Concern = Annotated[
    Suicide
    | SelfHarm
    | Medication
    | Abuse
    | SexualAbuse
    | HarmToOthers
    | Homelessness
    | Pregnancy
    | CaringResponsibilities,
    Field(discriminator="kind"),
]
Concerns = Annotated[tuple[Concern, ...], Field(min_length=1, max_length=50)]


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

    disclosure_id: Identifier
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
_NAMES = frozenset(name for model in (*_MODELS, *_CONCERNS) for name in model.model_fields)


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


def is_urgent(disclosure: Disclosure | ReadableDisclosure) -> bool:
    """Return whether any immediate-risk fact is not ruled out: what may be an emergency goes the urgent way.

    Wider than the policy on purpose: a routine record waits, so only facts that were denied make a record routine.
    """
    return any(_may_be_immediate(concern) for concern in disclosure.concerns)


def _given(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A JSON reader keeps the last of two equal names without a word, and the first may have been the risk.
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid.of(twice, "is given twice")
    return {name: value for name, value in pairs if value is not None or name not in _MAY_BE_LEFT_OUT}


def _may_be_immediate(concern: Any) -> bool:
    if concern.immediate_danger is not ImmediateDanger.NONE:
        return True
    match concern:
        case Suicide(plan=plan, timeframe=timeframe):
            return plan is not False and timeframe in (None, Timeframe.IMMEDIATE)
        case SelfHarm(life_threatening=fact) | Medication(more_than_prescribed=fact) | HarmToOthers(might_harm=fact):
            return fact is not False
        case Abuse(position_of_trust=trust, contact_with_young_people=contact, can_block_safeguarding=block):
            return trust is not False and not (contact is False and block is False)
        case _:
            return False
