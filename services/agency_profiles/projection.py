"""Parts of an agency's request that agencies share, made of the details of all disclosures of a report."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schemas.disclosure import Location
from schemas.policy import ShareField
from schemas.reports import Report
from schemas.sealed import SealedDetails
from streams.domain.identifier_forms import account_form, email_address, is_no_phone, phone_form
from streams.domain.locations import known_location
from streams.domain.policy.age import is_possible

#: Makes the body of an agency's request from the report and the details of its sections, in their order.
Projection = Callable[[Report, Sequence[SealedDetails]], dict[str, Any]]

#: Field of the sealed details for each field that may be withheld; the keys are the contract's names.
_DETAILS_FIELD = {
    ShareField.ACCOUNT: "account",
    ShareField.PHONE: "phone",
    ShareField.EMAIL: "email",
    ShareField.DATE_OF_BIRTH: "date_of_birth",
    ShareField.LOCATION: "location",
    ShareField.PROFESSIONALS: "professionals",
    ShareField.REFERENCE: "reference",
    ShareField.SUMMARY: "summary",
}
_BLANK = SealedDetails().model_dump(round_trip=True) | {"location": Location()}


def envelope(report: Report) -> dict[str, Any]:
    """Return the fields of the report that each agency gets: its id, the report it adds to, its clauses."""
    return {
        "report_id": report.report_id,
        "agency": report.agency.value,
        "kind": report.kind.value,
        "refers_to": report.refers_to,
        "reported_at": report.reported_at.isoformat(),
        "clauses": list(report.clauses),
        "exercise": report.exercise,
    }


def about(report: Report, details: Sequence[SealedDetails]) -> dict[str, Any]:
    """Return the person of the report: age, dates of birth and contact identifiers, without withheld fields."""
    known = (held.date_of_birth for held in details)
    # A placeholder counts as unknown for us too; an agency would take it for the age, or refuse the request.
    born = _distinct(each.isoformat() for each in known if each and is_possible(each, report.reported_at))
    return {"age": report.age, "dates_of_birth": born, **identifiers(details)}


def identifiers(details: Sequence[SealedDetails]) -> dict[str, list[str]]:
    """Return every known phone, email and account, each once; without placeholders, by which nobody can be reached."""
    return {
        "phones": _distinct(_dialled(held.phone) if held.phone else None for held in details),
        # Text that is no address was noted at ADMIT; an agency may refuse a request because of it.
        "emails": _distinct(email_address(held.email) if held.email else None for held in details),
        "accounts": _distinct(
            held.account if held.account and account_form(held.account) else None for held in details
        ),
    }


def _dialled(phone: str) -> str | None:
    """Return the number as it is dialled; one that no phone has as it is; None for a placeholder."""
    return phone_form(phone) or (None if is_no_phone(phone) else phone)


def words(details: Sequence[SealedDetails]) -> list[str]:
    """Return the summaries of the assessors, each once."""
    return _distinct(held.summary for held in details)


def places(details: Sequence[SealedDetails]) -> list[dict[str, Any]]:
    """Return every known location, each once, without its empty fields."""
    # ADMIT leaves such a point out; an earlier release did not.
    every = [known_location(held.location.model_dump()) for held in details]
    known = [{name: value for name, value in each.items() if value is not None} for each in every]
    return [place for index, place in enumerate(known) if place and place not in known[:index]]


def professionals(details: Sequence[SealedDetails]) -> list[dict[str, Any]]:
    """Return the professionals involved, each once."""
    known = [one.model_dump(mode="json", exclude_none=True) for held in details for one in held.professionals]
    return [one for index, one in enumerate(known) if one not in known[:index]]


def without_withheld(report: Report, details: Sequence[SealedDetails]) -> list[SealedDetails]:
    """Return the details without the fields that the report withholds, so that no projection sees them."""
    withheld = {each.field for each in report.withheld}
    blank = {name: _BLANK[name] for field, name in _DETAILS_FIELD.items() if field in withheld}
    return [held.model_copy(update=blank) for held in details]


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
