"""A wrong policy file is refused, and the error names the wrong part."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import schemas.policy
from schemas.policy import ClauseId, ConfigFileError, Confirmation, load_policy
from tests.readable_ids import readable_id

TEXT = (Path(schemas.policy.__file__).parent / "versions" / "2025-01-01.toml").read_text(encoding="utf-8")


def test_the_policy_in_force() -> None:
    policy = load_policy()

    assert policy.effective_from == datetime(2025, 1, 1, tzinfo=UTC)
    assert (policy.current_for, policy.repeat_window) == (timedelta(days=30), timedelta(hours=6))
    assert policy.tell_within == timedelta(minutes=10)
    assert (policy.clock_tolerance, policy.earliest) == (timedelta(minutes=5), datetime(2000, 1, 1, tzinfo=UTC))
    assert policy.confirmation is Confirmation.SERVICE
    assert (policy.deadlines.emergency, policy.deadlines.other) == (timedelta(minutes=5), timedelta(hours=24))
    assert [clause.id for clause in policy.clauses] == list(ClauseId)


LT_3_ROUTE = '[[routes]]\nclauses = ["LT-3"]\ntell = "all"\nagencies = ["101", "social_worker"]\n'
IR_4 = TEXT[TEXT.index('[[clauses]]\nid = "IR-4"') : TEXT.index('[[clauses]]\nid = "IR-5"')]
CONFIRMATION, EARLIEST = 'confirmation = "service"', "earliest = 2000-01-01T00:00:00Z"
OTHER_AGENCIES = 'agencies = ["social_worker", "101"]'
WRONG: list[tuple[str, str, str | None, list[str]]] = [
    # the replaced text, its replacement, the start of the line with the fault, parts of the error
    ('current_for = "30 days"', 'current_for = "30"', 'current_for = "30"', ["current_for", "'30'", "unit"]),
    ('current_for = "30 days"', "current_for = 30", "current_for = 30", ["current_for", "30", "unit"]),
    ('current_for = "30 days"', 'current_for = "0 days"', "current_for", ["current_for", "0 days"]),
    ('current_for = "30 days"', 'current_for = "1 fortnight"', "current_for", ["current_for", "1 fortnight"]),
    ('current_for = "30 days"\n', "", None, ["current_for", "required"]),
    ('current_for = "30 days"', 'current_fro = "30 days"', "current_fro", ["current_fro"]),
    ('emergency = "5 minutes"', 'emergency = "24 hours"', "emergency", ["deadlines.emergency", "shorter than `other`"]),
    ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00", "effective_from", ["effective_from", "timezone"]),
    (
        "# Longest time from disclosure",
        "effective_until = 2025-01-01T00:00:00Z\n# Longest time from disclosure",
        "effective_until",
        ["effective_until", "after `effective_from`"],
    ),
    ('trained = ["clinical_supervisor"', 'trained = ["janitor"', "trained", ["trained[0]", "janitor"]),
    (CONFIRMATION, 'confirmation = "staff"', "confirmation", ["confirmation", "'service' or 'signed'", "'staff'"]),
    (CONFIRMATION, 'confirmation = ""', "confirmation", ["confirmation", "'service' or 'signed'"]),
    (CONFIRMATION, 'confirmation = "Signed"', "confirmation", ["confirmation", "'service' or 'signed'"]),
    (CONFIRMATION, "confirmation = true", "confirmation", ["confirmation", "'service' or 'signed'"]),
    (CONFIRMATION, 'confirmations = "signed"', "confirmations", ["confirmations", "not permitted"]),
    ('clock_tolerance = "5 minutes"', 'clock_tolerance = "5"', "clock_tolerance", ["clock_tolerance", "'5'", "unit"]),
    (EARLIEST, "earliest = 2000-01-01", "earliest", ["earliest"]),
    (EARLIEST, "earliest = 2025-01-01T00:00:00Z", "earliest", ["earliest", "before `effective_from`"]),
    ('agencies = ["999 ambulance"]', 'agencies = ["999"]', 'agencies = ["999"]', ["routes[0].agencies[0]", "999"]),
    ('agencies = ["999 ambulance"]', 'agencies = ["101"]', 'agencies = ["101"]', ["routes[0]", "IR-1", "999 alone"]),
    (OTHER_AGENCIES, 'agencies = ["101 police"]', 'agencies = ["101 p', ["routes[3].agencies[0]", "101 police"]),
    (OTHER_AGENCIES, 'agencies = ["999 police"]', "", ["routes[3].agencies: LT-2", "LT-2", "never to 999"]),
    (OTHER_AGENCIES, 'agencies = ["vicar"]', 'agencies = ["vicar"]', ["routes[3].agencies[0]", "vicar"]),
    (OTHER_AGENCIES, 'agencies = [\n  "101",\n  "vicar",\n]', '  "vicar"', ["routes[3].agencies[1]", "vicar"]),
    (OTHER_AGENCIES, 'agencies = ["101", "101"]', 'agencies = ["101", "101"]', ["agencies[1]", "more than once"]),
    (OTHER_AGENCIES, "agencies = []", "agencies = []", ["routes[3].agencies"]),
    (
        'tell = "first"\nagencies = ["care_team"',
        'tell = "some"\nagencies = ["care_team"',
        'tell = "some"',
        ["routes[2].tell", "some"],
    ),
    (LT_3_ROUTE, "", "[[routes]]", ["routes", "without a route", "LT-3"]),
    (LT_3_ROUTE, LT_3_ROUTE + LT_3_ROUTE.replace("[[", "\n[["), "", ["routes[5].clauses[0]", "more than once", "LT-3"]),
    (
        'clauses = ["LT-3"]',
        'clauses = ["LT-3", "AD-1"]',
        "clauses = [",
        ["routes[4].clauses[1]", "leads to no report", "AD-1"],
    ),
    ('clauses = ["LT-3"]', 'clauses = ["LT-9"]', 'clauses = ["LT-9"]', ["routes[4].clauses[0]", "LT-9"]),
    (IR_4, "", "[[clauses]]", ["clauses", "missing", "IR-4"]),
    (IR_4, IR_4 + IR_4, "", ["clauses[9].id", "more than once", "IR-4"]),
    ('id = "IR-4"\nconcern = "medication"\n', 'id = "IR-4"\n', "", ["clauses[8]", "without `concern`", "IR-4"]),
    ('concern = "medication"', 'concern = "self_harm"', "[[clauses]]", ["clauses", "no clause judges", "medication"]),
    ('concern = "medication"', 'concern = "gambling"', 'concern = "gambling"', ["gambling"]),
    ("[shares.care_team]", "[shares.nurse]", "[shares.nurse]", ["shares.nurse"]),
    ('gets = "the clinical concern"', 'gets = ""', 'gets = ""', ["shares.care_team.gets"]),
    ('"subject.location"', '"subject.diary"', "fields = [", ["shares.999.fields", "subject.diary"]),
    ("plain = ", "clear = ", "clear = ", ["clauses[0].clear"]),
    ("staff = ", "stuff = ", "[[clauses]]", ["clauses[0].staff", "required"]),
    ('version = "2025-01-01"', 'version = "2025', 'version = "2025', ["is not TOML"]),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG, ids=readable_id)
def test_a_wrong_value_is_refused_with_its_line_and_the_reason(
    tmp_path: Path, old: str, new: str, line: str | None, said: list[str]
) -> None:
    assert TEXT.count(old) >= 1
    path = tmp_path / "wrong.toml"
    text = TEXT.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigFileError) as wrong:
        load_policy(path)

    assert [words for words in said if words not in str(wrong.value)] == []
    assert all(str(fault).startswith(str(path)) for fault in wrong.value.faults)
    lines = text.splitlines()
    given = [fault.line for fault in wrong.value.faults if said[0] in fault.reason]
    assert given
    if line is None:
        assert given == [None]
    else:
        # If only "line" is expected, it is the line of the change.
        assert [at for at in given if at is None or not lines[at - 1].startswith(line)] == []
        assert all(at is not None and at >= text.count("\n", 0, TEXT.index(old)) - 1 for at in given if line == "")


def test_all_faults_are_named_at_once_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    text = TEXT.replace('"30 days"', '"30"').replace(OTHER_AGENCIES, 'agencies = ["vicar"]')
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigFileError) as wrong:
        load_policy(path)

    assert [fault.reason.partition(":")[0] for fault in wrong.value.faults] == ["current_for", "routes[3].agencies[0]"]


def test_a_file_that_is_no_text_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(b'version = "1"\n# \xff\n')

    with pytest.raises(ConfigFileError, match=r"wrong\.toml, line 2: is not UTF-8 text"):
        load_policy(path)


def test_every_clause_speaks_to_a_young_person_and_to_staff() -> None:
    for clause in load_policy().clauses:
        assert len({clause.text, clause.plain, clause.staff}) == 3
        assert re.search(r"\b(you|your|we|everybody)\b", clause.plain, re.IGNORECASE), clause.id
        assert "`" not in clause.plain, clause.id


def test_a_missing_share_is_named(tmp_path: Path) -> None:
    start = TEXT.index("[shares.care_team]")
    path = tmp_path / "wrong.toml"
    path.write_text(TEXT[:start] + TEXT[TEXT.index("# ---- The clauses") :], encoding="utf-8")

    with pytest.raises(ConfigFileError, match=r"line \d+: shares: missing: care_team"):
        load_policy(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"none\.toml: No such file"):
        load_policy(tmp_path / "none.toml")


def test_a_file_of_one_s_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace('repeat_window = "6 hours"', 'repeat_window = "1 hour"'), encoding="utf-8")

    assert load_policy(path).repeat_window == timedelta(hours=1)


def test_a_file_without_the_parameters_that_came_later_has_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "earlier.toml"
    kept = (line for line in TEXT.splitlines() if not line.startswith(("confirmation", "earliest", "clock_tolerance")))
    path.write_text("\n".join(kept), encoding="utf-8")

    assert load_policy(path).model_dump() == load_policy().model_dump()


def test_only_clauses_that_report_have_a_route() -> None:
    with pytest.raises(LookupError, match="AD-1"):
        load_policy().route_of(ClauseId.AD_1)
