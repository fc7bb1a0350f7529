"""The files of `confide demo --out`: JSON lines for each kind of record, and the logs of the agencies."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from services.cli.demo.account import Account, Fields


def leave(account: Account, agencies: Path, out: Path) -> None:
    """Write the files into `out`; files of an earlier play are overwritten."""
    _write(out / "decisions.jsonl", account.decisions.values())
    _write(out / "reports.jsonl", account.reports.values())
    _write(out / "deliveries.jsonl", account.deliveries)
    notices = [
        {"record": record, **fields}
        for record, known in (("NotificationDue", account.due), ("NotificationSettled", account.settled))
        for fields in known.values()
    ]
    _write(out / "notifications.jsonl", notices)
    _write(out / "reviews.jsonl", account.reviews.values())
    _write(out / "rejected.jsonl", account.rejected)
    _write(
        out / "persons.jsonl",
        ({"person": person, "disclosures": disclosures} for person, disclosures in account.persons().items()),
    )
    shutil.copytree(agencies, out / "agencies", dirs_exist_ok=True)


def agency_logs(folder: Path) -> dict[str, list[Fields]]:
    """Return the log of each agency, by the agency's name in the contract."""
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in folder.glob("*.jsonl")}


def _write(path: Path, lines: Iterable[Fields]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
