"""Versions of the policy by date: the one that decides, the faults of a set, and the beginning of its scope."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import schemas.policy
from schemas.policy import ConfigFileError, Policies, load_policies, load_policy
from schemas.vocabulary import Outcome
from streams.domain.policy import decide
from tests.unit.policy_cases import NOW, TEEN, concern, disclosure, state

TEXT = (Path(schemas.policy.__file__).parent / "versions" / "2025-01-01.toml").read_text(encoding="utf-8")
FIRST, SECOND, THIRD = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 4, 7))
HOMELESS = concern("homelessness", state="homeless")
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, start: datetime, end: datetime | None = None, **changed: str) -> Path:
        version = changed.pop("version", name)
        text = TEXT.replace('version = "2025-01-01"', f'version = "{version}"')
        until = "" if end is None else f"\neffective_until = {end.isoformat()}"
        text = text.replace("effective_from = 2025-01-01T00:00:00Z", f"effective_from = {start.isoformat()}{until}")
        for old, new in changed.items():
            text = text.replace(f'{old} = "24 hours"', f'{old} = "{new}"')
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def line_of(folder: Path, name: str, key: str) -> str:
    """Return `file, line N` of a key of one of the files."""
    lines = (folder / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if line.startswith(f"{key} ="))
    return f"{folder}/{name}.toml, line {number}"


@pytest.fixture
def three(write: Write) -> Policies:
    # The files' names are in another order than their dates.
    write("c", FIRST, SECOND)
    write("a", SECOND, THIRD, other="12 hours")
    return load_policies(write("b", THIRD, other="6 hours"))


def test_the_policy_s_own_versions_are_a_sound_set() -> None:
    policies = load_policies()

    assert policies.latest == load_policy() == policies.in_force(datetime(2100, 1, 1, tzinfo=UTC))
    assert {each.in_scope_from for each in policies} == {datetime(2025, 1, 1, tzinfo=UTC)}


def test_versions_are_in_force_from_their_date_to_the_next_s(three: Policies) -> None:
    instant = timedelta(microseconds=1)

    assert [each.version for each in three] == ["c", "a", "b"]
    for at, version in (
        (FIRST - timedelta(days=999), "c"),
        (FIRST, "c"),
        (SECOND - instant, "c"),
        (SECOND, "a"),
        (THIRD - instant, "a"),
        (THIRD, "b"),
        (THIRD + timedelta(days=999), "b"),
    ):
        assert three.in_force(at).version == version
    assert (three.named("a").version, three.latest.version) == ("a", "b")
    with pytest.raises(LookupError, match="no version 'd' of the policy: c, a, b"):
        three.named("d")


def test_a_disclosure_is_decided_under_the_version_in_force_when_it_was_disclosed(three: Policies) -> None:
    for at, version, hours in ((FIRST, "c", 24), (SECOND, "a", 12), (THIRD, "b", 6)):
        # The versions in force at the assessment and at the decision do not count.
        disclosed = disclosure(
            concern("abuse", ongoing=None), subject=TEEN, disclosed_at=at, assessed_at=at + timedelta(days=29)
        )
        ruling = decide(disclosed, now=NOW, policy=three)

        assert ruling.policy_version == ruling.policy.version == version
        assert ruling.review is not None
        assert ruling.review.deadline == NOW + timedelta(hours=hours)


def test_one_disclosed_after_its_assessment_is_decided_under_the_version_of_the_assessment(three: Policies) -> None:
    disclosed = disclosure(HOMELESS, disclosed_at=THIRD + timedelta(days=1), assessed_at=SECOND)

    assert decide(disclosed, now=NOW, policy=three).policy_version == "a"


def test_the_scope_begins_with_the_first_version_whichever_decides(three: Policies) -> None:
    before = disclosure(HOMELESS, disclosed_at=FIRST - timedelta(seconds=1), assessed_at=FIRST)
    since = disclosure(HOMELESS, disclosed_at=FIRST, assessed_at=FIRST)

    excluded = decide(before, now=NOW, policy=three)
    assert (excluded.outcome, excluded.policy_version) == (Outcome.OUT_OF_SCOPE, "c")
    assert state(excluded, "SCOPE-1") == "holds"
    assert decide(since, now=NOW, policy=three).outcome is not Outcome.OUT_OF_SCOPE
    # Replayed under the last version it is in scope too; with only the file of that version it would not be.
    assert state(decide(since, now=NOW, policy=three.latest), "SCOPE-1") == "does_not_hold"


def test_a_file_by_itself_has_the_scope_of_its_own_date(write: Write) -> None:
    path = write("later", THIRD) / "later.toml"
    disclosed = disclosure(HOMELESS, disclosed_at=THIRD - timedelta(seconds=1), assessed_at=THIRD)

    for policy in (load_policy(path), load_policies(path)):
        assert state(decide(disclosed, now=NOW, policy=policy), "SCOPE-1") == "holds"


def refused(folder: Path) -> list[str]:
    with pytest.raises(ConfigFileError) as wrong:
        load_policies(folder)
    return [str(fault) for fault in wrong.value.faults]


def test_a_gap_is_refused(write: Write) -> None:
    write("a", FIRST, SECOND)
    folder = write("b", THIRD)

    assert refused(folder) == [
        (
            f"{line_of(folder, 'b', 'effective_from')}: effective_from: gap: no policy would be in force from "
            f"2025-04-01T00:00:00Z ({line_of(folder, 'a', 'effective_until')}) to 2025-07-01T00:00:00Z"
        )
    ]


def test_an_overlap_is_refused(write: Write) -> None:
    write("a", FIRST, THIRD)
    folder = write("b", SECOND)

    assert refused(folder) == [
        (
            f"{line_of(folder, 'b', 'effective_from')}: effective_from: overlap: 2025-04-01T00:00:00Z is before the "
            f"version before it ends, 2025-07-01T00:00:00Z ({line_of(folder, 'a', 'effective_until')})"
        )
    ]


def test_two_versions_of_one_date_are_an_overlap(write: Write) -> None:
    write("a", FIRST, SECOND)
    folder = write("b", FIRST)

    assert any("overlap" in fault for fault in refused(folder))


def test_only_the_last_version_is_without_an_end(write: Write) -> None:
    write("a", FIRST)
    folder = write("b", SECOND, THIRD)

    faults = refused(folder)
    assert len(faults) == 2
    assert faults[0].startswith(f"{line_of(folder, 'a', 'effective_from')}: effective_until: is required")
    assert faults[1].startswith(
        f"{line_of(folder, 'b', 'effective_until')}: effective_until: no policy would be in force"
    )


def test_equal_versions_are_refused(write: Write) -> None:
    write("a", FIRST, SECOND, version="one")
    folder = write("b", SECOND, version="one")

    assert refused(folder) == [
        (
            f"{line_of(folder, 'b', 'version')}: version: 'one' is the version of another file too "
            f"({line_of(folder, 'a', 'version')})"
        )
    ]


def test_wrong_files_are_all_named_before_the_set_is_looked_at(write: Write) -> None:
    write("a", FIRST, other="12 fortnights")
    folder = write("b", SECOND, other="soon")

    faults = refused(folder)

    assert [fault.partition(":")[0].rpartition("/")[2][:6] for fault in faults] == ["a.toml", "b.toml"]
    assert "'12 fortnights'" in faults[0]


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none", encoding="utf-8")

    assert refused(tmp_path) == [f"{tmp_path}: has no policy in it: a file for each version, such as 2025-01-01.toml"]


def test_no_versions_at_all_are_no_policies() -> None:
    with pytest.raises(ValueError, match="no version"):
        Policies(())
