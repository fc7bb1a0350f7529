"""Sealing of personal details: AES-256-GCM sections under data keys, each wrapped by the master key.

A section's associated data are its `disclosure_id` and `key_id`, so it cannot be opened as part of another disclosure.
Nonces (random, 96 bits, NIST SP 800-38D) and keys are arguments.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.codec import decode, encode
from schemas.errors import Unreadable
from schemas.sealed import SealedComment, SealedDetails, SealedSection

#: Bytes of a key and of a nonce.
KEY_BYTES = 32
NONCE_BYTES = 12
#: Bytes of a master key's check value: two keys share one by chance once in 2^64.
_CHECK_BYTES = 8


class CannotOpen(Exception):
    """A section or a wrapped key does not open: it was changed, or the key is another one."""


def seal(details: Mapping[str, Any], *, key: bytes, key_id: str, nonce: bytes, disclosure_id: str) -> dict[str, Any]:
    """Return the fields of the `SealedSection` that holds `details`, the fields of a `SealedDetails`."""
    return seal_bytes(
        encode("SealedDetails", details),
        key=key,
        key_id=key_id,
        nonce=nonce,
        disclosure_id=disclosure_id,
    )


def unseal(section: SealedSection, *, key: bytes, disclosure_id: str) -> SealedDetails:
    """Return the details in the section; raise `CannotOpen` if it does not open for this disclosure and key."""
    opened = open_bytes(section, key=key, disclosure_id=disclosure_id)
    try:
        return SealedDetails.model_validate(decode(opened, "SealedDetails")[1])
    except (Unreadable, ValueError):
        raise CannotOpen("the section opened, but holds no details of a disclosure") from None


def seal_comment(comment: SealedComment, *, key: bytes, key_id: str, nonce: bytes, disclosure_id: str) -> SealedSection:
    """Return a staff comment, sealed under the data key of its disclosure."""
    plain = encode("SealedComment", comment.model_dump())
    sealed = seal_bytes(plain, key=key, key_id=key_id, nonce=nonce, disclosure_id=disclosure_id)
    return SealedSection.model_validate(sealed)


def unseal_comment(section: SealedSection, *, key: bytes, disclosure_id: str) -> SealedComment:
    """Return the comment in the section; raise `CannotOpen` if it does not open for this disclosure and key."""
    opened = open_bytes(section, key=key, disclosure_id=disclosure_id)
    try:
        return SealedComment.model_validate(decode(opened, "SealedComment")[1])
    except (Unreadable, ValueError):
        raise CannotOpen("the section opened, but holds no comment") from None


def seal_bytes(plain: bytes, *, key: bytes, key_id: str, nonce: bytes, disclosure_id: str) -> dict[str, Any]:
    """Return `plain` sealed, as the fields of a `SealedSection`."""
    ciphertext = AESGCM(key).encrypt(nonce, plain, _bound_to(disclosure_id, key_id))
    return {"key_id": key_id, "nonce": nonce, "ciphertext": ciphertext}


def open_bytes(section: SealedSection, *, key: bytes, disclosure_id: str) -> bytes:
    """Return the bytes that were sealed; raise `CannotOpen` if it does not open for this disclosure and key."""
    try:
        return AESGCM(key).decrypt(section.nonce, section.ciphertext, _bound_to(disclosure_id, section.key_id))
    except (InvalidTag, ValueError):
        raise CannotOpen("the section does not open with the key it names") from None


def wrap(data_key: bytes, *, master: bytes, key_id: str, nonce: bytes) -> bytes:
    """Return a data key wrapped by the master key: nonce and ciphertext."""
    return nonce + AESGCM(master).encrypt(nonce, data_key, _bound_to("", key_id))


def unwrap(wrapped: bytes, *, master: bytes, key_id: str) -> bytes:
    """Return the data key; raise `CannotOpen` if the master key or the `key_id` is another one."""
    try:
        return AESGCM(master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound_to("", key_id))
    except (InvalidTag, ValueError):
        raise CannotOpen("the data key does not open with this master key") from None


def master_check(master: bytes) -> bytes:
    """Return the check value of a master key: 8 bytes of HMAC-SHA-256 (RFC 2104) over a fixed text.

    It is kept in clear beside each wrapped key, and shows only whether two master keys are equal. It reveals nothing of
    the key: HMAC under 256 random bits is a pseudorandom function, and this text is used for nothing else. So the value
    helps neither to guess the key nor to open a data key that it wrapped.
    """
    return hmac.digest(master, b"confide master key check", "sha256")[:_CHECK_BYTES]


def _bound_to(disclosure_id: str, key_id: str) -> bytes:
    # The length keeps ("a", "b") and ("ab", "") apart.
    return f"{len(disclosure_id)}|{disclosure_id}|{key_id}".encode()
