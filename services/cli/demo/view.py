"""The display of a play: disclosures, decisions with their clauses, reports and acknowledgements; then a summary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from schemas.vocabulary import DeliveryState, Outcome
from services.cli.demo.account import Account
from services.cli.live_view import LiveView
from streams.domain.ids import notice_reference, notification_id

_STYLES = {
    Outcome.EMERGENCY: "bold red",
    Outcome.REFER: "yellow",
    Outcome.REVIEW: "cyan",
    Outcome.CONFIDENTIAL: "green",
    Outcome.OUT_OF_SCOPE: "dim",
}
_ROWS = 16
#: Indexes into the 99 cut points that `quantiles` returns.
_P99 = 98
_MEDIAN = 49


class DemoView(LiveView):
    """A live table on a terminal; elsewhere a line for each decision. Hand-overs are lines in both cases."""

    def __init__(self, lines: int, *, paced: bool) -> None:
        super().__init__(redraws_per_second=8)
        self._lines = lines
        # An unpaced play is too fast for a person to read a line for each decision.
        self._prints_each = paced

    def record_read(self, name: str, fields: Mapping[str, Any], account: Account) -> None:
        """Print a record that was read; away from a terminal each decision and rejection is a line of its own."""
        if (line := _hand_over_line(name, fields, account)) is not None:
            self.console.print(line, style="bold", highlight=False)
        if self.console.is_terminal or not self._prints_each:
            return
        if name == "Decision":
            self.console.print(_decision_line(fields, account), highlight=False)
        elif name == "Rejected":
            self.console.print(f"rejected     {fields['reason']}", highlight=False)
        elif name == "NotificationSettled":
            self.console.print(_notice_line(fields, account), style="dim", highlight=False)

    def show(self, account: Account) -> None:
        """Draw the table as the account is now."""
        if self._is_drawing:
            self._draw(_table(account, self._lines))


def summary(
    console: Console, account: Account, restarts: Mapping[str, int], faults: Sequence[str], *, seconds: float
) -> None:
    """Print the totals of the play and every fault."""
    table = Table(title=f"{len(account.sent)} lines in {seconds:.1f} s", title_justify="left", show_header=False)
    table.add_row("disclosures", _lines(account))
    outcomes = Counter(decision["outcome"] for decision in account.decisions.values())
    table.add_row("decisions", _counts({outcome.value: outcomes[outcome] for outcome in Outcome}))
    table.add_row("persons", str(len(account.persons())))
    table.add_row("reports", _counts(Counter(report["agency"] for report in account.reports.values())))
    states = Counter(delivery["state"] for delivery in account.deliveries)
    table.add_row("acknowledgements", str(states[DeliveryState.ACKNOWLEDGED]))
    table.add_row("notices", _counts(Counter(notice["says"] or notice["state"] for notice in account.settled.values())))
    table.add_row("reviews", _counts(Counter(review["reason"] for review in account.reviews.values())))
    table.add_row("rejected", str(len(account.rejected)))
    table.add_row("to the decision", _percentiles(account.seconds_to_decision()))
    table.add_row("to the acknowledgement", _percentiles(account.seconds_to_acknowledgement()))
    if restarts:
        table.add_row("started again", _counts(restarts))
    console.print(table)
    for fault in faults:
        console.print(f"unaccounted for: {fault}", style="bold red", highlight=False)
    if not faults:
        console.print("Everything that went in is accounted for.", style="bold green")


def _table(account: Account, lines: int) -> Group:
    table = Table(title=f"{len(account.sent)} of {lines} lines", title_justify="left", expand=True)
    for column in ("what came in", "decided", "because", "told", "came back"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    acknowledged: dict[str, list[str]] = {}
    for delivery in account.deliveries[-10 * _ROWS :]:
        if delivery["state"] == DeliveryState.ACKNOWLEDGED:
            acknowledged.setdefault(delivery["report_id"], []).append(delivery["agency"])
    came_back: dict[str, list[str]] = {}
    for report in list(account.reports.values())[-4 * _ROWS :]:
        came_back.setdefault(report["decision_id"], []).extend(acknowledged.get(report["report_id"], []))
    for decision in list(account.decisions.values())[-_ROWS:]:
        style = _STYLES[Outcome(decision["outcome"])]
        table.add_row(
            account.about(decision["disclosure_id"]),
            Text(decision["outcome"], style=style),
            _because(decision),
            _agencies_told(decision),
            ", ".join(f"{agency} ✓" for agency in came_back.get(decision["decision_id"], [])),
        )
    outcomes = Counter(decision["outcome"] for decision in account.decisions.values())
    counts = _counts({outcome.value: outcomes[outcome] for outcome in Outcome})
    return Group(table, Text(f"{counts}; rejected {len(account.rejected)}; notices settled {len(account.settled)}"))


def _decision_line(decision: Mapping[str, Any], account: Account) -> str:
    agencies = _agencies_told(decision)
    about = account.about(decision["disclosure_id"])
    return f"{decision['outcome']:<13}{about}; {_because(decision)}" + (f"  → {agencies}" if agencies else "")


def _notice_line(notice: Mapping[str, Any], account: Account) -> str:
    report_id = notice["report_id"]
    reference = notice_reference(notification_id(report_id))
    agency = account.reports[report_id]["agency"] if report_id in account.reports else f"of report {_short(report_id)}"
    says = (notice["says"] or "nothing").replace("_", " ")
    by = f" by {notice['channel']}" if notice["channel"] else ""
    why = f" ({notice['reason']})" if notice["reason"] else ""
    return f"notice       {reference}, {agency}: {notice['state']}, {says}{by}{why}"


def _hand_over_line(name: str, fields: Mapping[str, Any], account: Account) -> str | None:
    """Return the line for a review of an undelivered report that opens or is settled; None for any other record."""
    review = account.reviews.get(fields["review_id"]) if name in ("ReviewRequested", "ReviewSettled") else None
    if review is None or (about := review["undelivered"]) is None:
        return None
    review_words = f"review {_short(fields['review_id'])}: "
    report = f"report {_short(about['report_id'])} to {about['agency']}"
    if name == "ReviewSettled":
        by = fields["by"] or "the agency"
        return f"settled      {review_words}{report}: {by}: {fields['decision'].replace('_', ' ')}"
    if fields["escalation"] > 0:
        return None
    return f"hand-over    {review_words}{report} failed ({about['failure']}): {fields['on_duty']} is asked"


def _short(id_: str) -> str:
    """Return the first part of an id: enough to recognise it, and to give to `confide review show`."""
    return id_[:8]


def _lines(account: Account) -> str:
    """Return how many lines were sent, accepted and refused; the numbers add up."""
    accepted = [each for each in account.sent if each.accepted]
    ids = len({each.disclosure_id for each in accepted})
    parts = [f"{ids} accepted"]
    if (again := len(accepted) - ids) > 0:
        parts.append(f"{again} with an id sent before")
    if (refused := len(account.sent) - len(accepted)) > 0:
        parts.append(f"{refused} refused")
    return f"{len(account.sent)} lines = {' + '.join(parts)}"


def _because(decision: Mapping[str, Any]) -> str:
    holds = [clause["id"] for clause in decision["clauses"] if clause["state"] == "holds"]
    parts = [", ".join(holds)] if holds else []
    if opened := [clause["id"] for clause in decision["clauses"] if clause["state"] == "open"]:
        parts.append(f"open: {', '.join(opened)}")
    if decision["review"]:
        parts.append(f"asks: {decision['review']['reason']}")
    return "; ".join(parts) or "no clause holds"


def _agencies_told(decision: Mapping[str, Any]) -> str:
    agencies = ", ".join(f"{a['agency']} {a['service'] or ''}".strip() for a in decision["agencies"])
    return f"({agencies} if confirmed)" if agencies and decision["outcome"] == Outcome.REVIEW else agencies


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count) or "none"


def _percentiles(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:  # `quantiles` needs two values
        return "none" if not seconds else f"{seconds[0] * 1000:.0f} ms"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[_MEDIAN] * 1000:.0f} ms, p99 {cuts[_P99] * 1000:.0f} ms"
