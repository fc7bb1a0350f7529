"""Staff are added and removed while one `confide worker` runs: only those on the rota with a key settle a review."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.reviews import ReviewOutcome, ReviewSettled
from services.review.reading import Topics
from services.review.review_index import Known
from services.review.send_outcome import AskedAgain, NotYet, OutcomeRejected, send_outcome, signed
from services.settings import Keys
from tests.disclosures import fields, id_of
from tests.processes import Processes, processes

pytestmark = [pytest.mark.integration, pytest.mark.faults]

FIRST, SECOND = "lead-1", "lead-2"
VOLUNTEER = {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}
UNKNOWN = "review_id: is of no open or recently settled review"


class House:
    """A broker, one worker that is never restarted, and the files of its staff."""

    def __init__(self, bootstrap: str, folder: Path, confide: Processes) -> None:
        self.bootstrap = bootstrap
        self.keys = folder / "keys"
        self.duty = folder / "duty.toml"
        self.confide = confide

    def rota(self, *leads: str) -> None:
        """Replace the whole rota by one with these leads."""
        every = '[escalate_every]\nemergency = "1 hour"\nother = "1 hour"\n'
        staff = '[[staff]]\nid = "{}"\nrole = "safeguarding_lead"\non_duty = ["daily 00:00-24:00"]\n'
        new = self.duty.with_suffix(".new")
        new.write_text(every + "".join(staff.format(name) for name in leads))
        new.replace(self.duty)

    def disclose(self, *names: str) -> list[Known]:
        """Send a disclosure for each name, which asks for a review; return the reviews in the same order."""
        disclosures = [id_of(name) for name in names]
        lines = "".join(json.dumps(fields(name, assessment=VOLUNTEER)) + "\n" for name in names)
        assert self.confide.run("produce", "-", given=lines.encode()).returncode == 0
        found: dict[str | None, Known] = {}

        def asked() -> bool:
            topics = Topics(self.bootstrap)
            try:
                found.update(
                    {known.latest.disclosure_id: known for known in topics.review_index().reviews(datetime.now(UTC))}
                )
            finally:
                topics.close()
            return {*disclosures} <= {*found}

        until(asked, "the reviews")
        return [found[each] for each in disclosures]

    def settle(
        self, known: Known, by: str, key: bytes, review: str | None = None
    ) -> ReviewSettled | AskedAgain | OutcomeRejected | NotYet:
        """Send an outcome without the console's own checks, and return the worker's result."""
        said = {
            "review_id": review or known.latest.review_id,
            "by": by,
            "role": "safeguarding_lead",
            "decided_at": datetime.now(UTC),
            "decision": "confirm",
            "signature": b"",
        }
        return send_outcome(self.bootstrap, known, signed(ReviewOutcome.model_validate(said), key), wait=15)

    def until_refused(self, known: Known, by: str, key: bytes, reason: str) -> str:
        """Return the reason of the worker's refusal when it begins like `reason`; it names no known review."""
        last = [""]

        def refused() -> bool:
            came = self.settle(known, by, key, "no-review")
            assert isinstance(came, OutcomeRejected)
            last[0] = came.reason
            return came.reason.startswith(reason)

        until(refused, reason)
        return last[0]


def until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(100):
        if holds():
            return
    raise AssertionError(f"{what} did not come")


@pytest.fixture
def house(own_broker: Callable[[], LocalBroker], tmp_path: Path) -> Iterator[House]:
    bootstrap = own_broker().bootstrap
    apply(bootstrap, 1)
    Keys.create(tmp_path / "keys")
    environment: dict[str, Any] = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_DUTY": str(tmp_path / "duty.toml"),
        "CONFIDE_METRICS": str(tmp_path / "metrics"),
    }
    with processes(environment, tmp_path) as confide:
        yield House(bootstrap, tmp_path, confide)


def test_staff_change_while_one_worker_runs(house: House) -> None:
    house.rota(FIRST)
    assert house.confide.run("keys", "staff", FIRST).returncode == 0
    worker = house.confide.start("worker")
    worker.announced()
    one, two, three = house.disclose("d-1", "d-2", "d-3")
    assert (one.latest.on_duty, two.latest.on_duty) == (FIRST, FIRST)

    # Added: first to the rota, then by a key.
    assert house.until_refused(one, SECOND, b"none" * 8, "by: ") == "by: is not on the duty rota"
    house.rota(FIRST, SECOND)
    assert house.confide.run("keys", "staff", SECOND).stdout == f"made: staff/{SECOND}.key\n".encode()
    key = Keys.load(house.keys).staff[SECOND]
    house.until_refused(one, SECOND, key, UNKNOWN)
    confirmed = house.confide.run("review", "decide", one.latest.review_id, "--as", SECOND, "--confirm")
    assert (confirmed.returncode, confirmed.stdout[:8]) == (0, b"Settled "), confirmed.stderr

    # A file that cannot be used changes nothing.
    (house.keys / "staff" / f"{FIRST}.key").write_text("no key")
    house.duty.write_text("no rota")

    def logged() -> bool:
        # The worker looks at the files when it has an outcome to check.
        assert house.settle(two, SECOND, key, "no-review") == OutcomeRejected(UNKNOWN)
        return house.confide.errors("worker").read_text().count("the old content is still used") == 2

    until(logged, "the log of both files")
    settled = house.settle(two, SECOND, key)
    assert isinstance(settled, ReviewSettled), settled

    # Removed: first the key, then from the rota.
    house.rota(FIRST, SECOND)
    (house.keys / "staff" / f"{SECOND}.key").unlink()
    said = house.until_refused(three, SECOND, key, "by: had its key taken away at 20")
    assert house.settle(three, SECOND, key) == OutcomeRejected(said)
    house.rota(FIRST)
    said = house.until_refused(three, SECOND, key, "by: was taken off the duty rota at 20")
    assert house.settle(three, SECOND, key) == OutcomeRejected(said)
    listed = house.confide.run("review", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["review_id"] for line in listed] == [three.latest.review_id]
    assert worker.stop() == 0
