"""Tokens: keyed HMACs that show whether two disclosures have the same account, phone or email, and nothing else.

`HMAC-SHA-256(key_v, kind | normalised value)`, for an exercise with `exercise |` before it. The token contains the
version of the key; no topic contains the key.
"""

import hmac

from schemas.disclosure import Disclosure
from schemas.identifiers import Token
from schemas.vocabulary import Service
from streams.domain.identifier_forms import account_form, email_form, phone_form


def tokens_of(disclosure: Disclosure, *, key: bytes, version: str) -> tuple[Token, ...]:
    """Return the disclosure's tokens, the account's first, then the phone's, then the email's.

    An identifier without a form (`identifier_forms`) has no token, so there may be none.
    """
    subject = disclosure.subject
    # An exercise may use a real person's number: it must not become part of that person's case.
    prefix = "exercise|" if disclosure.exercise else ""
    forms = {
        "account": None if subject.account is None else _account(disclosure.service, subject.account),
        "phone": None if subject.phone is None else phone_form(subject.phone),
        "email": None if subject.email is None else email_form(subject.email),
    }
    return tuple(
        Token(f"{kind}:{version}:{_hmac(key, f'{prefix}{kind}|{form}'.encode())}")
        for kind, form in forms.items()
        if form is not None
    )


def digest_of(content: bytes, *, key: bytes, version: str) -> str:
    """Return a keyed digest of a disclosure's content, by which a repeat differs from other content under the same id.

    `content` is the disclosure in the normal form of `schemas.content`; of a record that cannot be read, its bytes.
    """
    return f"{version}:{_hmac(key, b'disclosure|' + content)}"


def same_content(one: str, other: str) -> bool:
    """Return whether two digests may be of the same content; of two key versions that is unknown, so yes."""
    return one.split(":", 1)[0] != other.split(":", 1)[0] or hmac.compare_digest(one, other)


def _account(service: Service, account: str) -> str | None:
    # The same account name of another service is another account.
    form = account_form(account)
    return None if form is None else f"{service}|{form}"


def _hmac(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()
