"""A plan has the mix of its options, and the encoder writes the records of the plan."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from schemas.codec import decode
from schemas.disclosure import Disclosure, disclosure_key, is_urgent, validate
from schemas.errors import Invalid
from schemas.partitioner import partition_for
from schemas.vocabulary import Service
from services.load.encoding import Encoder
from services.load.mix import MALFORMATIONS, ROUTINE, URGENT
from services.load.plan import Ids, Kind, Mix, Options, Plan
from services.load.schedule import Arrivals
from services.sdk.addressing import topic_of

RUN = "0123456789ab"
OPTIONS = Options(
    rate=1_000,
    seconds=6,
    arrivals=Arrivals.STEADY,
    seed=5,
    mix=Mix(duplicates=0.1, pairs=0.5, urgent=0.3, malformed=0.05, people=1_200),
    backlog=500,
)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(OPTIONS, RUN)


def understood(value: bytes) -> Disclosure:
    return validate(decode(value, "Disclosure")[1])


def test_the_shares_are_those_asked_for(plan: Plan) -> None:
    counts = plan.counts()
    assert sum(counts.values()) == 6_000
    assert counts["duplicate"] == pytest.approx(600, rel=0.15)
    assert counts["malformed"] == pytest.approx(300, rel=0.2)
    assert counts["urgent"] / (counts["urgent"] + counts["routine"]) == pytest.approx(0.3, abs=0.03)
    people = {plan.line(index).person for index in range(6_000) if plan.kinds[index] != Kind.MALFORMED}
    assert 1_100 < len(people) <= 1_200
    assert sum(map(plan.is_pair, range(1_200))) == pytest.approx(600, abs=6)


def test_newcomers_are_as_many_at_the_end_as_at_the_beginning(plan: Plan) -> None:
    met: set[int] = set()
    newcomers = [0, 0]
    for index in range(6_000):
        if plan.kinds[index] <= Kind.URGENT:
            newcomers[index >= 3_000] += plan.line(index).person not in met
            met.add(plan.line(index).person)
    assert newcomers[0] == pytest.approx(newcomers[1], rel=0.2)


def test_everybody_makes_the_same_plan_of_the_same_options(plan: Plan) -> None:
    read = Options.of(OPTIONS.fields())
    assert read == OPTIONS
    again = Plan(read, RUN)
    assert again.due == plan.due
    assert [again.line(index) for index in range(6_000)] == [plan.line(index) for index in range(6_000)]
    assert list(again.backlog()) == list(plan.backlog())
    other = Plan(replace(OPTIONS, seed=6), RUN)
    assert [other.line(index) for index in range(6_000)] != [plan.line(index) for index in range(6_000)]


def test_each_record_is_what_its_line_says_and_goes_where_a_service_would_send_it(plan: Plan) -> None:
    for index, record in enumerate(Encoder(plan, 4).open_loop()):
        line = plan.line(index)
        if line.kind is Kind.MALFORMED:
            continue
        original = line.which if line.kind is Kind.DUPLICATE else index
        disclosure = understood(record.value)
        assert disclosure.disclosure_id == plan.ids.of(original)
        assert disclosure.service is line.service
        assert is_urgent(disclosure) == (plan.kinds[original] == Kind.URGENT)
        assert record.topic == topic_of(disclosure)
        assert record.key == disclosure_key(disclosure.disclosure_id)
        assert record.partition == partition_for(record.key, 4)


def test_a_duplicate_is_the_same_line_again_and_comes_later(plan: Plan) -> None:
    records = list(Encoder(plan, 4).open_loop())
    duplicates = [index for index in range(6_000) if plan.kinds[index] == Kind.DUPLICATE]
    assert duplicates
    for index in duplicates:
        assert plan.line(index).which < index
        assert records[index] == records[plan.line(index).which]


def test_a_pair_has_an_account_in_each_service_and_one_email_or_phone_in_both(plan: Plan) -> None:
    accounts: dict[int, dict[Service, set[str | None]]] = {}
    shared: dict[int, set[tuple[str | None, str | None]]] = {}
    for index, record in enumerate(Encoder(plan, 4).open_loop()):
        line = plan.line(index)
        if line.kind is not Kind.MALFORMED:
            subject = understood(record.value).subject
            accounts.setdefault(line.person, {}).setdefault(line.service, set()).add(subject.account)
            shared.setdefault(line.person, set()).add((subject.phone, subject.email))
    assert all(len(known) == 1 for services in accounts.values() for known in services.values())
    assert all(len(ways) == 1 for ways in shared.values())
    met_in_both = [person for person, services in accounts.items() if len(services) == 2]
    assert len(met_in_both) > 300
    assert all(plan.is_pair(person) for person in met_in_both)
    ways = Counter(next(iter(shared[person])) for person in met_in_both)
    assert (None, None) not in ways
    assert set(ways.values()) == {1}, "no two people share a phone or an email"
    assert {phone is None for phone, _ in ways} == {True, False}
    assert all((None, None) in shared[person] for person in shared if not plan.is_pair(person))


def test_phones_are_ofcoms_numbers_for_drama_and_emails_of_a_reserved_domain() -> None:
    everybody = Plan(replace(OPTIONS, mix=replace(OPTIONS.mix, pairs=1.0, people=3_000)), RUN)
    seen = Counter[str]()
    for index, record in enumerate(Encoder(everybody, 4).open_loop()):
        if everybody.kinds[index] != Kind.MALFORMED:
            subject = understood(record.value).subject
            seen["phone"] += subject.phone is not None
            seen["email"] += subject.email is not None
            assert subject.phone is None or re.fullmatch(r"\+447700900[0-9]{3}", subject.phone)
            assert subject.email is None or subject.email.endswith("@load.example")
    assert seen["phone"] > 100
    assert seen["email"] > 100


def test_what_is_malformed_cannot_be_understood_and_keeps_its_id(plan: Plan) -> None:
    met = Counter[str]()
    for index, record in enumerate(Encoder(plan, 4).open_loop()):
        if plan.kinds[index] == Kind.MALFORMED:
            met[MALFORMATIONS[plan.line(index).which].name] += 1
            with pytest.raises(Invalid):
                understood(record.value)
            assert plan.ids.within(record.value) == index
    assert met.keys() == {malformation.name for malformation in MALFORMATIONS}


def test_the_backlog_is_routine_and_follows_the_open_loop(plan: Plan) -> None:
    found = [understood(record.value) for record in Encoder(plan, 4).backlog()]
    assert [plan.ids.index(disclosure.disclosure_id) for disclosure in found] == list(range(6_000, 6_500))
    assert not any(map(is_urgent, found))


@pytest.mark.parametrize(("shapes", "urgent"), [(URGENT, True), (ROUTINE, False)])
def test_a_shape_is_as_urgent_as_its_table_says(shapes: tuple[object, ...], urgent: bool) -> None:
    share = Mix(duplicates=0, pairs=0, malformed=0, urgent=float(urgent))
    plan = Plan(Options(rate=500, seconds=2, arrivals=Arrivals.STEADY, mix=share), RUN)
    found = [understood(record.value) for record in Encoder(plan, 1).open_loop()]
    assert len({disclosure.summary for disclosure in found}) == len(shapes)
    assert {is_urgent(disclosure) for disclosure in found} == {urgent}


def test_ids_of_another_run_are_not_taken_for_ones_own() -> None:
    ids, others = Ids(RUN), Ids("ba9876543210")
    assert ids.index(ids.of(77)) == 77
    assert ids.index(others.of(77)) is None
    assert ids.within(b"\x00" + ids.of(78).encode() + b"rest") == 78
    assert ids.within(others.of(78).encode()) is None
    assert ids.within(ids.of(78).encode()[:-4]) is None


def test_what_is_due_is_counted_without_duplicates_and_malformed_ones(plan: Plan) -> None:
    counts = plan.counts()
    assert plan.due_by(-1.0) == 0
    assert plan.due_by(6.0) == counts["routine"] + counts["urgent"]
    half = sum(plan.kinds[index] <= Kind.URGENT for index in range(3_000))
    assert plan.due_by(2.9995) == half
