"""The staff directory of a running worker: it follows the rota and the keys on disk."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.settings import Keys, SettingsError
from tests.staff_on_disk import ALL_DAY, NEVER_SHOWN, SECOND, RefusedChanges, StaffOnDisk, rota, said


@pytest.fixture
def disk(tmp_path: Path) -> StaffOnDisk:
    return StaffOnDisk(tmp_path / "keys", datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1))


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[RefusedChanges]:
    counted: list[str] = []

    class Counter:
        def add(self, amount: int, attributes: Mapping[str, str]) -> None:
            counted.extend([attributes["confide.staff.file"]] * amount)

    monkeypatch.setattr("services.staff_files._refused", Counter())
    with capture_logs() as log:
        yield RefusedChanges(log, counted)


def test_a_lead_who_is_added_may_sign_within_a_second(disk: StaffOnDisk) -> None:
    disk.look()
    assert disk.refusal("lead-3") == "by: is not on the duty rota"
    disk.write("duty.toml", rota("lead-1", "lead-2", "lead-3"))
    assert disk.look().duty.named("lead-3") is not None
    assert disk.refusal("lead-3") == "by: has no key here"
    Keys.create_staff(disk.folder, "lead-3")
    key = Keys.load(disk.folder).staff["lead-3"]
    assert disk.look().signer("lead-3")[1] == key


def test_a_removed_lead_may_not_sign_and_the_refusal_names_the_cause_and_the_time(disk: StaffOnDisk) -> None:
    disk.look()
    (disk.folder / "staff" / "lead-2.key").unlink()
    disk.look()
    keyless_since = disk.now
    assert disk.refusal("lead-2") == f"by: had its key taken away at {said(keyless_since)}"
    disk.write("duty.toml", rota("lead-1"))
    disk.look()
    off_since = disk.now
    disk.look(timedelta(hours=1))
    assert disk.refusal("lead-2") == f"by: was taken off the duty rota at {said(off_since)}"

    disk.write("duty.toml", rota("lead-1", "lead-2"))
    disk.look()
    assert disk.refusal("lead-2") == f"by: had its key taken away at {said(keyless_since)}"
    Keys.create_staff(disk.folder, "lead-2")
    assert disk.look().signer("lead-2")
    (disk.folder / "staff" / "lead-2.key").unlink()
    disk.look()
    assert disk.refusal("lead-2") == f"by: had its key taken away at {said(disk.now)}"


def test_a_process_that_never_knew_a_signer_reports_so(disk: StaffOnDisk) -> None:
    disk.write("duty.toml", rota("lead-1"))
    (disk.folder / "staff" / "lead-1.key").unlink()
    disk.files = disk.started()
    disk.look()
    assert disk.refusal("lead-2") == "by: is not on the duty rota"
    assert disk.refusal("lead-1") == "by: has no key here"


def test_a_change_between_the_start_and_the_first_look_is_found(disk: StaffOnDisk) -> None:
    disk.write("duty.toml", rota("lead-1"))
    assert [each.id for each in disk.files().duty.staff] == ["lead-1"]
    assert disk.refusal("lead-2") == f"by: was taken off the duty rota at {said(disk.now)}"


def test_it_looks_once_a_second_at_most(disk: StaffOnDisk) -> None:
    disk.look()
    disk.write("duty.toml", rota("lead-1"))
    assert disk.look(SECOND * 0.9).duty.named("lead-2") is not None
    assert disk.look(SECOND * 0.1).duty.named("lead-2") is None


def test_what_has_not_changed_is_not_read_again(disk: StaffOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = disk.look()
    for name in ("read_text", "read_bytes", "open"):
        monkeypatch.setattr(Path, name, lambda *_, **__: pytest.fail("was read again"))
    assert disk.look() is first


def test_a_file_that_is_replaced_by_another_of_the_same_size_and_time_is_read_again(disk: StaffOnDisk) -> None:
    disk.look()
    path = disk.folder / "staff" / "lead-1.key"
    before = path.stat()
    new = disk.folder / "new"
    new.write_text("ab" * 32 + "\n")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert new.stat().st_size == before.st_size
    new.replace(path)
    assert disk.look().signer("lead-1")[1] == bytes.fromhex("ab" * 32)


def test_a_file_counts_once_it_was_not_written_for_a_second(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    disk.look()
    # Complete TOML and a valid rota, but not yet the whole file.
    disk.write("duty.toml", rota("lead-1"), at=disk.now + SECOND * 0.5)
    disk.write("staff/lead-1.key", "ab" * 10, at=disk.now + SECOND * 0.5)
    known = disk.look()
    assert known.signer("lead-2")
    disk.write("duty.toml", rota("lead-1", "lead-2", "lead-3"), at=disk.now)
    disk.write("staff/lead-1.key", "ab" * 32, at=disk.now)
    changed = disk.look()
    assert [each.id for each in changed.duty.staff] == ["lead-1", "lead-2", "lead-3"]
    assert changed.signer("lead-1")[1] == bytes.fromhex("ab" * 32)
    assert refused.take() == []


def test_a_time_of_writing_in_the_future_is_no_reason_to_wait(disk: StaffOnDisk) -> None:
    disk.look()
    disk.write("duty.toml", rota("lead-1"), at=disk.now + timedelta(days=1))
    assert disk.look().duty.named("lead-2") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (rota("lead-1").partition("on_duty")[0], "is wrong in line 5"),
        (rota("lead-1")[:-5], "is incomplete"),
        (f"{NEVER_SHOWN} is the phone of", "is wrong in line 1"),
        (rota("lead-1", NEVER_SHOWN + " Ada"), "is wrong in line 10"),
        (rota("lead-1") + ALL_DAY.format("other", "moderator"), "is wrong in line 11"),
        ("", "is incomplete"),
    ],
    ids=["half", "cut in a line", "no TOML", "a name for an id", "untrained", "empty"],
)
def test_a_wrong_rota_keeps_the_last_good_one_and_is_logged_once(
    disk: StaffOnDisk, refused: RefusedChanges, text: str, reason: str
) -> None:
    known = disk.look()
    disk.write("duty.toml", text)
    assert [disk.look() for _ in range(3)] == [known] * 3
    assert refused.take() == [("duty.toml", reason)]
    assert refused.counted == ["rota"]
    disk.write("duty.toml", text + "# still wrong")
    disk.look()
    assert len(refused.take()) == 1
    disk.write("duty.toml", rota("lead-1"))
    assert disk.look().duty.named("lead-2") is None
    assert refused.take() == []


def test_a_folder_that_disappears_is_logged_each_time(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    known = disk.look()
    # Like a mount: when the files are back they have not changed.
    away = disk.folder.with_name("away")
    for _ in range(2):
        disk.folder.rename(away)
        assert [disk.look(), disk.look()] == [known, known]
        gone = ("duty.toml", "staff", "master.key", "token.key")
        assert refused.take() == [(name, "No such file or directory") for name in gone]
        away.rename(disk.folder)
        assert disk.look() == known
    assert refused.take() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("ab" * 31, "must hold 32 bytes in hexadecimal"), (NEVER_SHOWN + "x", "is not hexadecimal")],
    ids=["half", "no key"],
)
def test_a_wrong_key_keeps_the_one_that_was_known_beside_others_that_change(
    disk: StaffOnDisk, refused: RefusedChanges, text: str, reason: str
) -> None:
    known = disk.look()
    disk.write("staff/lead-1.key", text)
    disk.write("staff/lead-9.key", text)
    (disk.folder / "staff" / "lead-2.key").unlink()
    disk.look()
    changed = disk.look()
    assert changed.keys == {"lead-1": known.keys["lead-1"]}
    assert refused.take() == [("staff/lead-1.key", reason), ("staff/lead-9.key", reason)]
    assert refused.counted == ["staff_key"] * 2
    disk.write("staff/lead-9.key", "cd" * 32)
    assert disk.look().keys == {"lead-1": known.keys["lead-1"], "lead-9": bytes.fromhex("cd" * 32)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("staff/lead-1.key", "staff_key"),
        ("duty.toml", "rota"),
        ("master.key", "fixed_key"),
    ],
)
def test_a_file_that_is_emptied_and_not_removed_alarms_for_as_long_as_what_it_held_counts(
    disk: StaffOnDisk, name: str, kind: str
) -> None:
    known = disk.look()
    held = (disk.folder / name).read_text()
    disk.write(name, "")
    assert disk.look() == known
    assert disk.look() == known
    assert disk.alarms == [kind]
    disk.look(timedelta(seconds=59))
    assert disk.alarms == [kind] * 2
    disk.write(name, held)
    disk.look(timedelta(seconds=120))
    assert disk.alarms == [kind] * 2


def test_a_folder_of_keys_that_is_gone_alarms(disk: StaffOnDisk) -> None:
    disk.look()
    (disk.folder / "staff").rename(disk.folder / "away")
    disk.look()
    assert disk.alarms == ["staff_folder"]


def test_a_key_file_by_a_name_is_not_named(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    disk.write(f"staff/Ada {NEVER_SHOWN}.key", "none")
    disk.look()
    assert refused.take() == [("staff/(its name is no id of the duty rota)", "is not hexadecimal")]


def test_a_folder_of_keys_that_goes_takes_no_key_away_and_an_empty_one_takes_all(
    disk: StaffOnDisk, refused: RefusedChanges
) -> None:
    known = disk.look()
    staff, away = disk.folder / "staff", disk.folder / "away"
    for _ in range(2):
        staff.rename(away)
        assert [disk.look().keys, disk.look().keys] == [known.keys] * 2
        assert refused.take() == [("staff", "No such file or directory")]
        away.rename(staff)
        assert disk.look().keys == known.keys
    for path in staff.iterdir():
        path.unlink()
    assert disk.look().keys == {}
    staff.rmdir()
    assert disk.look().keys == {}
    assert refused.take() == []


@pytest.mark.parametrize("name", ["master", "token"])
def test_the_keys_of_the_deployment_never_change_under_a_process(
    disk: StaffOnDisk, refused: RefusedChanges, name: str
) -> None:
    known = disk.look()
    file, kept = f"{name}.key", (disk.folder / f"{name}.key").read_text()
    disk.write(file, "ab" * 32)
    assert [disk.look(), disk.look()] == [known, known]
    reason = "this process keeps the key that it started with: start all processes again together"
    assert refused.take() == [(file, reason)]
    (disk.folder / file).unlink()
    assert disk.look() == known
    assert refused.take() == [(file, "No such file or directory")]
    disk.write(file, kept)
    assert disk.look() == known
    assert refused.take() == []
    # Changes of staff count although the other files are wrong.
    disk.write(file, "ab" * 32)
    (disk.folder / "staff" / "lead-2.key").unlink()
    assert list(disk.look().keys) == ["lead-1"]


def test_the_rota_of_the_policy_itself_is_read_once(disk: StaffOnDisk) -> None:
    disk.files = disk.started(duty_file=None)
    assert disk.look().duty.named("safeguarding-lead-1") is not None
    Keys.create_staff(disk.folder, "safeguarding-lead-1")
    assert disk.look().signer("safeguarding-lead-1")


def test_a_worker_does_not_start_with_a_wrong_rota(disk: StaffOnDisk) -> None:
    disk.write("duty.toml", rota("lead-1", role="moderator"))
    with pytest.raises(SettingsError, match=r"duty\.toml"):
        disk.started()


def test_no_key_is_in_what_is_printed_of_it(disk: StaffOnDisk) -> None:
    known = disk.look()
    assert all(key.hex() not in repr(known) and str(key) not in repr(known) for key in known.keys.values())


def copy(disk: StaffOnDisk, original: str, name: str) -> None:
    disk.write(f"staff/{name}.key", (disk.folder / f"{original}.key").read_text())


@pytest.mark.parametrize(("original", "name"), [("lead-1", "lead-2"), ("lead-2", "lead-1")])
def test_a_key_that_is_copied_while_a_worker_runs_makes_no_second_signer(
    disk: StaffOnDisk, refused: RefusedChanges, original: str, name: str
) -> None:
    known = disk.look()
    copy(disk, f"staff/{original}", name)
    assert [disk.look().keys for _ in range(3)] == [known.keys] * 3
    assert refused.take() == [(f"staff/{name}.key", f"holds the same key as staff/{original}.key")]
    assert disk.alarms == ["staff_key"]
    # Once the original is gone, the key is that of the only file that holds it.
    (disk.folder / "staff" / f"{original}.key").unlink()
    assert disk.look().keys == {name: known.keys[original]}
    assert refused.take() == []


def test_a_copy_under_a_new_name_makes_no_signer(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    known = disk.look()
    disk.write("duty.toml", rota("lead-1", "lead-2", "lead-0"))
    copy(disk, "staff/lead-1", "lead-0")
    assert disk.look().keys == known.keys
    assert disk.refusal("lead-0") == "by: has no key here"
    assert refused.take() == [("staff/lead-0.key", "holds the same key as staff/lead-1.key")]


def test_one_new_key_in_two_files_is_that_of_neither(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    known = disk.look()
    for name in ("lead-1", "lead-2"):
        disk.write(f"staff/{name}.key", "ab" * 32)
    assert disk.look().keys == known.keys
    assert refused.take() == [
        ("staff/lead-1.key", "holds the same key as staff/lead-2.key"),
        ("staff/lead-2.key", "holds the same key as staff/lead-1.key"),
    ]
    disk.write("staff/lead-2.key", "cd" * 32)
    assert disk.look().keys == {"lead-1": b"\xab" * 32, "lead-2": b"\xcd" * 32}


def test_a_key_from_before_does_not_count_if_another_has_it_now(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    known = disk.look()
    Keys.create_staff(disk.folder, "lead-3")
    third = disk.look().keys["lead-3"]
    copy(disk, "staff/lead-2", "lead-1")
    copy(disk, "staff/lead-3", "lead-2")
    assert disk.look().keys == {"lead-1": known.keys["lead-2"], "lead-3": third}
    assert refused.take() == [("staff/lead-2.key", "holds the same key as staff/lead-3.key")]


def test_two_members_of_staff_may_change_keys(disk: StaffOnDisk, refused: RefusedChanges) -> None:
    known = disk.look().keys
    disk.write("staff/lead-1.key", known["lead-2"].hex())
    disk.write("staff/lead-2.key", known["lead-1"].hex())
    assert disk.look().keys == {"lead-1": known["lead-2"], "lead-2": known["lead-1"]}
    assert refused.take() == []


@pytest.mark.parametrize("original", ["master", "token"])
def test_a_copy_of_a_key_of_the_deployment_is_nobodys_key(
    disk: StaffOnDisk, refused: RefusedChanges, original: str
) -> None:
    known = disk.look()
    copy(disk, original, "lead-2")
    assert disk.look().keys == known.keys
    assert refused.take() == [("staff/lead-2.key", f"holds the same key as {original}.key")]
