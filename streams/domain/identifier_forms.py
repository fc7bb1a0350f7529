"""The one form of each identifier, so that two spellings of one phone or address make one token.

Normalised: Unicode NFC without default-ignorable characters; emails case-folded, their domain in IDNA without its final
dot; phones by `phonenumbers`. An identifier without such a form is nobody's: it makes no token, and is noted.
"""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

from schemas.fields import REPLACEMENT

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_EMAIL = 320

#: What carriers put in the place of a number that the caller withheld: words spelt on a keypad (ANONYMOUS, RESTRICTED,
#: BLOCKED, UNKNOWN, UNAVAILABLE). All callers who withhold their number would be one person.
WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})

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
    """Return the name of an account in its one form; None for one that has only characters that no reader sees."""
    return text_form(account) or None


def notes_of(account: str | None, phone: str | None, email: str | None) -> list[str]:
    """Return a note for each identifier that makes no token, for the decision; it quotes no identifier."""
    given = {"account": account, "phone": phone, "email": email}
    notes = [f"subject.{name}: is empty; it counts as absent" for name, text in given.items() if text == ""]
    if account and account_form(account) is None:
        notes.append("subject.account: has no character that can be seen; it joins no disclosures")
    if phone and phone_form(phone) is None:
        notes.append("subject.phone: no phone has this number, or the caller withheld it; it joins no disclosures")
    if email and email_form(email) is None:
        notes.append("subject.email: is not an email address; it joins no disclosures")
    return notes


@lru_cache(maxsize=16_384)
def phone_form(phone: str) -> str | None:
    """Return an E.164 number in the one form of its number; None for a number that no phone has, or a withheld one."""
    if phone in WITHHELD:
        return None
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_form(email: str) -> str | None:
    """Return an email address in its one form; None for text that is no address."""
    # The length first: to normalise a long text of marks takes quadratic time.
    if len(email) > _LONGEST_EMAIL or REPLACEMENT in email:
        return None
    text = text_form(email)
    if not _EMAIL.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    domain = domain.removesuffix(".")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii").removesuffix(".")
        except idna.IDNAError:
            return None
    if not domain:
        return None
    return unicodedata.normalize("NFC", f"{local}@{domain}".casefold())
