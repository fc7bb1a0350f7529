"""Reports on an invented person, sealed as ADMIT seals them."""

from datetime import UTC, datetime
from typing import Any

from schemas.codec import encode
from schemas.disclosure import Location, Professional
from schemas.policy import load_policy
from schemas.reports import Report, ReportSection, Withheld
from schemas.sealed import SealedDetails, SealedSection
from schemas.vocabulary import Agency, EmergencyService, ProfessionalRole, ReportKind
from services.connectors.keyring import NoKey
from streams.domain.ids import report_id
from streams.domain.sealing import seal

DATA_KEY = bytes(range(32))
KEY_ID = "key-1"
PERSON = "person-1"
DETAILS = SealedDetails(
    account="forum:39117",
    phone="+447700900123",
    email="p@example.org",
    location=Location(text="by the bandstand", postcode="ZZ99 1AB"),
    professionals=(
        Professional(role=ProfessionalRole.SOCIAL_WORKER, name="A. Example", address="duty@council.example"),
    ),
    reference="thread-8841#3",
    summary="The assessor's own words.",
)


class Keys:
    """A keyring in memory. A key that is not in it counts as `absent` says: erased by default.

    While it is `late` no key is at hand, until a caller has waited for one.
    """

    def __init__(self, data_key: bytes = DATA_KEY, *, late: bool = False) -> None:
        self.keys = {KEY_ID: data_key}
        self.late = late
        self.absent = NoKey.ERASED

    def at_hand(self, key_id: str) -> bytes | NoKey | None:
        known = None if self.absent is NoKey.MISSING else self.absent
        return None if self.late else self.keys.get(key_id, known)

    async def data_key(self, key_id: str) -> bytes | NoKey:
        self.late = False
        return self.keys.get(key_id, self.absent)


def section(
    disclosure_id: str = "disclosure-1", details: SealedDetails = DETAILS, key_id: str = KEY_ID
) -> ReportSection:
    fields = seal(details.model_dump(), key=DATA_KEY, key_id=key_id, nonce=bytes(12), disclosure_id=disclosure_id)
    return ReportSection(disclosure_id=disclosure_id, section=SealedSection.model_validate(fields))


def report(agency: Agency = Agency.EMERGENCY_999, disclosure_id: str = "disclosure-1", **fields: Any) -> Report:
    emergency = agency is Agency.EMERGENCY_999
    share = load_policy().shares[agency]
    made: dict[str, Any] = {
        "report_id": report_id(f"decision-of-{disclosure_id}", agency),
        "decision_id": f"decision-of-{disclosure_id}",
        "agency": agency,
        "service": EmergencyService.AMBULANCE if emergency else None,
        "services": (EmergencyService.AMBULANCE,) if emergency else (),
        "kind": ReportKind.NEW,
        "person": PERSON,
        "disclosures": (disclosure_id,),
        "clauses": ("IR-1",) if emergency else ("LT-1",),
        "concerns": ("suicide",),
        "age": 17,
        "person_told": True,
        "person_agrees": False,
        "sections": (section(disclosure_id),),
        "withheld": tuple(Withheld(field=field, reason="not needed") for field in share.withheld),
        "reported_at": datetime(2026, 2, 3, 21, 9, 40, tzinfo=UTC),
        **fields,
    }
    return Report(**made)


def encoded(made: Report) -> bytes:
    return encode("Report", made.model_dump())
