"""Poison work: what raises is found and put aside, one by one, and an agent that keeps raising stops its lane alone."""

from tests.mutation.row import Edit, Row

_ISOLATION = "tests/integration/test_poison_records.py"
_WORK = "tests/integration/test_poison_work.py"
_AGAIN = f"{_WORK}::test_what_raises_again_in_the_next_process_is_put_aside_whole_and_handed_over"

ROWS = (
    Row(
        "A process that Kafka ends clears its count of openings",
        "streams/runtime/lane/lane.py",
        (Edit("if isinstance(error, KafkaError) and self._opened is not None", "if False"),),
        ("tests/integration/test_poison_records.py::test_processes_that_kafka_ends_put_no_record_aside",),
    ),
    Row(
        "The first error of an agent on a record ends the process",
        "streams/runtime/lane/turns.py",
        (Edit("            if not self._poison.is_careful:\n                raise\n", ""),),
        (f"{_ISOLATION}::test_what_raised_once_and_not_again_is_done_whole",),
    ),
    Row(
        "The first error of an agent on a timer ends the process",
        "streams/runtime/lane/item_turns.py",
        (Edit("            if not self._poison.is_careful:\n                raise\n", ""),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "A lane that ended its process is careful afterwards, so it ends it once",
        "streams/runtime/lane/poison_work.py",
        (Edit("return self._state.last_error is not None and is_recent(", "return False and is_recent("),),
        (f"{_WORK}::test_one_lane_ends_its_process_once_for_records_timers_and_effects_together",),
    ),
    Row(
        "A result on which the agent raises is put aside",
        "streams/runtime/lane/item_turns.py",
        (Edit("            self._start(await self._alone(item))\n", "            del number\n"),),
        (f"{_AGAIN}[settled-effect-owed bad]",),
    ),
    Row(
        "An effect that raises while it is performed is put aside",
        "streams/runtime/lane/effects.py",
        (
            Edit(
                "            self._add(effect_raised(effect, error, origin))\n",
                '            end_process("effect", error)\n',
            ),
        ),
        (f"{_AGAIN}[perform-effect-owed bad]",),
    ),
    Row(
        "An entry that cannot be resumed is put aside",
        "streams/runtime/lane/items.py",
        (Edit("    return Item(do, entry=key)\n", "    return Item(do)\n"),),
        (f"{_WORK}::test_an_entry_that_cannot_be_resumed_is_put_aside_and_the_others_are",),
    ),
    Row(
        "What is put aside is kept whole",
        "streams/runtime/lane/poison_work.py",
        (Edit("            turn.outputs.append(self._whole(work, turn))\n", ""),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "What is put aside is gone from the state",
        "streams/runtime/lane/poison_work.py",
        (Edit("                turn.drop(key)\n", "                pass\n"),),
        (f"{_AGAIN}[due-timer-about bad]",),
    ),
    Row(
        "The agent hands what is put aside over",
        "streams/runtime/lane/poison_work.py",
        (Edit("                self.agent.put_aside(work, turn, item.origin)\n", "                pass\n"),),
        (f"{_AGAIN}[perform-effect-owed bad]",),
    ),
    Row(
        "Work is put aside where the agent raises on handing it over too",
        "streams/runtime/lane/poison_work.py",
        (Edit("            put_aside(turn, with_agent=False)\n", "            raise\n"),),
        (f"{_WORK}::test_work_is_put_aside_even_if_the_agent_raises_on_handing_it_over",),
    ),
    Row(
        "What is put aside is counted over restarts",
        "streams/runtime/lane/poison_work.py",
        (Edit("return put_aside_note(self._state.put_aside)", "return put_aside_note([])"),),
        (f"{_WORK}::test_what_is_put_aside_is_counted_over_restarts_and_a_lane_that_goes_on_so_refuses",),
    ),
    Row(
        "What is put aside is counted as a rate",
        "streams/runtime/lane/poison_errors.py",
        (Edit("PUT_ASIDE_SECONDS = 3_600.0", "PUT_ASIDE_SECONDS = 1e9"),),
        (f"{_ISOLATION}::test_what_was_put_aside_an_hour_ago_does_not_count",),
    ),
    Row(
        "A lane whose agent keeps raising refuses, and its process goes on",
        "streams/runtime/lane/poison_work.py",
        (Edit("class KeepsRaising(LaneRefused):", "class KeepsRaising(RuntimeError):"),),
        (f"{_ISOLATION}::test_where_most_records_raise_it_is_the_code_and_the_lane_refuses",),
    ),
    Row(
        "Offsets beyond what was fetched stay suspected",
        "streams/runtime/lane/isolation.py",
        (Edit("is_over = suspect is not None and done >= suspect.end", "is_over = suspect is not None"),),
        (f"{_WORK}::test_offsets_beyond_what_was_fetched_stay_suspected",),
    ),
    Row(
        "A lane that goes on counts no openings",
        "streams/runtime/lane/turn_commit.py",
        (
            Edit(
                "chain(offset_records(unwritten), (openings_note(topic, 0) for topic in moving))",
                "offset_records(unwritten)",
            ),
        ),
        (f"{_ISOLATION}::test_a_lane_that_goes_on_counts_no_openings_and_one_that_does_not_counts_each",),
    ),
    Row(
        "A hold leaves the rest of what is isolated for afterwards",
        "streams/runtime/lane/isolation.py",
        (Edit("        if rest:\n", "        if not parts and rest:\n"),),
        (f"{_ISOLATION}::test_a_hold_while_records_are_isolated_leaves_the_rest_for_afterwards",),
    ),
    Row(
        "Work is put aside also where what hands it over cannot be written",
        "streams/runtime/lane/poison_work.py",
        (
            Edit(
                "            turn = self.without_agent()\n            try:\n",
                "            turn = self.turn\n            try:\n",
            ),
        ),
        (f"{_WORK}::test_work_is_put_aside_even_if_its_hand_over_cannot_be_written",),
    ),
    Row(
        "A lane that cannot put its work aside refuses alone",
        "streams/runtime/lane/poison_work.py",
        (Edit('raise CannotPutAside(f"lane {self.lane.name}: {again}") from again', "raise"),),
        (f"{_WORK}::test_a_lane_that_cannot_put_its_work_aside_refuses_and_its_process_stays",),
    ),
    Row(
        "A lane whose agent cannot be made anew refuses alone",
        "streams/runtime/lane/poison_work.py",
        (Edit("            raise WorkRaised from error\n", "            raise\n"),),
        (f"{_WORK}::test_a_lane_whose_agent_cannot_be_made_anew_refuses_and_its_process_stays",),
    ),
)
