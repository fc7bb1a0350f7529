"""The duty rota: the person asked at each time and step, and the faults of its file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import schemas.policy
from schemas.policy import ConfigFileError, load_policy
from schemas.policy.duty import Duty, load_duty

TEXT = (Path(schemas.policy.__file__).parent / "duty.toml").read_text(encoding="utf-8")
ROTA = """
[escalate_every]
emergency = "5 minutes"
other = "4 hours"
[[staff]]
id = "one"
role = "clinical_supervisor"
on_duty = ["mon-fri 09:00-17:00"]
[[staff]]
id = "two"
role = "safeguarding_lead"
on_duty = ["mon-fri 09:00-17:00", "sat-sun 00:00-24:00"]
[[staff]]
id = "night"
role = "clinical_supervisor"
on_duty = ["mon-fri 17:00-09:00", "mon 00:00-09:00"]
"""


@pytest.fixture
def rota(tmp_path: Path) -> Duty:
    return written(tmp_path, ROTA)


def written(folder: Path, text: str) -> Duty:
    path = folder / "duty.toml"
    path.write_text(text)
    return load_duty(path, trained=load_policy().trained)


def asked(rota: Duty, at: datetime, *, lead: bool = False) -> list[str]:
    return [rota.asked(at, step, lead=lead).id for step in range(4)]


def test_the_rota_of_the_policy_has_a_person_at_every_hour() -> None:
    duty = load_duty(trained=load_policy().trained)
    assert (duty.escalate_every.emergency, duty.escalate_every.other) == (timedelta(minutes=5), timedelta(hours=4))
    monday = datetime(2026, 2, 2, tzinfo=UTC)
    for hour in range(7 * 24):
        at = monday + timedelta(hours=hour)
        shift = "1" if 8 <= at.hour < 20 else "2"
        assert [duty.asked(at, step, lead=False).id for step in (0, 1, 2)] == [
            f"safeguarding-lead-{shift}", f"clinical-supervisor-{shift}", f"safeguarding-lead-{shift}",
        ]  # fmt: skip


def test_those_on_duty_are_asked_in_order_and_from_the_beginning_again(rota: Duty) -> None:
    wednesday = datetime(2026, 2, 4, 12, tzinfo=UTC)
    assert asked(rota, wednesday) == ["one", "two", "one", "two"]
    assert asked(rota, wednesday.replace(hour=16, minute=59)) == ["one", "two", "one", "two"]
    assert asked(rota, wednesday.replace(hour=17)) == ["night"] * 4
    assert asked(rota, datetime(2026, 2, 7, 12, tzinfo=UTC)) == ["two"] * 4


def test_a_shift_of_friday_ends_on_saturday_morning_beside_saturdays_own(rota: Duty) -> None:
    assert asked(rota, datetime(2026, 2, 7, 8, 59, tzinfo=UTC)) == ["two", "night"] * 2
    assert asked(rota, datetime(2026, 2, 7, 9, tzinfo=UTC)) == ["two"] * 4


def test_a_shift_of_sunday_ends_in_the_next_week(tmp_path: Path) -> None:
    rota = written(tmp_path, ROTA.replace('"mon-fri 17:00-09:00", "mon 00:00-09:00"', '"daily 17:00-09:00"'))
    assert asked(rota, datetime(2026, 2, 9, 8, tzinfo=UTC)) == ["night"] * 4


def test_hours_are_londons_in_summer_too(rota: Duty) -> None:
    assert asked(rota, datetime(2026, 7, 1, 7, 59, tzinfo=UTC)) == ["night"] * 4
    assert asked(rota, datetime(2026, 7, 1, 8, 0, tzinfo=UTC)) == ["one", "two"] * 2


def test_a_review_for_a_lead_asks_leads_alone_and_one_off_duty_if_none_is_on(rota: Duty) -> None:
    assert asked(rota, datetime(2026, 2, 4, 12, tzinfo=UTC), lead=True) == ["two"] * 4
    assert asked(rota, datetime(2026, 2, 4, 20, tzinfo=UTC), lead=True) == ["two"] * 4


LEAD = '[[staff]]\nid = "safeguarding-lead-1"\nrole = "safeguarding_lead"\non_duty = ["daily 08:00-20:00"]\n'
WRONG: list[tuple[str, str, list[str]]] = [
    ('emergency = "5 minutes"', 'emergency = "5"', ["line 5", "escalate_every.emergency", "unit"]),
    ('emergency = "5 minutes"', 'emergency = "5 hours"', ["line 4", "escalate_every", "longer"]),
    ('other = "4 hours"\n', "", ["escalate_every.other", "required"]),
    ('role = "safeguarding_lead"', 'role = "janitor"', ["line 13", "staff[0].role", "janitor"]),
    ('role = "clinical_supervisor"', 'role = "moderator"', ["line 18", "staff[1].role", "moderator", "not trained"]),
    ('id = "safeguarding-lead-1"', 'id = "Anna Smith"', ["line 12", "staff[0].id: takes up to 64 small letters"]),
    ('id = "safeguarding-lead-1"', 'id = "clinical-supervisor-1"', ["line 17", "staff[1].id", "on the rota already"]),
    ('on_duty = ["daily 08:00-20:00"]', 'on_duty = ["always"]', ["line 14", "staff[0].on_duty[0]", "'always'"]),
    ('on_duty = ["daily 08:00-20:00"]', 'on_duty = ["mon-daily 08:00-20:00"]', ["staff[0].on_duty[0]"]),
    ('on_duty = ["daily 08:00-20:00"]', 'on_duty = ["xyz 08:00-20:00"]', ["staff[0].on_duty[0]"]),
    ('on_duty = ["daily 08:00-20:00"]', 'on_duty = ["mon 25:00-26:00"]', ["staff[0].on_duty[0]"]),
    ('on_duty = ["daily 08:00-20:00"]', 'on_duty = ["mon 08:00-08:00"]', ["staff[0].on_duty[0]", "all day"]),
    ('on_duty = ["daily 08:00-20:00"]', "on_duty = []", ["staff[0].on_duty"]),
    (
        "daily 08:00-20:00", "daily 09:00-20:00",
        ["line 11", "staff", "no member of staff is on duty from mon 08:00 to mon 09:00"],
    ),
    ("safeguarding_lead", "clinical_supervisor", ["staff", "there is no safeguarding_lead"]),
    ("[[staff]]", "[[stuff]]", ["staff", "required"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    everywhere = old in ("daily 08:00-20:00", "safeguarding_lead", "[[staff]]")
    assert old in TEXT
    with pytest.raises(ConfigFileError) as wrong:
        written(tmp_path, TEXT.replace(old, new, -1 if everywhere else 1))
    assert all(part in str(wrong.value) for part in said), str(wrong.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"none\.toml: No such file"):
        load_duty(tmp_path / "none.toml")
