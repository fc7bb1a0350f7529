"""A sealed section opens only for its own disclosure and key."""

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.sealed import SealedComment, SealedDetails, SealedSection
from streams.domain.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    CannotOpen,
    master_check,
    open_bytes,
    seal,
    seal_bytes,
    seal_comment,
    unseal,
    unseal_comment,
    unwrap,
    wrap,
)
from tests.readable_ids import readable_id

KEY = bytes(range(KEY_BYTES))
OTHER_KEY = bytes(reversed(KEY))
NONCE = bytes(NONCE_BYTES)
DETAILS = SealedDetails(phone="+447700900123", email="p@example.org", summary="The assessor's own words.")


def section(disclosure_id: str = "d-1", key_id: str = "k-1") -> SealedSection:
    return SealedSection.model_validate(
        seal(DETAILS.model_dump(), key=KEY, key_id=key_id, nonce=NONCE, disclosure_id=disclosure_id)
    )


def test_sealed_details_can_be_opened_and_cannot_be_read_before() -> None:
    sealed = section()
    assert unseal(sealed, key=KEY, disclosure_id="d-1") == DETAILS
    for secret in (b"7700900123", b"example.org", b"assessor"):
        assert secret not in sealed.ciphertext


def test_a_section_opens_only_with_its_own_key() -> None:
    with pytest.raises(CannotOpen):
        unseal(section(), key=OTHER_KEY, disclosure_id="d-1")


def test_a_section_opens_only_for_its_own_disclosure() -> None:
    with pytest.raises(CannotOpen):
        unseal(section(), key=KEY, disclosure_id="d-2")


def test_a_section_opens_only_with_its_own_key_id() -> None:
    moved = section().model_copy(update={"key_id": "k-2"})
    with pytest.raises(CannotOpen):
        unseal(moved, key=KEY, disclosure_id="d-1")


# Few characters, so that two different pairs are often equal when they are only concatenated.
NAMES = st.text("ab|1", min_size=1, max_size=4)


@given(one=st.tuples(NAMES, NAMES), other=st.tuples(NAMES, NAMES))
@example(one=("a", "bb"), other=("ab", "b"))
@example(one=("a", "b|b"), other=("a|b", "b"))
def test_another_split_of_the_associated_data_does_not_open_a_section(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    sealed = seal_bytes(b"words", key=KEY, key_id=one[1], nonce=NONCE, disclosure_id=one[0])
    moved = SealedSection(key_id=other[1], nonce=NONCE, ciphertext=sealed["ciphertext"])
    if one == other:
        assert open_bytes(moved, key=KEY, disclosure_id=other[0]) == b"words"
    else:
        with pytest.raises(CannotOpen):
            open_bytes(moved, key=KEY, disclosure_id=other[0])


@given(at=st.integers(min_value=0, max_value=10_000), bit=st.integers(min_value=0, max_value=7))
def test_a_section_with_a_changed_bit_does_not_open(at: int, bit: int) -> None:
    sealed = section()
    changed = bytearray(sealed.ciphertext)
    changed[at % len(changed)] ^= 1 << bit
    with pytest.raises(CannotOpen):
        unseal(sealed.model_copy(update={"ciphertext": bytes(changed)}), key=KEY, disclosure_id="d-1")


@pytest.mark.parametrize(("nonce", "ciphertext"), [(b"", b""), (NONCE, b""), (b"short", b"x" * 40)], ids=readable_id)
def test_bytes_that_are_no_section_do_not_open(nonce: bytes, ciphertext: bytes) -> None:
    with pytest.raises(CannotOpen):
        open_bytes(SealedSection(key_id="k-1", nonce=nonce, ciphertext=ciphertext), key=KEY, disclosure_id="d-1")


def test_a_section_of_other_bytes_opens_but_holds_no_details() -> None:
    sealed = SealedSection.model_validate(
        seal_bytes(b"a request", key=KEY, key_id="k-1", nonce=NONCE, disclosure_id="d-1")
    )
    assert open_bytes(sealed, key=KEY, disclosure_id="d-1") == b"a request"
    with pytest.raises(CannotOpen, match="holds no details"):
        unseal(sealed, key=KEY, disclosure_id="d-1")


def test_a_wrapped_key_opens_with_its_master_and_its_key_id_alone() -> None:
    wrapped = wrap(KEY, master=OTHER_KEY, key_id="k-1", nonce=NONCE)
    assert KEY not in wrapped
    assert unwrap(wrapped, master=OTHER_KEY, key_id="k-1") == KEY
    for master, key_id in ((KEY, "k-1"), (OTHER_KEY, "k-2")):
        with pytest.raises(CannotOpen):
            unwrap(wrapped, master=master, key_id=key_id)
    with pytest.raises(CannotOpen):
        unwrap(b"", master=OTHER_KEY, key_id="k-1")


def test_a_check_value_is_of_one_master_key_and_holds_nothing_of_it() -> None:
    # RFC 2104 by hand: the value is in records, so it must never change.
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in KEY.ljust(64, b"\0")) + b"confide master key check").digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in KEY.ljust(64, b"\0")) + inner).digest()
    assert master_check(KEY) == outer[:8]
    assert master_check(OTHER_KEY) != master_check(KEY)


def test_an_error_quotes_nothing() -> None:
    with pytest.raises(CannotOpen) as caught:
        unseal(section("d-secret"), key=OTHER_KEY, disclosure_id="d-secret")
    assert "d-secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_comment_of_staff_opens_with_the_key_of_its_disclosure_alone() -> None:
    comment = SealedComment(comment="They asked to be called back.", who="The call handler")
    sealed = seal_comment(comment, key=KEY, key_id="k", nonce=bytes(12), disclosure_id="d")
    assert b"call" not in sealed.ciphertext
    assert unseal_comment(sealed, key=KEY, disclosure_id="d") == comment
    for key, disclosure_id in ((OTHER_KEY, "d"), (KEY, "other")):
        with pytest.raises(CannotOpen):
            unseal_comment(sealed, key=key, disclosure_id=disclosure_id)
