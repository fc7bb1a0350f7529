"""Tokens: keyed HMACs that show whether two disclosures have the same account, phone or email, and nothing else.

`HMAC-SHA-256(key_v, kind | normalised value)`. The token contains the version of the key; no topic contains the key.
"""

import hmac
from functools import lru_cache

import idna
import phonenumbers

from schemas.disclosure import Disclosure
from schemas.errors import Invalid
from schemas.identifiers import Token
from schemas.vocabulary import Service


def tokens_of(disclosure: Disclosure, *, key: bytes, version: str) -> tuple[Token, ...]:
    """Return the disclosure's tokens, the account's first, then the phone's, then the email's.

    Raises `Invalid` for an identifier that has no normal form.
    """
    subject = disclosure.subject
    values = []
    if subject.account is not None:
        values.append(("account", _account(disclosure.service, subject.account)))
    if subject.phone is not None:
        values.append(("phone", _phone(subject.phone)))
    if subject.email is not None:
        values.append(("email", _email(subject.email)))
    return tuple(Token(f"{kind}:{version}:{_hmac(key, f'{kind}|{value}'.encode())}") for kind, value in values)


def digest_of(content: bytes, *, key: bytes, version: str) -> str:
    """Return a keyed digest of a disclosure's content, by which a repeat differs from other content under the same id.

    `content` is the disclosure in the normal form of `schemas.content`.
    """
    return f"{version}:{_hmac(key, b'disclosure|' + content)}"


def same_content(one: str, other: str) -> bool:
    """Return whether two digests may be of the same content; of two key versions that is unknown, so yes."""
    return one.split(":", 1)[0] != other.split(":", 1)[0] or hmac.compare_digest(one, other)


def _account(service: Service, account: str) -> str:
    # The same account name of another service is another account.
    return f"{service}|{account}"


@lru_cache(maxsize=16_384)
def _phone(phone: str) -> str:
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        raise Invalid.of("subject.phone", "is not a phone number in E.164 form") from None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(email: str) -> str:
    local, _, domain = email.rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise Invalid.of("subject.email", "has no domain that can be written in IDNA") from None
    return f"{local}@{domain}".casefold()


def _hmac(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()
