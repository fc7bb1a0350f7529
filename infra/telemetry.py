"""Traces, metrics and logs of a process, set up once at its start. Their names are in `schemas.telemetry`.

CONFIDE_TRACES and CONFIDE_METRICS name folders: finished spans and metrics are appended there to
`<process>-<pid>.jsonl`, one JSON object a line. CONFIDE_LOG_LEVEL is the level of Confide's own logs, which go to
standard error as JSON lines.

Logs must not quote records. Libraries log only warnings and errors: at lower levels Faust and aiokafka write records,
keys and values. A warning may quote one too, so only the template of a library's message is written, without its
arguments. Of an error, in logs, in spans and at the end of a process, only the class and the position in the code are
written. See decision 0005.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from errno import EACCES
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from infra.settings_errors import WrongSetting

_OURS = ("confide", "streams", "services", "schemas", "infra")
_METRICS_EVERY = 5_000  # ms
#: Least time between two equal messages of a library (seconds), and the field with the number of those left out.
_SELDOM_SECONDS = 10.0
_REPEATED = "repeated"

_tracing: TracerProvider | None = None
_metering: MeterProvider | None = None


def configure(process: str) -> None:
    """Set up telemetry for the process with that name, such as `worker` or `connector-999`; once in a process.

    Raises `WrongSetting`, and `RuntimeError` at a second call.
    """
    global _tracing, _metering
    if _tracing is not None:
        raise RuntimeError("telemetry was set up before")
    _configure_logs(process)
    resource = Resource.create({"service.name": "confide", "confide.process": process})
    # A caller's choice to sample or not is kept; traces that start here are sampled.
    _tracing = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    if folder := os.environ.get("CONFIDE_TRACES"):
        _tracing.add_span_processor(
            # A long queue: a batch of records can end thousands of spans at once. A short delay: a killed process loses
            # few spans.
            BatchSpanProcessor(
                SpanFile(_file("CONFIDE_TRACES", folder, process)), max_queue_size=2**16, schedule_delay_millis=500
            )
        )
    trace.set_tracer_provider(_tracing)
    readers = []
    if folder := os.environ.get("CONFIDE_METRICS"):
        readers.append(
            PeriodicExportingMetricReader(MetricFile(_file("CONFIDE_METRICS", folder, process)), _METRICS_EVERY)
        )
    _metering = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(_metering)


def shutdown() -> None:
    """Write the remaining spans and metrics; later ones are lost. Does nothing if telemetry was not set up."""
    if _tracing is not None:
        _tracing.shutdown()
    if _metering is not None:
        _metering.shutdown()


def _file(setting: str, folder: str, process: str) -> Path:
    """Return this process's file in a setting's folder; raise `WrongSetting` if no file can be written there."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise WrongSetting(f"{setting} is a folder to write to, and {folder} is none: {error.strerror}") from error
    return path / f"{process}-{os.getpid()}.jsonl"


def _append(path: Path, lines: Sequence[str], lock: Lock) -> None:
    with lock, path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


class SpanFile(SpanExporter):
    """Appends finished spans to a file, one JSON object (OpenTelemetry's own form) a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans."""
        _append(self._path, [_span_line(span) for span in spans], self._lock)
        return SpanExportResult.SUCCESS


def _span_line(span: ReadableSpan) -> str:
    found = json.loads(span.to_json(indent=None))
    # The SDK adds an error's text and traceback to the span; both may quote a record.
    found["status"].pop("description", None)
    for event in found["events"]:
        for quoting in ("exception.message", "exception.stacktrace"):
            event["attributes"].pop(quoting, None)
    return json.dumps(found)


class MetricFile(MetricExporter):
    """Appends each collection of metrics to a file, one JSON object (OpenTelemetry's own form) a line."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._lock = Lock()

    def export(  # the SDK's signature
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002
        **_: object,
    ) -> MetricExportResult:
        """Append the collection."""
        _append(self._path, [metrics_data.to_json(indent=None)], self._lock)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Do nothing: each export is written before it returns."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Do nothing: no file stays open."""


def _configure_logs(process: str) -> None:
    level = os.environ.get("CONFIDE_LOG_LEVEL", "warning").upper()
    if level not in logging.getLevelNamesMapping():
        raise WrongSetting(f"CONFIDE_LOG_LEVEL is debug, info, warning, error or critical, not {level.lower()}")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _in_process(process),
        _trace_ids,
    ]
    structlog.configure(
        processors=[*shared, _error_class, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder([_REPEATED]), _error_class],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=lambda value: type(value).__name__),
            ],
        )
    )
    handler.addFilter(_without_arguments)
    handler.addFilter(SeldomFilter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    sys.excepthook = _log_fatal


def _log_fatal(kind: type[BaseException], problem: BaseException, frames: TracebackType | None) -> None:
    """Log the error that ends the process; as sys.excepthook, instead of the interpreter, which prints its text."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, problem, frames)
    else:
        logging.getLogger("confide").critical("the process ends", exc_info=(kind, problem, frames))


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _OURS


def _without_arguments(record: logging.LogRecord) -> bool:
    """Reduce a library's log record to the template of its message; the handler reduces its error to the class."""
    if not _is_ours(record.name):
        # Some libraries format the text themselves: the position in their source replaces it and quotes no record.
        template = record.msg if record.args and isinstance(record.msg, str) else f"{record.module}:{record.lineno}"
        record.msg = template
        record.args = ()
    return True


class SeldomFilter(logging.Filter):
    """Filter that passes each message of a library once in 10 seconds; the next one has the count in `repeated`.

    While Kafka is away, its clients write the same lines for every connection, ten times a second.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._clock = clock or time.monotonic
        self._lock = Lock()
        #: By logger and template: time of the last write, and the number of messages left out since.
        self._written: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record."""
        if _is_ours(record.name):
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        with self._lock:
            at, repeated = self._written.get(key, (-_SELDOM_SECONDS, 0))
            if now - at < _SELDOM_SECONDS:
                self._written[key] = at, repeated + 1
                return False
            self._written[key] = now, 0
        if repeated:
            setattr(record, _REPEATED, repeated)
        return True


def _in_process(process: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add


def _trace_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _error_class(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an error by its class and its positions in the code: its text and its locals may quote a record."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    problem = info[1] if isinstance(info, tuple) else info
    if isinstance(problem, BaseException):
        event["error"] = type(problem).__qualname__
        event["at"] = _positions(problem)
    event.pop("stack_info", None)
    return event


def _positions(problem: BaseException) -> list[str]:
    positions = []
    step = problem.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        positions.append(f"{Path(code.co_filename).name}:{step.tb_lineno} {code.co_qualname}")
        step = step.tb_next
    return positions[-8:]
