"""Tokens are equal for one account, phone or email in any spelling, and reveal nothing else."""

import re
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.content import disclosure_content
from schemas.disclosure import Disclosure
from streams.domain.placeholders import WITHHELD
from streams.domain.tokens import digest_of, same_content, tokens_of
from tests.disclosures import disclosure

KEY = bytes(range(32))


def tokens(service: str = "forum", key: bytes = KEY, version: str = "1", **subject: Any) -> tuple[str, ...]:
    return tokens_of(disclosure(service=service, subject=subject), key=key, version=version)


def unchecked(phone: str | None = None, email: str | None = None) -> Disclosure:
    """Return a disclosure whose identifiers no model has checked."""
    valid = disclosure()
    subject = valid.subject.model_copy(update={"account": None, "phone": phone, "email": email})
    return valid.model_copy(update={"subject": subject})


def test_each_identifier_has_its_token_in_order_of_strength() -> None:
    made = tokens(email="p@example.org", phone="+447700900123", account="39117")
    assert [token.split(":")[0] for token in made] == ["account", "phone", "email"]
    assert all(re.fullmatch(r"(account|phone|email):1:[0-9a-f]{64}", token) for token in made)


def test_no_identifier_can_be_read_in_a_token() -> None:
    for token in tokens(email="p@example.org", phone="+447700900123", account="39117"):
        assert not any(part in token for part in ("39117", "7700900123", "example"))


def test_an_account_is_of_its_service_and_a_phone_is_of_the_person() -> None:
    forum, text_line = (tokens(service, account="7", phone="+447700900123") for service in ("forum", "text_line"))
    assert forum[0] != text_line[0]
    assert forum[1] == text_line[1]


def test_the_same_characters_as_account_and_as_email_are_not_the_same() -> None:
    account, email = tokens(account="p@example.org", email="forum|p@example.org")
    assert account.split(":")[2] != email.split(":")[2]


def test_another_split_of_service_and_account_is_another_token() -> None:
    assert tokens("forum", account="a|b") != tokens("forum", account="a") != tokens("forum", account="b")


@pytest.mark.parametrize("written", ["+447700900123", "+44 7700 900123", "+44 (0)7700 900123", "+44-7700-900-123"])
def test_a_phone_number_is_the_same_however_it_was_written(written: str) -> None:
    assert tokens_of(unchecked(phone=written), key=KEY, version="1") == tokens(phone="+447700900123")


@pytest.mark.parametrize("phone", ["07700 900123", "nonsense", "", "+"])
def test_a_phone_number_without_its_country_makes_no_token(phone: str) -> None:
    assert tokens_of(unchecked(phone=phone), key=KEY, version="1") == ()


#: A country code, then what a carrier puts in the place of a withheld number.
WITHHELD_ABROAD = [
    f"+{code}{digits}" for code in ("1", "44", "353", "44" + "0", "49" + "00") for digits in sorted(WITHHELD)
]


@pytest.mark.parametrize(
    "phone",
    [
        *(f"+{digits}" for digits in sorted(WITHHELD)),
        *WITHHELD_ABROAD,
        *("+44266696687", "+17378742833", "+464", "+440000000000", "+10000000000", "+19999999999", "+447777777777"),
        *("+9991234567", "+447700900123456", "+12530000", "+11111111111", "+9999999", "+447000000000"),
    ],
)
def test_a_number_that_no_phone_has_or_that_was_withheld_is_nobodys_token(phone: str) -> None:
    assert tokens_of(unchecked(phone=phone), key=KEY, version="1") == ()


def test_a_number_that_only_contains_withheld_digits_is_of_a_phone() -> None:
    # The United Kingdom, with an area code before the digits of BLOCKED; and 999, which is no country's code.
    for phone in ("+442072562533", "+12025625331", "+442070000000", "+12025550000"):
        assert tokens_of(unchecked(phone=phone), key=KEY, version="1") != ()


#: An address as people, forms and mail programs write it.
AROUND = (
    *(" p@example.org ", "p@example.org..", "p@example.org.", "p@example.org,", "p@example.org ;", "p@example.org.,"),
    *("<p@example.org>", "P <p@example.org>", '"Person, P." <p@example.org>,', "<mailto:p@example.org>"),
    *("mailto:p@example.org", '"p@example.org"', "(p@example.org)", '"p"@example.org', "\u00a0p@example.org\n"),
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P.Person@Example.ORG", "p.person@example.org"),
        ("p@bücher.example", "p@xn--bcher-kva.example"),
        ("p@BÜCHER.example", "p@bücher.example"),
        ("p@bücher.example", "P@XN--BCHER-KVA.EXAMPLE"),
        ("p@münchen.example", "p@mu\u0308nchen.example"),
        ("jos\u00e9.perez@example.org", "jose\u0301.perez@example.org"),
        ("p@example.org", "p@example.org."),
        ("p@example.org", "p\u200b@exam\u00adple.org"),
        ("p@example.org", "\ufeffp@example.org"),
        ("p@example.org", "p@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.org"),
        ("p@bücher.example", "p@bücher.example."),
        ("stra\u00dfe@example.org", "STRASSE@example.org"),
        *(("p@example.org", around) for around in AROUND),
        ("p@bücher.example", "<p@bücher.example.>,"),
    ],
)
def test_an_email_is_the_same_however_it_was_written(one: str, other: str) -> None:
    assert tokens(email=one) == tokens(email=other)


def test_different_emails_differ() -> None:
    assert len({tokens(email=email) for email in ("a@example.org", "b@example.org", "a@example.com")}) == 3


@pytest.mark.parametrize(
    "account",
    [
        *(
            "\u3164",
            "\u200b",
            "\u2060\u200d",
            "\ufe0f",
            "   ",
            "\u2800",
            " \u200b\u2800\u00a0",
            "\t",
            "\u0301",
            "-",
            "?",
            "...",
        ),
        *(
            "null",
            "NULL",
            "undefined",
            "None",
            "n/a",
            "N/A",
            "anonymous",
            "Unknown",
            "guest",
            "[deleted]",
            "Deleted User",
        ),
        *(
            "(null)",
            "<none>",
            "0",
            "-1",
            "forum:null",
            "forum:0",
            "forum: ",
            "user:undefined",
            "\uff4e\uff55\uff4c\uff4c",
        ),
        *("00000000-0000-0000-0000-000000000000", "forum:00000000-0000-0000-0000-000000000000", "000", "0000 0000"),
        *("[object Object]", "undefined:undefined", "NULL NULL", "user:null:undefined", "visitor", "Unregistered"),
        *("anonymised", "Anonymized User", "None given", "account:forum:0", "forum:forum:guest", "user:account:"),
        *(
            "{{user_id}}",
            "{{ contact.name }}",
            "${user}",
            "#{user.id}",
            "$(username)",
            "<user>",
            "{username}",
            "[user id]",
        ),
        *("%s", "%d", "%(user)s", "%USERNAME%", "<%= user.id %>", "forum:{{id}}", "x" * 257),
    ],
)
def test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token(account: str) -> None:
    assert tokens(account=account, phone="+447700900123") == tokens(phone="+447700900123")


@pytest.mark.parametrize(
    "account",
    [
        *("guest7", "nullifier", "forum:39117", "10", "\U0001f984", "guest:house", "\u7121\u540d", "x" * 256, "0001"),
        *("<anna>", "[max]", "{sam}", "100%", "%anna%", "$am", "user:forum:39117", "null hypothesis", "visitor9"),
        "10000000-0000-0000-0000-000000000000",
    ],
)
def test_an_account_that_only_looks_like_one_makes_a_token(account: str) -> None:
    assert len(tokens(account=account)) == 1


def test_two_forms_of_one_account_are_one_token() -> None:
    assert tokens(account=" jos\u00e9\t") == tokens(account="jos\u00e9")
    assert tokens(account="jos\u00e9") == tokens(account="jose\u0301") == tokens(account="jos\u00e9\u200b")


@pytest.mark.parametrize(
    "email",
    [
        "nobody",
        "a b@example.org",
        "p@",
        "@example.org",
        "p@ex\u200cample\u2029.org",
        "p@.",
        f"{'p' * 320}@example.org",
        "",
        "jos\ufffd@example.org",
        *("p@example.org,q@example.org", "p@example.org q@example.org", "<p@example.org", "p@@example.org"),
        *("p@localhost", "p@-example.org", "p@example-.org", "p@exa_mple.org", "p@example..org", "p@.example.org"),
        *("p@192.0.2.1", "p@[192.0.2.1]", f"p@{'a' * 64}.org", f"p@{'a.' * 127}org", "p@xn--zzzzzz99.org", "n/a@n/a"),
        *("p@example.org\u3002\u3002", "unknown@example.org", "none@none.com", "No-Reply@example.org", "-@example.org"),
        *("noreply+12@example.org", "notprovided@example.org", "not.provided@example.org", "noone@example.org"),
        *("no.mail@example.org", "guest@example.org", "p@example.invalid", "p@mail.INVALID.", "p@pc.localhost"),
        *("na@na.com", "NA@na.co.uk", "anon@anon.org"),
    ],
)
def test_text_that_is_no_address_makes_no_token(email: str) -> None:
    assert tokens(account="7", email=email) == tokens(account="7")


@pytest.mark.parametrize("email", ["na@example.org", "p+none@example.org", "p@x.test", "p@na.com", "p@invalid.org"])
def test_an_address_that_only_looks_like_none_makes_a_token(email: str) -> None:
    assert len(tokens(email=email)) == 1


def test_another_key_makes_other_tokens_and_a_token_says_which() -> None:
    one, other = tokens(account="7"), tokens(account="7", key=bytes(32), version="2")
    assert one[0].split(":")[1:2] == ["1"]
    assert other[0].split(":")[1:2] == ["2"]
    assert one[0].split(":")[2] != other[0].split(":")[2]


def content_of(disclosed: Disclosure) -> bytes:
    return disclosure_content(decode(encode("Disclosure", disclosed.model_dump()), "Disclosure")[1])


def digest(version: str = "1", **changes: Any) -> str:
    return digest_of(content_of(disclosure(**changes)), key=KEY, version=version)


def test_a_digest_is_of_the_whole_content() -> None:
    first = digest()
    assert first == digest()
    for changed in (
        {"summary": "Other words."},
        {"disclosed_at": "2026-02-03T21:04:12Z"},
        {"subject": {"account": "forum:39118", "phone": "+447700900123", "age": 16}},
        {"concerns": [{"kind": "suicide", "thoughts": True}]},
    ):
        assert not same_content(first, digest(**changed))


def test_the_same_time_in_another_zone_is_the_same_content() -> None:
    assert digest(disclosed_at="2026-02-03T22:04:11+01:00") == digest()


def test_digests_of_two_key_versions_count_as_equal() -> None:
    first, second = digest("1"), digest("2")
    assert first != second
    assert same_content(first, second)
