"""The file of notices: each notice is whole and once in it, after a crash, a damaged line or a full disk."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from schemas.notifications import ServiceDisclosure
from schemas.vocabulary import Agency, ContactChannel, Service
from services.notifier.channels import FileChannel, Told
from tests.due_notices import due, notice, told


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notices.jsonl"


def damage(path: Path, number: int, damaged: bytes = b"\xff\n") -> None:
    """Replace one line by `damaged`."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:number], damaged, *lines[number + 1 :]]))


def size(path: Path) -> int:
    return path.stat().st_size


async def test_a_notice_cut_off_while_it_was_written_is_written_again_whole(path: Path) -> None:
    channel = FileChannel(path)
    await channel.tell(notice(due(1)))
    whole = size(path)
    await channel.tell(notice(due(2)))
    os.truncate(path, size(path) - 10)
    again = FileChannel(path)
    assert size(path) == whole
    await again.tell(notice(due(1)))
    await again.tell(notice(due(2)))
    assert [line["notification_id"] for line in told(path)] == ["notice-1", "notice-2"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    "changed",
    [
        {"agency": Agency.CARE_TEAM},
        {"channels": (ContactChannel.SMS,)},
        {"disclosures": (ServiceDisclosure(service=Service.TEXT_LINE, disclosure_id="disclosure-2"),)},
        {"clauses": ("LT-1",)},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_notice_with_a_known_id_and_other_content_was_not_sent_before(
    path: Path, changed: dict[str, Any], restarted: bool
) -> None:
    channel = FileChannel(path)
    await channel.tell(notice(due()))
    channel = FileChannel(path) if restarted else channel
    other = notice(due(**changed))
    assert await channel.tell(other) == Told(other.channels[0])
    assert len(told(path)) == 2
    assert told(path)[1]["channel"] == other.channels[0]
    # From then on both are known.
    for known in (notice(due()), other):
        assert await channel.tell(known) == Told(known.channels[0])
    assert len(told(path)) == 2


async def test_a_damaged_line_is_skipped_and_its_notice_is_sent_again(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = FileChannel(path)
    for number in (1, 2, 3):
        await channel.tell(notice(due(number)))
    damage(path, 1)
    again = FileChannel(path)
    said = "".join(capsys.readouterr())
    assert "line=2" in said
    assert "UnicodeDecodeError" in said
    for number in (1, 2, 3):
        await again.tell(notice(due(number)))
    damage(path, 1, b"")
    assert [line["notification_id"] for line in told(path)] == ["notice-1", "notice-3", "notice-2"]


def test_the_file_of_notices_is_readable_by_its_owner_alone(path: Path) -> None:
    FileChannel(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_notice_that_could_be_written_in_part_only_spoils_no_other_and_is_written_once_the_disk_takes_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = FileChannel(path)
    await channel.tell(notice(due()))
    write = os.write

    def full(file: int, line: bytes) -> int:
        if len(line) > 20:
            return write(file, line[:20])
        refusals.append(errno.ENOSPC)
        raise OSError(errno.ENOSPC, "No space left on device")

    refusals: list[int] = []
    other = notice(due(notification_id="notification-2"))
    with monkeypatch.context() as disk:
        disk.setattr("services.json_lines_file.os.write", lambda file, line: full(file, line[:30]))
        disk.setattr("services.notifier.channels._AGAIN_SECONDS", 0.01)
        telling = asyncio.create_task(channel.tell(other))
        async with asyncio.timeout(5):
            while len(refusals) < 3:  # noqa: ASYNC110 - a disk sets no event
                await asyncio.sleep(0.01)
        assert not telling.done()
    await telling
    assert [line["notification_id"] for line in told(path)] == [due().notification_id, "notification-2"]
