"""The changes of `confide` in the chaos test."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.vocabulary import ContactChannel, NoticeSays
from services.json_lines_file import JsonLinesFile
from services.notifier import channels
from services.notifier.notice import Notice
from services.notifier.notifier import Notifier
from services.notifier.telling import Tell
from streams.runtime import Origin
from tests.chaos.program import log_calls, stamp_notices
from tests.due_notices import POLICY, due

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


async def test_each_call_of_the_channel_is_logged_with_its_second_and_its_lane_also_one_that_the_channel_drops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notifier, "__init__", Notifier.__init__)
    log, file = tmp_path / "calls.jsonl", tmp_path / "notices.jsonl"
    log_calls(log)
    channel, effect = channels.FileChannel(file), Tell(due(), "notice-1", NoticeSays.HAVE_TOLD, Origin())
    first, second = Notifier(channel, POLICY), Notifier(channel, POLICY)
    begun = datetime.now(UTC)
    for lane in (first, first, second):
        await lane.perform(effect)
    channel.close()
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(file.read_text().splitlines()) == 1
    assert [(call["notification_id"], call["says"], call["channel"]) for call in calls] == [
        ("notice-1", "have_told", "direct_message")
    ] * 3
    moments = [datetime.fromisoformat(call["at"]) for call in calls]
    assert [begun, *moments] == sorted([begun, *moments])
    lanes = [call["lane"] for call in calls]
    assert lanes[0] == lanes[1] != lanes[2]
