"""Looks at the group: partitions without a member are assigned again, a process without an assignment ends."""

from typing import NoReturn

import pytest

from streams.runtime.transport.assignment_watch import AssignmentWatch, GroupSeen, Membership

_LOOKS = 18
_LOST = frozenset({("urgent", 3)})


class Ended(Exception):
    pass


class Watched:
    """A watch of one process; it looks at nothing by itself."""

    def __init__(self, member_id: str = "me") -> None:
        self.is_assigned = True
        self.rejoins = 0
        membership = Membership(lambda: member_id, lambda: self.is_assigned, self._rejoin)
        self.watch = AssignmentWatch("127.0.0.1:1", "group", ["urgent"], membership, self._end)

    def _rejoin(self) -> None:
        self.rejoins += 1

    def _end(self, where: str, error: BaseException) -> NoReturn:
        raise Ended(where, str(error))

    def look(self, *members: str, times: int = 1) -> None:
        for _ in range(times):
            self.watch.check_membership(GroupSeen(frozenset(members), None))


def test_a_process_that_is_no_member_of_its_group_ends() -> None:
    watched = Watched()
    watched.look("other", times=_LOOKS - 1)
    with pytest.raises(Ended, match="the group group has not assigned anything to this process"):
        watched.look("other")


def test_a_process_without_its_first_assignment_ends() -> None:
    watched = Watched()
    watched.is_assigned = False
    watched.look("me", times=_LOOKS - 1)
    with pytest.raises(Ended):
        watched.look("me")


def test_a_process_that_its_group_does_not_know_by_an_id_ends() -> None:
    watched = Watched(member_id="")
    with pytest.raises(Ended):
        watched.look("other", times=_LOOKS)


def test_one_good_look_begins_the_count_anew() -> None:
    watched = Watched()
    for _ in range(3):
        watched.look("other", times=_LOOKS - 1)
        watched.look("me", "other")


def test_looks_that_kafka_does_not_answer_neither_count_nor_excuse() -> None:
    watched = Watched()
    watched.look("other", times=_LOOKS - 1)
    for _ in range(2 * _LOOKS):
        watched.watch.check_membership(None)
    watched.look("other", times=_LOOKS - 1)


def test_partitions_that_two_looks_find_without_a_member_are_assigned_again() -> None:
    watched = Watched()
    watched.watch.check_partitions(_LOST)
    watched.watch.check_partitions(None)
    watched.watch.check_partitions(_LOST)
    assert watched.rejoins == 0
    watched.watch.check_partitions(_LOST)
    assert watched.rejoins == 1


def test_a_rejoin_that_does_not_help_is_repeated_ever_more_rarely_until_nothing_is_lost() -> None:
    watched = Watched()
    after: list[int] = []
    for look in range(20):
        before = watched.rejoins
        watched.watch.check_partitions(_LOST)
        if watched.rejoins > before:
            after.append(look)
    assert after == [1, 3, 7, 15]
    watched.watch.check_partitions(frozenset())
    watched.watch.check_partitions(_LOST)
    watched.watch.check_partitions(_LOST)
    assert watched.rejoins == 5
