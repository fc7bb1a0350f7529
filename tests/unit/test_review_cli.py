"""`confide review`: what it refuses before it reads Kafka, and its output for a review that is settled already."""

from typing import Any, get_args

import pytest
import typer

from schemas.concerns import CONCERNS
from schemas.reviews import ReviewFact, ReviewOutcome, ReviewSettled
from schemas.vocabulary import ReviewDecision
from services.cli.review_decide import _fields
from services.cli.review_facts import PATHS, read_fact
from services.cli.review_result import print_settled_before
from services.settings import SettingsError
from streams.domain.admission import readable
from streams.domain.new_facts import with_facts
from tests.disclosures import disclosure
from tests.turns import NOW

WORDS = ("true", "16", "social_worker", "harm", "within_30_days", "at_risk", "2026-02-03T21:00:00Z")
TIME = "takes a time in ISO 8601 with its zone, such as 2026-02-03T21:04:11Z"
OUTCOME = {
    "review_id": "review-1",
    "by": "lead-1",
    "role": "safeguarding_lead",
    "decided_at": NOW,
    "decision": "confirm",
    "signature": b"",
}
SETTLED = {
    "review_id": "review-1",
    "person": "person-1",
    "decision_id": "decision-2",
    "by": "lead-1",
    "role": "safeguarding_lead",
    "decision": "confirm",
    "settled_at": NOW,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("subject.age=16", 16),
        ("subject.professionals=social_worker", "social_worker"),
        ("subject.adult_at_risk.at_risk_of_harm=no", False),
        ("safety.says_safe=true", True),
        ("concerns[0].plan=yes", True),
        ("concerns[12].timeframe=none", "none"),
        ("concerns[1].state=at_risk", "at_risk"),
        ("concerns[1].immediate_danger=life", "life"),
        ("disclosed_at=2026-02-03T22:00:00+01:00", "2026-02-03T21:00:00+00:00"),
        ("assessment.assessed_at=2026-02-03T21:00:00Z", "2026-02-03T21:00:00+00:00"),
    ],
)
def test_a_fact_is_read(text: str, value: Any) -> None:
    fact = read_fact(text)
    assert fact == {"path": text.partition("=")[0], "value": value}
    assert fact["value"] is value or not isinstance(value, bool)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject.age", "--fact is PATH=VALUE, such as subject.age=16 or concerns[0].plan=true"),
        ("subject.age=sixteen", "--fact subject.age takes an age in years"),
        ("subject.age=true", "--fact subject.age takes an age in years"),
        ("subject.age=1600", "--fact subject.age takes an age in years"),
        ("concerns[0].plan=maybe", "--fact concerns[0].plan takes true, yes, false, no"),
        ("concerns[0].plan=none", "--fact concerns[0].plan takes true, yes, false, no"),
        (
            "concerns[0].timeframe=soon",
            "--fact concerns[0].timeframe takes immediate, within_30_days, beyond_30_days, none",
        ),
        ("disclosed_at=2026-02-03", f"--fact disclosed_at {TIME}"),
        ("disclosed_at=2026-02-03T21:00:00", f"--fact disclosed_at {TIME}"),
        ("disclosed_at=1770152400", f"--fact disclosed_at {TIME}"),
        ("assessment.assessed_at=yesterday", f"--fact assessment.assessed_at {TIME}"),
        ("subject.professionals=Ada", "--fact subject.professionals takes social_worker, care_professional"),
    ],
)
def test_a_fact_that_is_wrong_is_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_fact(text)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "path", ["subject.name", "facts[0].path", "concerns[0].plam", "concerns[N].plan", "concerns[01].plan", "", "age"]
)
def test_a_path_that_is_none_is_refused_with_all_that_are(path: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_fact(f"{path}=true")
    said = str(refused.value)
    assert said.startswith("--fact takes one of these paths, N being the position of a concern from 0: subject.age, ")
    assert said.endswith(", ".join(PATHS))


@pytest.mark.parametrize("path", PATHS)
def test_what_is_allowed_is_what_the_contract_takes(path: str) -> None:
    """DECIDE accepts every value that the console accepts for a fact, in a disclosure with each kind of concern."""
    kinds = [get_args(model.model_fields["kind"].annotation)[0] for model in CONCERNS]
    disclosed = readable(disclosure(concerns=[{"kind": kind.value} for kind in kinds]), NOW)
    places = [at for at, model in enumerate(CONCERNS) if path.removeprefix("concerns[N].") in model.model_fields] or [0]
    for place in places:
        facts = [fact for word in WORDS if (fact := read(f"{path.replace('[N]', f'[{place}]')}={word}")) is not None]
        assert facts
        for fact in facts:
            with_facts(disclosed, [fact])


def read(text: str) -> ReviewFact | None:
    """Return a fact as the console sends it; None if it refuses the text."""
    try:
        return ReviewFact.model_validate(read_fact(text))
    except SettingsError:
        return None


CONFIRMED = (
    "Settled 3 February 2026, 21:10 UTC by lead-1 (safeguarding_lead): confirm.\nDecision decision-2 followed.\n"
)


def outcome(**said: Any) -> ReviewOutcome:
    return ReviewOutcome.model_validate(OUTCOME | said)


def settled(**said: Any) -> ReviewSettled:
    return ReviewSettled.model_validate(SETTLED | said)


def test_an_outcome_equal_to_the_one_that_settled_the_review_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_settled_before(settled(), outcome())
    assert capsys.readouterr().out == f"settled already, as you say\n{CONFIRMED}"
    refused = {"decision": "refuse", "refusal": "already_reported"}
    print_settled_before(settled(**refused, decision_id=None), outcome(**refused))
    said = "Settled 3 February 2026, 21:10 UTC by lead-1 (safeguarding_lead): refuse (already_reported).\n"
    assert capsys.readouterr().out == f"settled already, as you say\n{said}"


@pytest.mark.parametrize(
    ("before", "said", "by"),
    [
        ({"by": "lead-2"}, {}, "lead-2"),
        ({"decision": "refuse", "refusal": "already_reported"}, {}, "lead-1"),
        (
            {"decision": "refuse", "refusal": "already_reported"},
            {"decision": "refuse", "refusal": "out_of_scope"},
            "lead-1",
        ),
        ({}, {"agencies": [{"agency": "101"}]}, "lead-1"),
        (
            {"decision": "new_facts"},
            {"decision": "new_facts", "facts": [{"path": "subject.age", "value": 16}]},
            "lead-1",
        ),
        ({"by": None, "role": None}, {}, "an acknowledgement of the agency"),
    ],
    ids=["by another", "otherwise", "another reason", "agencies", "facts", "by the agency"],
)
def test_a_review_that_was_settled_otherwise_is_an_error(
    before: dict[str, Any], said: dict[str, Any], by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        print_settled_before(settled(**before), outcome(**said))
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == f"confide: {by} settled it before\n"


@pytest.mark.parametrize(
    "agencies",
    [("101", "101"), ("999 police", "101", "999-police"), ("care-team", "care_team")],
    ids=" ".join,
)
def test_an_agency_that_is_named_twice_is_refused(agencies: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as refused:
        _fields({ReviewDecision.CONFIRM: True}, agencies, None, None)
    assert str(refused.value) == "--agency names an agency twice; allowed: each of them once"


def test_several_agencies_can_be_named() -> None:
    found = _fields({ReviewDecision.CONFIRM: True}, ("101", "999 police", "999 ambulance"), None, None)["agencies"]
    assert [each["agency"] for each in found] == ["101", "999", "999"]
