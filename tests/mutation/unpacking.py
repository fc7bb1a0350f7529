"""Bounds of each client, batches that cannot be unpacked in a lane, and results that cannot be written."""

from tests.mutation.row import Edit, Row

_UNIT = "tests/unit/test_compressed_batches.py"
_LARGE = "tests/integration/test_large_records.py"
_REJECTION = "tests/unit/test_rejection.py"
_UNDELIVERABLE = "tests/integration/test_undeliverable.py"
_BEHIND = f"{_UNIT}::test_batches_that_fit_each_but_not_together_are_fetched_one_after_the_other"
_ROT = "tests/faults/test_bit_rot.py"
_CORRUPT = "tests/unit/test_corrupt_batches.py"

ROWS = (
    Row(
        "A batch that rots stops no reader",
        "schemas/readable_batches.py",
        (Edit("            raise self._corrupt()\n", "            return False\n"),),
        (
            f"{_ROT}::test_readers_pass_over_what_rots",
            f"{_ROT}::test_a_batch_that_rots_is_set_aside_and_all_others_are_counted",
        ),
    ),
    Row(
        "A checksum that fits bytes that are no record stops no reader",
        "schemas/readable_batches.py",
        (Edit("            raise self._corrupt() from error\n", "            raise\n"),),
        (f"{_CORRUPT}::test_a_checksum_that_fits_bytes_that_are_no_record_changes_nothing",),
    ),
    Row(
        "Where a batch that rots ends is told by the batch after it",
        "schemas/compressed_batches.py",
        (Edit("is not None and next_base_offset > base:", "is not None and next_base_offset < 0:"),),
        (f"{_CORRUPT}::test_a_corrupt_byte_in_its_header_does_not_hide_the_batch_after_it",),
    ),
    Row(
        "Of the last batch of a log the smaller number counts",
        "schemas/compressed_batches.py",
        (Edit("self.value.next_offset = min((", "self.value.next_offset = max(("),),
        (f"{_CORRUPT}::test_the_last_batch_of_a_log_is_never_passed_by_more_than_it_holds",),
    ),
    Row(
        "A batch whose end has rotted is not taken for one that was read",
        "streams/runtime/fetcher_patch.py",
        (Edit("if base >= position or batch.next_offset > position:", "if batch.next_offset > position:"),),
        (f"{_CORRUPT}::test_a_corrupt_byte_in_its_header_does_not_hide_the_batch_after_it",),
    ),
    Row(
        "A changelog that rots is refused",
        "streams/runtime/lane/changelog.py",
        (Edit("    if isinstance(record.value, UnreadableBatch):\n", "    if record.offset < 0:\n"),),
        (f"{_ROT}::test_a_lane_whose_changelog_rots_refuses_and_the_others_go_on",),
    ),
    Row(
        "A follower passes over what rots",
        "streams/runtime/transport/follower.py",
        (Edit("            if isinstance(record.value, UnreadableBatch):\n", "            if record.offset < 0:\n"),),
        (f"{_ROT}::test_readers_pass_over_what_rots",),
    ),
    Row(
        "The broker refuses what is too large unpacked",
        "schemas/topics.py",
        (Edit("MAX_SOURCE_BATCH_BYTES = 1 * _MIB", "MAX_SOURCE_BATCH_BYTES = 8 * _MIB"),),
        (f"{_LARGE}::test_a_source_refuses_what_is_too_large_unpacked_and_takes_what_is_not[gzip]",),
    ),
    Row(
        "Raw snappy is unpacked within the bound",
        "schemas/compressed_batches.py",
        (
            Edit(
                "return cramjam.snappy.decompress_raw_into(packed, room)",
                "return room.write(bytes(cramjam.snappy.decompress_raw(packed))[: len(room)])",
            ),
        ),
        (f"{_UNIT}::test_raw_snappy_is_read_too_and_its_bound_is_exact",),
    ),
    Row(
        "Unpacked records count for what they take in Python",
        "schemas/compressed_batches.py",
        (Edit(" + _HEADER.unpack_from(batch)[12] * _RECORD_BYTES", ""),),
        (f"{_UNIT}::test_records_of_nothing_count_for_what_they_take_in_python",),
    ),
    Row(
        "aiokafka's fetch ends where its allowance is used up",
        "streams/runtime/fetcher_patch.py",
        (Edit("not self.allowance.is_used_up and super", "super"),),
        (_BEHIND,),
    ),
    Row(
        "aiokafka's fetch ends so too where header names are not UTF-8",
        "streams/runtime/fetcher_patch.py",
        (Edit("self._next is not None and not self._allowance.is_used_up", "self._next is not None"),),
        (_BEHIND,),
    ),
    Row(
        "kafka-python's fetch ends where its allowance is used up",
        "services/committed_reader.py",
        (Edit("        if self._allowance.is_used_up:\n            return None\n", ""),),
        (_BEHIND,),
    ),
    Row(
        "A lane's batch ends after a batch that cannot be unpacked",
        "streams/runtime/transport/batch_schema.py",
        (Edit("offset_after(last)))", "last.offset + 1))"),),
        ("tests/unit/test_batches.py::test_it_ends_after_a_batch_that_could_not_be_unpacked",),
    ),
    Row(
        "A lane decodes nothing of a batch that cannot be unpacked",
        "streams/runtime/lane/slices.py",
        (Edit("                        refuse_unreadable(record)\n", ""),),
        (f"{_LARGE}::test_a_bomb_is_put_aside_within_bounded_memory_and_the_others_are_counted[gzip]",),
    ),
    Row(
        "The length of a batch that cannot be unpacked is that of the whole",
        "streams/runtime/lane/rejection.py",
        (Edit("_cut(value, value.length, value.sha256)", "_cut(value, len(value), value.sha256)"),),
        (f"{_REJECTION}::test_a_batch_that_cannot_be_unpacked_is_refused_and_its_first_part_kept",),
    ),
    Row(
        "What a lane writes fits every `.rejected` topic",
        "streams/runtime/lane/transaction.py",
        (Edit("MAX_REQUEST_BYTES = 4 * 1024", "MAX_REQUEST_BYTES = 5 * 1024"),),
        (f"{_REJECTION}::test_the_limit_is_that_of_every_rejected_topic",),
    ),
    Row(
        "A record whose output cannot be delivered is found by halving",
        "streams/runtime/lane/isolation.py",
        (Edit("except (TurnRaised, Undeliverable, EndsProcesses)", "except (TurnRaised, EndsProcesses)"),),
        (
            (
                "tests/integration/test_poison_records.py"
                "::test_a_record_whose_output_cannot_be_written_is_put_aside_and_all_others_are_done"
            ),
        ),
    ),
    Row(
        "A timer or result whose output cannot be delivered is isolated",
        "streams/runtime/lane/item_turns.py",
        (Edit("        except Undeliverable as error:\n", "        except ZeroDivisionError as error:\n"),),
        (
            (
                "tests/integration/test_poison_work.py"
                "::test_work_whose_output_cannot_be_written_is_put_aside_and_the_others_are_done[timer-due]"
            ),
        ),
    ),
    Row(
        "A transaction that cannot be put into batches is aborted",
        "streams/runtime/lane/transaction.py",
        (
            Edit(
                "        except Undeliverable:\n            await producer.abort_transaction()\n",
                "        except Undeliverable:\n",
            ),
        ),
        (f"{_UNDELIVERABLE}::test_it_is_aborted_and_the_same_writer_delivers_what_follows[not-bytes]",),
    ),
)
