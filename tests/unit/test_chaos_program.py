"""The changes of `confide` in the chaos test."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.vocabulary import ContactChannel, NoticeSays
from services.json_lines_file import JsonLinesFile
from services.notifier import channels
from services.notifier.notice import Notice
from tests.chaos.program import stamp_notices

NOTICE = Notice(
    notification_id="notice-1",
    disclosures=(),
    channels=(ContactChannel.SMS,),
    agency="the emergency services (999)",
    says=NoticeSays.HAVE_TOLD,
    statement="We have told the emergency services (999).",
    reasons=(),
    rights="You may ask.",
    reference="12345678",
    support="Support.",
)


async def test_each_notice_has_the_second_at_which_it_left_and_is_recognised_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "JsonLinesFile", JsonLinesFile)
    monkeypatch.setattr(channels, "_digest", channels._digest)
    stamp_notices()
    begun = datetime.now(UTC)
    for _ in range(2):
        channel = channels.FileChannel(tmp_path / "notices.jsonl")
        await channel.tell(NOTICE)
        await channel.tell(NOTICE)
        channel.close()
    (line,) = map(json.loads, (tmp_path / "notices.jsonl").read_text().splitlines())
    assert line["notification_id"] == "notice-1"
    assert begun <= datetime.fromisoformat(line["at"]) <= datetime.now(UTC)
