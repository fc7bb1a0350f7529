"""The day of two services, line by line, against the table of its expected decisions."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.disclosure import parse_json
from schemas.records import AgencyToTell
from schemas.vocabulary import ClauseState, Outcome
from streams.domain.admission import readable
from streams.domain.policy import Ruling, decide
from tests.unit.policy_cases import NOW, POLICY, found

FOLDER = Path(__file__).parents[1] / "data" / "scenarios"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
DAY = (FOLDER / "day.jsonl").read_bytes().splitlines()
DISCLOSURES = [readable(parse_json(line), NOW) for line in DAY]
RULINGS = [decide(disclosed, now=NOW, policy=POLICY) for disclosed in DISCLOSURES]
#: The clauses that the table's columns name; decisions contain others too.
COLUMNS = re.compile(r"IR-.|LT-.|AD-2|SCOPE-.|SAFE-[35]")
#: The clauses that single rulings show; the rest of that table is about cases, notices and delivery.
SHOWN_HERE = re.compile(r"SCOPE-[12]|CASE-1|IR-.|LT-.|AR-1|AD-2|SAFE-5")


def _clauses(ruling: Ruling, state: ClauseState) -> set[str]:
    return {each.id for each in ruling.findings if each.state is state and COLUMNS.fullmatch(each.id)}


def _told(agencies: tuple[AgencyToTell, ...]) -> list[str]:
    return [each.agency if each.service is None else f"{each.agency} {each.service}" for each in agencies]


@pytest.mark.parametrize("expected", EXPECTED["lines"], ids=lambda expected: f"line {expected['line']}")
def test_line(expected: dict[str, Any]) -> None:
    ruling = RULINGS[expected["line"] - 1]

    assert ruling.outcome == expected["outcome"]
    assert (None if ruling.review is None else ruling.review.reason) == expected["reason"]
    # The one no_route line is a referral without an agency: the table names its proposal only in prose.
    assert ruling.proposed == ("refer" if expected["reason"] == "no_route" else expected["proposed"])
    assert _clauses(ruling, ClauseState.HOLDS) == set(expected["holds"])
    assert _clauses(ruling, ClauseState.OPEN) - {"AD-2"} == set(expected["open"])
    assert _told(ruling.agencies) == expected["agencies"]
    if expected["withheld_by_ad_2"]:
        ad_2 = found(ruling, "AD-2")
        assert ad_2 is not None
        assert ad_2.facts[expected["withheld_by_ad_2"]] is True
    if expected["same_as"]:
        assert ruling == RULINGS[expected["same_as"] - 1]


def _kinds(ruling: Ruling) -> list[str]:
    kinds: list[str] = [ruling.outcome, "all"]
    if ruling.review is not None:
        beside = ruling.outcome is Outcome.REFER
        kinds.append(
            f"refer with a {ruling.review.reason} review beside it" if beside else f"review, {ruling.review.reason}"
        )
    return kinds


def test_totals() -> None:
    lines = Counter(kind for ruling in RULINGS for kind in _kinds(ruling))
    once = {disclosed.disclosure_id: ruling for disclosed, ruling in zip(DISCLOSURES, RULINGS, strict=True)}
    distinct = Counter(kind for ruling in once.values() for kind in _kinds(ruling))

    expected = EXPECTED["totals"] | EXPECTED["reviews"]
    assert lines == {kind: counts["lines"] for kind, counts in expected.items()}
    assert distinct == {kind: counts["distinct"] for kind, counts in expected.items()}


@pytest.mark.parametrize("clause", [clause for clause in EXPECTED["seen"] if SHOWN_HERE.fullmatch(clause)])
def test_the_lines_in_which_each_clause_holds(clause: str) -> None:
    findings = {line: found(ruling, clause) for line, ruling in enumerate(RULINGS, start=1)}
    seen = EXPECTED["seen"][clause]
    if clause == "AR-1":  # the table names it if it was assessed, in any state
        assert {line for line, finding in findings.items() if finding and finding.state is ClauseState.HOLDS} <= set(
            seen
        )
        assert all(findings[line] for line in seen)
    else:
        assert {line for line, each in findings.items() if each and each.state is ClauseState.HOLDS} == set(seen)


@pytest.mark.parametrize("clause", ["AD-1", "SAFE-2", "SAFE-3"])
def test_the_lines_in_which_a_clause_is_evaluated(clause: str) -> None:
    assert all(found(RULINGS[line - 1], clause) for line in EXPECTED["seen"][clause])


def test_tell_1_notices_are_withheld_if_contact_is_not_safe() -> None:
    withheld = {line for line, ruling in enumerate(RULINGS, start=1) if ruling.notify.withheld_because}

    assert withheld == set(EXPECTED["seen"]["TELL-1"])


def test_tell_5_lines_with_other_support_only_are_not_reported() -> None:
    for line in EXPECTED["seen"]["TELL-5"]:
        ruling = RULINGS[line - 1]
        assert (ruling.outcome, ruling.agencies, ruling.notify.due) == (Outcome.CONFIDENTIAL, (), False)
