"""Generated families of the cases whose own modules have none: the kind of a fault, not the one input."""

import io
import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from schemas.policy import load_policies
from schemas.topics import TopicName, disclosures
from schemas.vocabulary import Outcome, Service
from services.cli.live_view import LiveView
from streams.domain.admission import readable
from streams.domain.ids import decision_id
from streams.domain.placeholders import BIRTHS, WITHHELD, is_no_mailbox
from streams.domain.policy import decide
from streams.domain.tokens import tokens_of
from tests.disclosures import KEYS, disclosure, fields, id_of
from tests.doors.mutated import places
from tests.doors.published import problems_of
from tests.turns import admit_lane, disclosed, on, why
from tests.unit.policy_cases import ABUSE, rule

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
POLICIES = load_policies()
MANY = settings(max_examples=60, deadline=None)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given
#: The beginning of words of a sender that no error of ours has by chance.
MARK = "Zq7"
Form = Literal["NFC", "NFD"]


def timed(disclosed_at: datetime, assessed_at: datetime) -> Any:
    assessment = {"assessed_at": assessed_at.isoformat(), "assessor": "moderator", "confirmed_by": "safeguarding_lead"}
    subject = {"account": "a", "date_of_birth": "2009-06-01"}
    return disclosure(disclosed_at=disclosed_at.isoformat(), assessment=assessment, subject=subject)


@MANY
@given(MOMENTS, MOMENTS)
def test_b03_no_claimed_time_counts_as_later_than_the_arrival(disclosed_at: datetime, assessed_at: datetime) -> None:
    # The notes tell staff of the claim; nothing else depends on it.
    claimed = readable(timed(disclosed_at, assessed_at), NOON).model_copy(update={"notes": ()})
    bounded = readable(timed(min(disclosed_at, NOON), min(assessed_at, NOON)), NOON)
    assert max(claimed.disclosed_at, claimed.assessment.assessed_at) <= NOON
    assert claimed == bounded
    assert decide(claimed, now=NOON, policy=POLICIES) == decide(bounded, now=NOON, policy=POLICIES)


CODES = st.sampled_from([str(code) for code in sorted(COUNTRY_CODE_TO_REGION_CODE)])
#: Withheld numbers after any country code or none, numbers of one digit, and numbers of no country: none has 999.
NOBODYS = (
    st.builds("+{}{}".format, CODES | st.just(""), st.sampled_from(sorted(WITHHELD)))
    | st.builds(lambda code, digit: f"+{code}{digit * 10}", st.sampled_from(["1", "44"]), st.sampled_from("0123456789"))
    | st.from_regex(r"\+999[0-9]{4,12}", fullmatch=True)
)


@MANY
@given(st.lists(NOBODYS, min_size=2, max_size=5))
def test_b04_callers_who_are_nobodys_token_are_as_many_persons_as_disclosures(phones: list[str]) -> None:
    values = [disclosed(f"d-{number}", subject={"phone": phone}) for number, phone in enumerate(phones)]
    sent = on(admit_lane(lambda _: None).work(*values), TopicName.ADMITTED_URGENT)
    assert [each["tokens"] for each in sent] == [[]] * len(phones)
    assert len({each["person"] for each in sent}) == len(phones)


@MANY
@given(st.data(), st.text(max_size=12), st.booleans())
def test_b06_no_error_has_a_name_or_a_value_of_the_sender(data: st.DataObject, said: str, as_name: bool) -> None:
    made: Any = fields(contact={"channels": ["sms"]}, channel={"kind": "thread"})
    *way, last = data.draw(st.sampled_from(list(places(made))))
    holder = made
    for step in way:
        holder = holder[step]
    if as_name and isinstance(holder, dict):
        holder[f"{MARK}{said}"] = f"{MARK}{said}"
    else:
        holder[last] = f"{MARK}{said}"
    problems = problems_of(json.dumps(made).encode())
    assert not [each for each in problems if MARK in each or not each.isprintable()]


IMPOSSIBLE = (
    st.dates(max_value=date(1895, 1, 1)) | st.dates(min_value=date(2026, 3, 1)) | st.sampled_from(sorted(BIRTHS))
)


@MANY
@given(IMPOSSIBLE)
def test_b08_a_birth_that_cannot_be_makes_no_adult(born: date) -> None:
    ruling = rule(ABUSE, subject={"date_of_birth": born})
    assert ruling.outcome is Outcome.REVIEW
    assert ruling.review is not None
    assert "subject.age" in ruling.review.asks
    assert [note.partition(":")[0] for note in ruling.notes] == ["subject.date_of_birth"]


#: Words for no account, and what software and people write around them.
WORDS = st.sampled_from(
    [
        "null",
        "undefined",
        "none",
        "n/a",
        "anonymous",
        "unknown",
        "guest",
        "deleted",
        "",
        "\u2800",
        "-",
        "0000",
        "null null",
    ]
)
WRAPS = st.sampled_from(
    ["{}", " {} ", "[{}]", "({})", "<{}>", "forum:{}", "user: {}", "account:forum:{}", "\u200b{}\ufeff"]
)


@MANY
@given(WORDS, WRAPS, st.sampled_from([str.lower, str.upper, str.title]))
def test_b04_no_word_for_nobody_joins_two_persons(word: str, wrap: str, cased: Callable[[str], str]) -> None:
    account = wrap.format(cased(word)) or " "
    made = disclosure(subject={"account": account})
    assert tokens_of(made, key=KEYS.token, version="1") == ()
    noted = readable(made, made.assessment.assessed_at).notes
    assert noted == (
        "subject.account: is damaged, too long, or a word or a blank for no account; it joins no disclosures",
    )


AROUND = st.sampled_from(["{}", " {}", "{}.", "{}..", "{},", "{} ;", "<{}>", "J. <{}>,", '"J, P" <{}>', "mailto:{}"])


@MANY
@given(st.from_regex(r"[a-z][a-z0-9+]{0,9}", fullmatch=True), AROUND)
def test_b10_what_is_written_around_an_address_changes_no_token(local: str, around: str) -> None:
    def token(email: str) -> tuple[str, ...]:
        return tokens_of(disclosure(subject={"email": email}), key=KEYS.token, version="1")

    assume(not is_no_mailbox(local, "example.org"))
    assert token(around.format(f"{local}@example.org")) == token(f"{local}@example.org") != ()


IGNORABLE = st.sampled_from(["", "\u200b", "\u00ad", "\ufeff", "\u2060", "\ufe0f"])
FORMS: st.SearchStrategy[Form] = st.sampled_from(("NFC", "NFD"))
LETTERS = st.text("abc\u00e9\u00fc\u00f1\u00e5\u1e69\u03b7", min_size=1, max_size=8)


def written(text: str, form: Form, unseen: str, at: int) -> str:
    """Return the text in a form of Unicode, with a character that no reader sees."""
    formed = unicodedata.normalize(form, text)
    return formed[: at % len(formed)] + unseen + formed[at % len(formed) :]


@MANY
@given(LETTERS, LETTERS, FORMS, IGNORABLE, st.integers(0, 20), st.booleans(), st.booleans())
def test_b10_every_form_of_an_identifier_is_one_token(
    local: str, domain: str, form: Form, unseen: str, at: int, in_capitals: bool, with_dot: bool
) -> None:
    def tokens(account: str, email: str) -> tuple[str, ...]:
        made = disclosure(subject={"account": account, "email": email})
        return tokens_of(made, key=KEYS.token, version="1")

    email = f"{local}@{domain}.example"
    other = written(email, form, unseen, at) + ("." if with_dot else "")
    assert tokens(local, email) == tokens(written(local, form, unseen, at), other.upper() if in_capitals else other)
    assert len(tokens(local, email)) == 2


@MANY
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=40))
def test_b16_any_text_is_shown_as_it_is(text: str) -> None:
    assume(text.isprintable())
    view = LiveView(1)
    view.console.file = out = io.StringIO()
    for each in (text, f"[{text}]", f"[/{text}]"):
        view.report(each)
    assert out.getvalue() == f"{text}\n[{text}]\n[/{text}]\n"


SENT = st.tuples(st.sampled_from(Service), st.sampled_from(["d-1", "d-2"]), st.sampled_from(["one", "two", "three"]))


@MANY
@given(st.lists(SENT, max_size=10))
def test_each_service_has_its_own_ids_and_the_first_content_counts(sent: list[tuple[Service, str, str]]) -> None:
    lane = admit_lane(lambda _: None)
    first: dict[tuple[Service, str], str] = {}
    for service, name, summary in sent:
        value = disclosed(name, service=service, summary=summary)
        turn = lane.work(value, topic=disclosures(service, urgent=True))
        is_new = (service, name) not in first
        is_other = first.setdefault((service, name), summary) != summary
        assert len(on(turn, TopicName.IDENTITY_URGENT)) == is_new
        assert len(why(turn)) == is_other
        reviews = on(turn, TopicName.ADMITTED_URGENT)
        assert [(each["conflict"]["disclosure_id"], each["conflict"]["decision_id"]) for each in reviews] == [
            (id_of(name), decision_id(service, id_of(name)))
        ] * is_other
