"""Logs, spans and metrics of a process; none of them can quote a record."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import telemetry
from infra.settings_errors import WrongSetting
from infra.telemetry import SeldomFilter

PERSON = "+447700900123"

PROGRAM = f"""
import logging, structlog
from opentelemetry import trace, metrics
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from infra import telemetry

telemetry.configure("worker")
tracer = trace.get_tracer("confide")

def parent(sampled):
    return set_span_in_context(NonRecordingSpan(SpanContext(0xAB, 0xCD, True, TraceFlags(int(sampled)))))

with tracer.start_as_current_span("sampled by the caller", context=parent(True)):
    structlog.get_logger("streams.agents").warning("batch done", records=3)
tracer.start_span("left out by the caller", context=parent(False)).end()
tracer.start_span("begins here").end()
try:
    with tracer.start_as_current_span("fails"):
        raise ValueError("{PERSON}")
except ValueError:
    structlog.get_logger("services.notifier").exception("could not tell")
    logging.getLogger("aiokafka.consumer").exception("cannot read %r", b"{PERSON}")
    logging.getLogger("faust.streams").error(f"dropped {PERSON}")
metrics.get_meter("confide").create_counter("confide.processed").add(2, {{"confide.lane.group": "admit"}})
logging.getLogger("aiokafka").info("sent %r", b"{PERSON}")
logging.getLogger("streams.agents").info("for developers")
telemetry.shutdown()
raise RuntimeError("ends with {PERSON}")
"""


AWAY = """
import logging, time
from infra import telemetry

clock = [0.0]
time.monotonic = lambda: clock[0]
telemetry.configure("worker")
for moment in (0.0, 1.0, 2.0, 12.0):
    clock[0] = moment
    logging.getLogger("aiokafka").error("cannot connect to %s", moment)
"""


def run(program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def line_of(part: str) -> int:
    return next(number for number, line in enumerate(PROGRAM.splitlines(), 1) if part in line)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_spans_are_appended_as_lines_and_follow_the_callers_sampling(tmp_path: Path) -> None:
    run(CONFIDE_TRACES=str(tmp_path / "traces"))
    (file,) = (tmp_path / "traces").iterdir()
    assert file.name.startswith("worker-")
    spans = {span["name"]: span for span in map(json.loads, file.read_text().splitlines())}
    assert set(spans) == {"sampled by the caller", "begins here", "fails"}
    assert spans["sampled by the caller"]["parent_id"] == "0x00000000000000cd"
    assert spans["sampled by the caller"]["context"]["trace_id"] == f"0x{0xAB:032x}"
    assert spans["fails"]["status"] == {"status_code": "ERROR"}
    assert spans["fails"]["events"][0]["attributes"]["exception.type"] == "ValueError"
    resource = spans["fails"]["resource"]["attributes"]
    assert (resource["service.name"], resource["confide.process"]) == ("confide", "worker")


def test_metrics_are_appended_as_lines(tmp_path: Path) -> None:
    run(CONFIDE_METRICS=str(tmp_path))
    (file,) = tmp_path.iterdir()
    collected = json.loads(file.read_text().splitlines()[-1])
    (metric,) = collected["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    assert metric["name"] == "confide.processed"
    assert metric["data"]["data_points"][0]["value"] == 2


def test_nothing_quotes_what_an_error_or_a_library_was_about(tmp_path: Path) -> None:
    done = run(CONFIDE_TRACES=str(tmp_path), CONFIDE_METRICS=str(tmp_path / "m"), CONFIDE_LOG_LEVEL="debug")
    written = done.stderr + "".join(file.read_text() for file in tmp_path.rglob("*.jsonl"))
    assert len(events(done)) == 6
    assert PERSON not in written
    assert PERSON[1:] not in written


def test_logs_are_json_lines_that_say_where_and_of_which_trace() -> None:
    done = run()
    assert done.returncode == 1
    batch, ours, template, filled_in, end = events(done)
    assert (batch["event"], batch["records"], batch["level"]) == ("batch done", 3, "warning")
    assert (batch["logger"], batch["process"]) == ("streams.agents", "worker")
    assert batch["trace_id"] == f"{0xAB:032x}"
    assert (ours["event"], ours["error"]) == ("could not tell", "ValueError")
    assert ours["at"] == [f"<string>:{line_of('raise ValueError')} <module>"]
    assert (template["event"], template["error"]) == ("cannot read %r", "ValueError")
    assert filled_in["event"] == f"<string>:{line_of('dropped')}"
    assert (end["event"], end["error"]) == ("the process ends", "RuntimeError")


def test_developers_see_our_lower_levels_but_never_a_librarys() -> None:
    said = [event["event"] for event in events(run(CONFIDE_LOG_LEVEL="debug"))]
    assert "for developers" in said
    assert "sent %r" not in said


@pytest.mark.parametrize("setting", ["CONFIDE_LOG_LEVEL", "CONFIDE_TRACES", "CONFIDE_METRICS"])
def test_a_setting_that_is_wrong_ends_a_verb_in_one_line_that_names_it(setting: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = "loud" if setting == "CONFIDE_LOG_LEVEL" else str(tmp_path / "file" / "folder")
    said = {
        "CONFIDE_LOG_LEVEL": "is debug, info, warning, error or critical, not loud",
        "CONFIDE_TRACES": f"is a folder to write to, and {wrong} is none: Not a directory",
        "CONFIDE_METRICS": f"is a folder to write to, and {wrong} is none: Not a directory",
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "agencies", "--folder", str(tmp_path / "agencies")],
        env={**os.environ, setting: wrong}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, f"confide: {setting} {said[setting]}\n")


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write to any folder, so the check is replaced.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(WrongSetting, match=f"CONFIDE_TRACES is a folder to write to, and {tmp_path} is none: Permis"):
        telemetry._file("CONFIDE_TRACES", str(tmp_path), "worker")


def test_a_librarys_message_is_written_seldom_and_says_how_often_it_came() -> None:
    first, later = events(run(AWAY))
    assert first["event"] == later["event"] == "cannot connect to %s"
    assert "repeated" not in first
    assert later["repeated"] == 2


def test_the_next_one_after_a_while_says_how_often_it_came() -> None:
    now = 0.0
    seldom = SeldomFilter(lambda: now)

    def written(name: str, message: str) -> int | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)
        return getattr(record, "repeated", 0) if seldom.filter(record) else None

    assert [written("aiokafka", "away") for _ in range(3)] == [0, None, None]
    assert written("aiokafka", "another") == 0
    assert [written("streams.agents", "ours") for _ in range(2)] == [0, 0]
    now = 10.0
    assert [written("aiokafka", "away") for _ in range(2)] == [2, None]
    now = 20.0
    assert written("aiokafka", "away") == 1
