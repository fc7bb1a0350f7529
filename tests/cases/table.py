"""Every case: its kind, what is right, its tests, and the generated family of its kind.

A case with an input is `B01` and so on; one that was a program is named after it; others have the words of their kind.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

INPUTS = Path(__file__).parent / "inputs"
_HERE = "tests/cases/test_inputs.py::"
_FAMILIES = "tests/cases/test_families.py::"
_DAMAGED = "tests/unit/test_damaged_disclosures.py::"
_DOORS = "tests/doors/test_doors.py::test_every_door_gives_one_verdict"
_REPEATS = "tests/unit/test_admit_repeats.py::"
_TIMES = "tests/unit/test_policy_times.py::"
_TOKENS = "tests/unit/test_tokens.py::"
_OUTSIDE = "tests/unit/test_outside_text.py::"
_LARGE = "tests/integration/test_large_records.py::"
_TIMERS = "tests/integration/test_runtime_timers.py::"
_KEYS = "tests/integration/test_connector_keys.py::"
_LINES = "tests/unit/test_disclosure_lines.py::"
_UNREADABLE = "tests/integration/test_unreadable_records.py::"
_APPLY = "tests/integration/test_topics_apply.py::"
_UPGRADE = "tests/integration/test_upgrade.py::"
_HIDDEN = "tests/integration/test_hidden_records.py::"
_HIDDEN_UNIT = "tests/unit/test_hidden_records.py::"
_FOLLOWER = "tests/integration/test_runtime_follower.py::"
_POISON = "tests/integration/test_poison_records.py::"
_BATCHES = "tests/unit/test_compressed_batches.py::"
_CLOCKS = "tests/integration/test_clocks.py::"
_CLOCK = "tests/unit/test_clock.py::"
_VERDICT = "tests/contract/test_one_verdict.py::"
_CHANNELS = "tests/unit/test_channels.py::"
_STATE = "tests/unit/test_lane_state.py::"
_LIMITS = "tests/unit/test_connector_limits.py::"
_HANG = "tests/faults/test_agencies_that_hang.py::"
_ATTACKED = "tests/integration/test_gateway_attacked.py::"


class Case(NamedTuple):
    """A case: what was seen of its kind, what is right, the tests of the case, and those of the family."""

    name: str
    kind: str
    right: str
    tests: Sequence[str]
    family: Sequence[str]


CASES: tuple[Case, ...] = (
    Case(
        "B01",
        "a lenient parser guesses a time",
        "an error names the field",
        (f"{_HERE}test_b01_time_from_digits",),
        (f"{_DAMAGED}test_b01_text_of_digits_is_no_time", f"{_DAMAGED}test_b01_no_text_of_digits_is_guessed"),
    ),
    Case(
        "B03",
        "the sender's clock is believed",
        "a mark counts from when it was disclosed, never later than its assessment and its arrival",
        (f"{_HERE}test_b03_future_safe_mark",),
        (
            f"{_CHANNELS}test_b03_a_mark_that_is_claimed_to_be_of_the_future_is_as_old_as_its_assessment",
            f"{_FAMILIES}test_b03_no_claimed_time_counts_as_later_than_the_arrival",
        ),
    ),
    Case(
        "B03: retention and producer state",
        "the sender's clock is believed",
        "the broker stamps each record; a record stamped 1970 is kept, a gateway's clock changes nothing",
        (f"{_CLOCKS}test_what_a_writer_claims_of_the_time_is_neither_kept_nor_used",),
        (
            "tests/unit/test_topics_catalogue.py::test_the_broker_stamps_each_record_of_each_topic",
            f"{_CLOCK}test_it_never_goes_backwards_and_no_wait_is_more_than_a_tenth_wrong",
        ),
    ),
    Case(
        "B04",
        "a sentinel is taken for a fact",
        "a withheld number is nobody's token, and is noted",
        (f"{_HERE}test_b04_withheld_number",),
        (
            f"{_TOKENS}test_a_number_that_no_phone_has_or_that_was_withheld_is_nobodys_token",
            f"{_FAMILIES}test_b04_callers_who_are_nobodys_token_are_as_many_persons_as_disclosures",
            f"{_FAMILIES}test_b04_no_word_for_nobody_joins_two_persons",
            f"{_TOKENS}test_an_account_that_is_a_word_or_a_blank_for_none_makes_no_token",
        ),
    ),
    Case(
        "B05",
        "outside text steers the terminal",
        "shown escaped",
        (
            f"{_HERE}test_b05_words_for_a_terminal",
            f"{_OUTSIDE}test_b05_the_reviewer_reads_every_sentence_and_its_line_breaks",
        ),
        (f"{_OUTSIDE}test_no_text_shows_a_control_or_a_format_character",),
    ),
    Case(
        "B06",
        "an error quotes input",
        '"(a name that is not shown): is given twice"',
        (f"{_HERE}test_b06_name_of_a_doubled_field",),
        (
            f"{_DAMAGED}test_b06_no_unknown_name_is_shown_at_any_depth",
            f"{_FAMILIES}test_b06_no_error_has_a_name_or_a_value_of_the_sender",
            _DOORS,
        ),
    ),
    Case(
        "B07",
        "irrelevant damage sinks the record",
        "read; half a character becomes U+FFFD",
        (f"{_HERE}test_b07_half_an_emoji",),
        (
            f"{_DAMAGED}test_b07_any_free_text_is_read_and_can_be_written",
            f"{_DAMAGED}test_b07_bytes_that_are_not_utf_8_are_replaced",
            f"{_DAMAGED}test_a_whole_number_may_have_a_decimal_point",
            f"{_DAMAGED}test_a_time_is_read_as_it_was_written",
        ),
    ),
    Case(
        "B08",
        "a sentinel is taken for a fact",
        "the age is unknown, noted and asked",
        (f"{_HERE}test_b08_placeholder_birth",),
        (
            "tests/unit/test_policy_age.py::test_limits_of_age",
            f"{_FAMILIES}test_b08_a_birth_that_cannot_be_makes_no_adult",
            f"{_TIMES}test_a_time_of_a_clock_that_was_reset_is_asked_for_and_is_never_out_of_scope",
        ),
    ),
    Case(
        "B10",
        "Unicode forms of one identifier",
        "one person",
        (f"{_HERE}test_b10_email_forms",),
        (
            f"{_TOKENS}test_an_email_is_the_same_however_it_was_written",
            f"{_FAMILIES}test_b10_every_form_of_an_identifier_is_one_token",
            f"{_FAMILIES}test_b10_what_is_written_around_an_address_changes_no_token",
        ),
    ),
    Case(
        "B12",
        "irrelevant damage sinks the record",
        "a byte order mark is passed over",
        (f"{_HERE}test_b12_byte_order_mark",),
        (f"{_DAMAGED}test_b12_a_byte_order_mark_is_passed_over", _DOORS),
    ),
    Case(
        "B15",
        "the wrong container",
        "one error, nothing sent",
        (
            f"{_HERE}test_b15_pretty_printed",
            "tests/integration/test_produce.py::test_a_file_of_another_format_is_one_error_and_sends_nothing",
        ),
        (f"{_LINES}test_b15_a_file_of_another_format_is_refused_before_its_first_line",),
    ),
    Case(
        "B16",
        "outside text steers the markup",
        "text is never markup",
        (f"{_HERE}test_b16_markup_in_a_name",),
        (f"{_OUTSIDE}test_b16_text_is_never_markup", f"{_FAMILIES}test_b16_any_text_is_shown_as_it_is"),
    ),
    Case(
        "two doors, two checks",
        "two doors, two checks",
        "one check at every door",
        (_DOORS,),
        (
            _DOORS,
            f"{_VERDICT}test_of_a_changed_disclosure_both_say_the_same",
            f"{_VERDICT}test_what_the_avro_schema_can_hold_has_the_verdict_of_the_other_doors",
        ),
    ),
    Case(
        "one id of both services, or for two persons",
        "ids are unique only within a sender or a shard",
        "ids count per service; of other content the first stands, and one review names both",
        (
            f"{_REPEATS}test_ids_count_for_each_service",
            f"{_REPEATS}test_other_content_is_rejected_and_reported_for_review_with_the_first",
            "tests/unit/test_decide_agent.py::test_the_same_id_of_both_services_is_decided_for_each",
        ),
        (f"{_FAMILIES}test_each_service_has_its_own_ids_and_the_first_content_counts",),
    ),
    Case(
        "a gzip record of spaces",
        "the way out is narrower than the way in",
        "put aside with digest, length and first part; the lane goes on",
        (f"{_LARGE}test_a_value_that_rejected_cannot_take_whole_is_put_aside_as_digest_and_the_lane_goes_on",),
        ("tests/unit/test_rejection.py::test_what_is_written_always_fits",),
    ),
    Case(
        "junk on a followed topic",
        "one bad record stops a follower for good",
        "counted, logged by place, passed over, alarmed",
        (f"{_UNREADABLE}test_worker_connector_and_console_work_beside_records_that_cannot_be_read",),
        (
            f"{_LARGE}test_a_follower_passes_over_what_cannot_be_unpacked_and_follows_on",
            f"{_FOLLOWER}test_a_record_that_is_passed_over_is_reported_by_its_place",
        ),
    ),
    Case(
        "a transaction left open",
        "an outsider's open transaction",
        "seconds; alarmed; a broker that allows more is a warning",
        (
            f"{_APPLY}test_our_broker_refuses_a_writer_that_asks_for_longer_transactions",
            f"{_HIDDEN}test_an_emergency_behind_an_open_transaction_is_alarmed_and_decided_once_it_is_aborted",
        ),
        (
            f"{_APPLY}test_a_broker_that_lets_transactions_stay_open_for_long_is_a_warning",
            f"{_HIDDEN_UNIT}test_a_last_stable_offset_that_does_not_move_is_reported_once_until_it_moves",
            "tests/unit/test_timer_gate.py::test_what_an_open_transaction_hides_is_waited_for_until_its_time_is_up",
        ),
    ),
    Case(
        "a record with one optional field more",
        "who is upgraded first",
        "workers first; rejected until then, and played again",
        (f"{_UPGRADE}test_a_record_of_a_newer_writer_is_decided_once_the_workers_are_upgraded",),
        ("tests/contract/test_newer_writers.py::test_a_newer_record_is_rejected_whole_and_its_id_is_still_free",),
    ),
    Case(
        "a body of 240 kB with many names",
        "quadratic work before a limit",
        "linear, bounded, beside others",
        (f"{_ATTACKED}test_large_hostile_bodies_delay_no_honest_request",),
        (
            f"{_DAMAGED}test_work_before_an_error_is_bounded",
            f"{_DAMAGED}test_work_on_an_accepted_identifier_is_bounded",
        ),
    ),
    Case(
        "e3_isolation",
        "a release whose code raises on every record; a connector with another master key",
        "the lane refuses after eight; the connector does not start",
        (f"{_POISON}test_where_most_records_raise_it_is_the_code_and_the_lane_refuses",),
        (f"{_KEYS}test_a_key_of_another_master_key_fails_its_report_and_isolates_nothing",),
    ),
    Case(
        "e4b_bomb",
        "the way out is narrower than the way in",
        "put aside within bounded memory; urgent records go on",
        (f"{_LARGE}test_a_bomb_is_put_aside_within_bounded_memory_and_the_others_are_counted",),
        (
            f"{_BATCHES}test_a_bomb_is_one_record_at_its_place_and_what_is_around_it_is_read",
            f"{_BATCHES}test_the_bound_is_exact",
        ),
    ),
    Case(
        "e5_hang",
        "an agency that takes connections and never answers",
        "a human has each report within the agency's limit",
        (f"{_HANG}test_each_report_is_acknowledged_once_or_a_human_has_it_in_time",),
        (f"{_LIMITS}test_a_report_that_waits_for_its_slot_is_failed_at_its_limit_and_never_sent",),
    ),
    Case(
        "e9_false_erased",
        "a transaction left open on the keys topic",
        "no report fails as erased; each is delivered once the transaction has ended",
        (f"{_KEYS}test_reports_whose_keys_a_dead_writers_transaction_hides_are_delivered_once_it_ends",),
        (
            "tests/integration/test_keyring.py::test_a_key_is_not_called_missing_while_a_transaction_is_open",
            "tests/faults/test_keys_hidden.py::test_every_emergency_is_accepted_once_and_none_fails",
        ),
    ),
    Case(
        "u3_clock",
        "the machine's clock is set",
        "no wait becomes longer or shorter",
        (f"{_CLOCKS}test_a_clock_that_is_set_while_the_worker_runs_changes_no_wait_and_is_noticed_once",),
        (f"{_CLOCK}test_it_never_goes_backwards_and_no_wait_is_more_than_a_tenth_wrong",),
    ),
    Case(
        "u6_sweep",
        "entries that have ended are dropped slowly",
        "a lane drops more entries than it keeps",
        (f"{_TIMERS}test_a_lane_that_is_never_idle_drops_more_entries_than_it_keeps",),
        (f"{_STATE}test_what_is_due_comes_in_order_and_no_more_at_once_than_asked",),
    ),
    Case(
        "u7_timer_behind_expiry",
        "a timer waits behind entries that have ended",
        "it is called when it is due",
        (f"{_TIMERS}test_a_timer_does_not_wait_behind_entries_that_have_ended",),
        (f"{_STATE}test_what_is_due_comes_in_order_and_no_more_at_once_than_asked",),
    ),
)


def input_of(case: str) -> Path:
    """Return the file of a case's input."""
    (found,) = INPUTS.glob(f"{case}-*")
    return found


def lines_of(case: str) -> list[bytes]:
    """Return the lines of a case's input."""
    return input_of(case).read_bytes().splitlines()
