"""A policy file is refused with the name of what is wrong in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import schemas.policy
from schemas.policy import ClauseId, WrongPolicy, load_policy

TEXT = (Path(schemas.policy.__file__).parent / "versions" / "2025-01-01.toml").read_text(encoding="utf-8")


def test_the_policy_in_force() -> None:
    policy = load_policy()

    assert policy.effective_from == datetime(2025, 1, 1, tzinfo=UTC)
    assert (policy.current_for, policy.repeat_window) == (timedelta(days=30), timedelta(hours=6))
    assert (policy.deadlines.emergency, policy.deadlines.other) == (timedelta(minutes=5), timedelta(hours=24))
    assert [clause.id for clause in policy.clauses] == list(ClauseId)


LT_3_ROUTE = '[[routes]]\nclauses = ["LT-3"]\ntell = "all"\nagencies = ["101", "social_worker"]\n'
IR_4 = TEXT[TEXT.index('[[clauses]]\nid = "IR-4"') : TEXT.index('[[clauses]]\nid = "IR-5"')]
WRONG: list[tuple[str, str, list[str]]] = [
    # what is replaced, by what, what the error says
    ('current_for = "30 days"', 'current_for = "30"', ["current_for", "'30'", "unit"]),
    ('current_for = "30 days"', "current_for = 30", ["current_for", "30", "unit"]),
    ('current_for = "30 days"', 'current_for = "0 days"', ["current_for", "0 days"]),
    ('current_for = "30 days"', 'current_for = "1 fortnight"', ["current_for", "1 fortnight"]),
    ('current_for = "30 days"\n', "", ["current_for", "required"]),
    ('current_for = "30 days"', 'current_fro = "30 days"', ["current_fro"]),
    ('emergency = "5 minutes"', 'emergency = "24 hours"', ["deadlines", "emergency"]),
    ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00", ["effective_from", "timezone"]),
    ('trained = ["clinical_supervisor"', 'trained = ["janitor"', ["trained[0]", "janitor"]),
    ('agencies = ["999 ambulance"]', 'agencies = ["999"]', ["routes[0].agencies[0]", "999"]),
    ('agencies = ["999 ambulance"]', 'agencies = ["101"]', ["routes[0]", "IR-1", "999 alone"]),
    ('agencies = ["social_worker", "101"]', 'agencies = ["101 police"]', ["routes[3].agencies[0]", "101 police"]),
    ('agencies = ["social_worker", "101"]', 'agencies = ["999 police"]', ["routes[3]", "LT-2", "never to 999"]),
    ('agencies = ["social_worker", "101"]', 'agencies = ["vicar"]', ["routes[3].agencies[0]", "vicar"]),
    ('agencies = ["social_worker", "101"]', "agencies = []", ["routes[3].agencies"]),
    ('tell = "first"\nagencies = ["care_team"', 'tell = "some"\nagencies = ["care_team"', ["routes[2].tell", "some"]),
    (LT_3_ROUTE, "", ["routes", "without a route", "LT-3"]),
    (LT_3_ROUTE, LT_3_ROUTE + LT_3_ROUTE, ["routes", "more than once", "LT-3"]),
    ('clauses = ["LT-3"]', 'clauses = ["LT-3", "AD-1"]', ["routes", "tells anybody", "AD-1"]),
    ('clauses = ["LT-3"]', 'clauses = ["LT-9"]', ["routes[4].clauses[0]", "LT-9"]),
    (IR_4, "", ["clauses", "missing", "IR-4"]),
    (IR_4, IR_4 + IR_4, ["clauses", "more than once", "IR-4"]),
    ('id = "IR-4"\nconcern = "medication"\n', 'id = "IR-4"\n', ["clauses", "without `concern`", "IR-4"]),
    ('concern = "medication"', 'concern = "self_harm"', ["clauses", "no clause judges", "medication"]),
    ('concern = "medication"', 'concern = "gambling"', ["gambling"]),
    ("[shares.care_team]", "[shares.nurse]", ["shares.nurse"]),
    ('gets = "the clinical concern"', 'gets = ""', ["shares.care_team.gets"]),
    ('"subject.location"', '"subject.diary"', ["shares.999.fields", "subject.diary"]),
    ('version = "2025-01-01"', 'version = "2025', ["line 6", "is not TOML"]),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_wrong_value(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert TEXT.count(old) >= 1
    path = tmp_path / "wrong.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(WrongPolicy) as wrong:
        load_policy(path)

    assert "wrong.toml" in str(wrong.value)
    assert [words for words in said if words not in str(wrong.value)] == []


def test_a_missing_share_is_named(tmp_path: Path) -> None:
    start = TEXT.index("[shares.care_team]")
    path = tmp_path / "wrong.toml"
    path.write_text(TEXT[:start] + TEXT[TEXT.index("# ---- The clauses") :], encoding="utf-8")

    with pytest.raises(WrongPolicy, match="shares: missing: care_team"):
        load_policy(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WrongPolicy, match=r"none\.toml: No such file"):
        load_policy(tmp_path / "none.toml")


def test_a_file_of_one_s_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace('repeat_window = "6 hours"', 'repeat_window = "1 hour"'), encoding="utf-8")

    assert load_policy(path).repeat_window == timedelta(hours=1)


def test_only_clauses_that_tell_somebody_have_a_route() -> None:
    with pytest.raises(LookupError, match="AD-1"):
        load_policy().route_of(ClauseId.AD_1)
