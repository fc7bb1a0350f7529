"""The policy and its rulings in plain English: nothing is left out; every fact, state and outcome has words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.agencies import AGENCIES
from schemas.policy import ClauseId
from schemas.vocabulary import Agency, ClauseState, ConcernKind, Outcome, ReviewReason
from streams.domain.plain_english.clause_table import clause_table, conditions_of, names_of
from streams.domain.plain_english.explanation import explanation
from streams.domain.plain_english.questions import CLOSED_SETS
from streams.domain.plain_english.wording import (
    FACTS,
    KINDS,
    OUTCOMES,
    REASONS,
    fact_words,
    filled,
    length_words,
    listed,
    state_words,
)
from streams.domain.policy import decide
from streams.domain.policy.clause_rules import CLAUSE_RULES
from streams.domain.policy.facts import FACTS_OF, CaseFacts
from tests.readable_ids import readable_id
from tests.unit.policy_cases import ADULT, AGE_UNKNOWN, NOW, POLICY, SAFE, TEEN, concern, disclosure
from tests.unit.test_scenario_day import DISCLOSURES

HOMELESS = concern("homelessness", state="homeless")
OVERDOSE = concern("medication", more_than_prescribed=True)


def explained(*concerns: dict[str, Any], **how: Any) -> list[str]:
    disclosed = disclosure(*concerns, **how)
    return list(explanation(disclosed, decide(disclosed, now=NOW, policy=POLICY)))


def test_every_fact_of_the_table_has_words_for_each_of_its_values() -> None:
    in_concerns = {name for names in FACTS_OF.values() for name in names}
    named = {name for row in CLAUSE_RULES for condition in conditions_of(row) for name in names_of(condition)}

    assert set(FACTS) == named | in_concerns | (set(CaseFacts._fields) - {"concerns"})
    for name, words in FACTS.items():
        assert set(words.values) == set(CLOSED_SETS.get(name, (True, False)))
        assert len({words.asked, *words.values.values()}) == 1 + len(words.values)


def test_every_closed_set_has_words() -> None:
    assert (set(OUTCOMES), set(REASONS), set(AGENCIES), set(KINDS)) == (
        set(Outcome),
        set(ReviewReason),
        set(Agency),
        set(ConcernKind),
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("under_18", True, "they are under 18"),
        ("under_18", None, "it is not known whether they are under 18"),
        ("timeframe", "within_30_days", "it would be within 30 days"),
        ("concerns[1].ongoing", False, "the abuse does not go on (concern 2)"),
        ("of a later version", None, "of a later version is unknown"),
    ],
)
def test_a_fact_in_words(name: str, value: bool | str | None, said: str) -> None:
    assert fact_words(name, value) == said


@pytest.mark.parametrize(
    ("clause", "state", "said"),
    [
        (ClauseId.LT_1, ClauseState.HOLDS, "holds"),
        (ClauseId.LT_1, ClauseState.DOES_NOT_HOLD, "does not hold"),
        (ClauseId.SCOPE_1, ClauseState.HOLDS, "excludes it"),
        (ClauseId.SCOPE_1, ClauseState.DOES_NOT_HOLD, "does not exclude it"),
        (ClauseId.AR_1, ClauseState.OPEN, "is open"),
    ],
)
def test_a_state_in_words(clause: ClauseId, state: ClauseState, said: str) -> None:
    assert state_words(clause, state) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(days=30), "30 days"),
        (timedelta(seconds=45), "45 seconds"),
    ],
    ids=readable_id,
)
def test_a_length_in_words(length: timedelta, said: str) -> None:
    assert length_words(length) == said


def test_lists_in_words() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "or")] == [
        "",
        "a",
        "a and b",
        "a, b or c",
    ]


def test_a_clause_s_words_contain_the_values_of_its_parameters() -> None:
    policy = POLICY.model_copy(update={"current_for": timedelta(days=7)}).within_scope_from(
        datetime(2025, 3, 1, 12, tzinfo=UTC)
    )

    assert "on or after 1 March 2025, 12:00 UTC is in scope" in filled(policy.words_of("SCOPE-1").text, policy)
    assert "older than 7 days when" in filled(policy.words_of("SCOPE-2").text, policy)


@pytest.mark.parametrize("line", range(1, len(DISCLOSURES) + 1))
def test_an_explanation_leaves_nothing_of_the_ruling_out(line: int) -> None:
    disclosed = DISCLOSURES[line - 1]
    ruling = decide(disclosed, now=NOW, policy=POLICY)
    lines = list(explanation(disclosed, ruling))
    text = "\n".join(lines)

    assert disclosed.disclosure_id in lines[0]
    assert f"version {ruling.policy_version} of the policy" in lines[1]
    assert lines[3].startswith(f"{ruling.outcome.value.replace('_', ' ').upper()}: ")
    for finding in ruling.findings:
        said = state_words(finding.id, finding.state)
        assert f"  {finding.id} {said}. {filled(POLICY.words_of(finding.id).text, POLICY)}" in lines
        assert all(fact_words(name, value) in text for name, value in finding.facts.items())
    for agency in ruling.agencies:
        assert AGENCIES[agency.agency].name_for_staff in text
    if ruling.review is not None:
        assert REASONS[ruling.review.reason] in text
        assert all(f"({path})" in text for path in ruling.review.asks)
    assert all(f"  {note}" in lines for note in ruling.notes)


def test_each_question_is_explained_with_its_effect() -> None:
    lines = explained(HOMELESS, subject=AGE_UNKNOWN)

    assert lines[lines.index("What is missing, and what it would change:") :] == [
        "What is missing, and what it would change:",
        "  how old they are (subject.age)",
        "    under 16 or 16 or 17: refer; to 101 (the non-emergency police line) (LT-4)",
        "    18 or over: confidential",
    ]


def test_an_answer_that_needs_another_is_explained_after_it() -> None:
    lines = explained(concern("abuse", ongoing=True), subject=AGE_UNKNOWN)

    at = lines.index("  whether they have care or support needs (subject.adult_at_risk.care_or_support_needs)")
    assert lines[at + 1 : at + 4] == [
        "    changes nothing alone; once it is known how old they are: 18 or over:",
        "    yes: still review: a fact is missing",
        "    no: confidential",
    ]


def test_a_proposal_says_that_nothing_was_sent() -> None:
    lines = explained(OVERDOSE, confirmed_by=None)

    assert "Proposed, and nothing sent: emergency to 999 ambulance (IR-4)." in lines
    assert not any(line.startswith("Told:") for line in lines)


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        ({"channels": ["sms", "direct_message"]}, "as soon as possible, by sms or direct message."),
        ({"channels": ["sms"], "safe_to_contact": False}, "not told yet: no way to reach them is safe"),
        ({}, "not told yet: there is no way to reach them."),
    ],
    ids=readable_id,
)
def test_the_notice_in_words(contact: dict[str, Any], said: str) -> None:
    assert any(said in line for line in explained(OVERDOSE, contact=contact))


def test_clauses_that_hold_have_plain_words_and_open_clauses_words_for_staff() -> None:
    lines = explained(concern("suicide", intent=True, timeframe="within_30_days"), HOMELESS, subject=TEEN, safety=SAFE)

    assert f"    In plain words: {POLICY.words_of('LT-4').plain}" in lines
    assert f"    What to look for: {POLICY.words_of('LT-1').staff}" in lines


def test_tell_5_other_support_is_always_offered_to_a_person_in_scope() -> None:
    old = explained(HOMELESS, disclosed_at=NOW - timedelta(days=60))

    assert any("TELL-5" in line for line in explained(concern("self_harm"), subject=ADULT))
    assert not any("TELL-5" in line for line in old)


def test_the_table_has_every_clause_in_its_order_with_its_words() -> None:
    entries = clause_table(POLICY)

    assert [entry.id for entry in entries] == list(ClauseId)
    assert all(entry.text and entry.plain and entry.staff for entry in entries)
    settled = {row.clause for row in CLAUSE_RULES}
    assert {entry.id for entry in entries if entry.how} == settled == {entry.id for entry in entries if entry.facts}


def test_an_entry_of_the_table_in_words() -> None:
    entries = {entry.id: entry for entry in clause_table(POLICY)}

    assert entries["LT-4"] == replace(
        entries["LT-4"],
        concern="homelessness",
        facts=("under_18", "state"),
        how=("holds when they are under 18; and they are homeless or they are at risk of homelessness",),
        reported_to="their social worker if known, else 101 (the non-emergency police line)",
        deadline="24 hours",
    )
    assert entries["LT-5"].how == ("holds when they are under 16; and medical professionals have not been informed",)
    unless = "they are under 18, they are an adult at risk of harm or their life is in immediate danger"
    assert entries["IR-3"].how[0].endswith(f"; and {unless}, else AD-2 applies instead")
    assert entries["LT-3"].reported_to == "101 (the non-emergency police line) and their social worker if known"
    assert (entries["IR-1"].reported_to, entries["IR-1"].deadline) == ("999, ambulance", "5 minutes")
    assert (entries["AD-2"].reported_to, entries["AD-2"].deadline) == (None, "5 minutes")
    assert (entries["TELL-1"].facts, entries["TELL-1"].how, entries["TELL-1"].deadline) == ((), (), None)
