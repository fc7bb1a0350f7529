"""The one form of each identifier, so that two spellings of one phone or address make one token.

Normalised: Unicode NFC without default-ignorable characters; accounts without surrounding spaces; emails case-folded,
without display name, brackets and separators around the address, their domain in IDNA without its final dots; phones by
`phonenumbers`. An identifier without such a form, or that is a placeholder (`placeholders`), is nobody's: it makes no
token, and is noted.
"""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

from schemas.fields import REPLACEMENT
from streams.domain.placeholders import WITHHELD, is_no_account, is_no_mailbox, is_no_number

#: The characters of RFC 5322 that need no quotes, with all beyond ASCII (RFC 6531).
_ATOM = r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,\"]+"
_EMAIL = re.compile(f'(?P<quote>"?)(?P<local>{_ATOM})(?P=quote)@(?P<domain>{_ATOM})')
#: An address in angle brackets, after the name of a person or not.
_BRACKETED = re.compile(r"[^<>]*<([^<>]*)>")
_BEFORE_EMAIL = re.compile(r"mailto:", re.IGNORECASE)
#: What people and software write around an address.
_AROUND, _AFTER = " ,;\t\r\n", " ,;:.\t\r\n"
_QUOTES = ('""', "''", "()", "[]", "\u2018\u2019", "\u201c\u201d")
_LONGEST_EMAIL = 320
_LONGEST_ACCOUNT = 256
#: A host name (RFC 1123) of two labels or more: no mailbox of the Internet is in a domain of one. The last label is no
#: number, or the text could be an IP address.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}", re.IGNORECASE)
_LONGEST_DOMAIN = 253
_NO_DIGIT = re.compile("[^0-9]")
#: Most digits of a country code.
_COUNTRY_DIGITS = 3

#: Unicode's property Default_Ignorable_Code_Point: characters that no reader sees.
_IGNORABLE_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_IGNORABLE = dict.fromkeys(code for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))


def text_form(text: str) -> str:
    """Return the text in NFC, without the characters that no reader sees."""
    return unicodedata.normalize("NFC", text.translate(_IGNORABLE))


def account_form(account: str) -> str | None:
    """Return the name of an account in its one form; None for a placeholder, blanks, a long text, or a lost character.

    Two names could differ only in the characters that were lost.
    """
    # The length first: to normalise a long text of marks takes quadratic time.
    if len(account) > _LONGEST_ACCOUNT or REPLACEMENT in account:
        return None
    form = text_form(account).strip()
    return None if is_no_account(form) else form


def notes_of(account: str | None, phone: str | None, email: str | None) -> list[str]:
    """Return a note for each identifier that makes no token, for the decision; it quotes no identifier."""
    given = {"account": account, "phone": phone, "email": email}
    notes = [f"subject.{name}: is empty; it counts as absent" for name, text in given.items() if text == ""]
    if account and account_form(account) is None:
        notes.append(
            "subject.account: is damaged, too long, or a word or a blank for no account; it joins no disclosures"
        )
    if phone and phone_form(phone) is None:
        notes.append("subject.phone: no phone has this number, or the caller withheld it; it joins no disclosures")
    if email and email_form(email) is None:
        notes.append("subject.email: is not the email address of a person; it joins no disclosures")
    return notes


@lru_cache(maxsize=16_384)
def phone_form(phone: str) -> str | None:
    """Return an E.164 number in the one form of its number; None for a number that no phone has, or a withheld one.

    An example of two forms is the zero of calls from inside the country, which some write as `+44 (0)7700 900123`.
    """
    if is_no_phone(phone):
        return None
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_no_phone(phone: str) -> bool:
    """Return whether a number is a placeholder, after any country code or none.

    Carriers put one in the place of a withheld number. People type one digit again and again to fill a form.
    """
    digits = _NO_DIGIT.sub("", phone)
    return any(
        digits[length:].lstrip("0") in WITHHELD or is_no_number(digits[length:])
        for length in range(_COUNTRY_DIGITS + 1)
        if length == 0 or _is_country_code(digits[:length])
    )


def _is_country_code(digits: str) -> bool:
    return digits.isdecimal() and int(digits) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE


def email_form(email: str) -> str | None:
    """Return an email address in its one form; None for text that is no address, and for a placeholder."""
    if (parts := _parts_of(email)) is None:
        return None
    local, _, domain = parts
    return unicodedata.normalize("NFC", f"{local}@{domain}".casefold())


def email_address(email: str) -> str | None:
    """Return the address in a text as it is written, without what is around it; None if `email_form` has none."""
    if (parts := _parts_of(email)) is None:
        return None
    local, written, _ = parts
    return f"{local}@{written}"


def _parts_of(email: str) -> tuple[str, str, str] | None:
    """Return the part before the `@`, the domain as it is written, and the domain in IDNA."""
    # The length first: to normalise a long text of marks takes quadratic time.
    if len(email) > _LONGEST_EMAIL or REPLACEMENT in email:
        return None
    found = _EMAIL.fullmatch(_bare(text_form(email)))
    if found is None:
        return None
    written = found["domain"].rstrip(".")
    domain = _domain(written)
    return None if domain is None or is_no_mailbox(found["local"], domain) else (found["local"], written, domain)


def _bare(text: str) -> str:
    """Return an address without what people and software write around it."""
    text = text.strip().strip(_AROUND)
    if bracketed := _BRACKETED.fullmatch(text.rstrip(_AFTER)):
        text = bracketed[1].strip(_AROUND)
    text = _BEFORE_EMAIL.sub("", text.rstrip(_AFTER), count=1) if _BEFORE_EMAIL.match(text) else text.rstrip(_AFTER)
    if text[:1] + text[-1:] in _QUOTES:
        text = text[1:-1].strip().rstrip(_AFTER)
    return text


def _domain(text: str) -> str | None:
    """Return a domain as host names are written (IDNA in ASCII); None for text that is none."""
    domain = text
    if not text.isascii() or "xn--" in text.casefold():
        try:
            domain = idna.encode(text, uts46=True).decode("ascii").rstrip(".")
        except idna.IDNAError:
            return None
    return domain if len(domain) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(domain) else None
