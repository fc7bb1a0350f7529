"""Records that are too large or cannot be unpacked, and outputs that cannot be delivered."""

from tests.mutation.row import Edit, Row

_UNIT = "tests/unit/test_compressed_batches.py"
_LARGE = "tests/integration/test_large_records.py"
_UNDELIVERABLE = "tests/integration/test_undeliverable.py"
_REJECTION = "tests/unit/test_rejection.py"
_ISOLATION = "tests/integration/test_poison_records.py"
_APPLY = "tests/integration/test_topics_apply.py"
_BOMB = f"{_UNIT}::test_a_bomb_is_one_record_at_its_place_and_what_is_around_it_is_read"

_ROOM = "with mmap.mmap(-1, MAX_UNPACKED_BYTES) as room:"
_CODECS = ((1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd"))

ROWS = (
    *(
        Row(
            f"A batch of {codec} is unpacked within a bound",
            "schemas/compressed_batches.py",
            (Edit(_ROOM, _ROOM.replace("BYTES)", f"BYTES * (9 if decoder is _DECODERS[{number}] else 1))")),),
            (f"{_UNIT}::test_the_bound_is_exact[{codec}]",),
        )
        for number, codec in _CODECS
    ),
    Row(
        "The services' topics are stored uncompressed",
        "schemas/topics.py",
        (Edit('"compression.type": "uncompressed"', '"compression.type": "producer"'),),
        ("tests/unit/test_topics_catalogue.py::test_the_broker_unpacks_what_the_services_compress_and_nothing_else",),
    ),
    Row(
        "A batch is unpacked within a bound",
        "schemas/compressed_batches.py",
        (Edit("MAX_UNPACKED_BYTES = 16 * 1024 * 1024", "MAX_UNPACKED_BYTES = 1024 * 1024 * 1024"),),
        (_BOMB,),
    ),
    Row(
        "A batch has a bounded number of records",
        "schemas/compressed_batches.py",
        (Edit("not 0 <= count <= MAX_UNPACKED_RECORDS", "count < 0"),),
        (f"{_UNIT}::test_many_records_of_nothing_are_beyond_the_bound_too",),
    ),
    Row(
        "The batches of one fetch share an allowance",
        "schemas/compressed_batches.py",
        (Edit("return self._left <= 0", "return False"),),
        (f"{_UNIT}::test_batches_that_fit_each_but_not_together_are_fetched_one_after_the_other",),
    ),
    Row(
        "aiokafka's position continues after a batch that cannot be unpacked",
        "streams/runtime/fetcher_patch.py",
        (Edit("offset, self.next_fetch_offset = problem.offsets_at", "offset, _ = problem.offsets_at"),),
        (_BOMB,),
    ),
    Row(
        "kafka-python's position continues after a batch that cannot be unpacked",
        "services/committed_reader.py",
        (Edit("offset, self.next_fetch_offset = problem.offsets_at", "offset, _ = problem.offsets_at"),),
        (_BOMB,),
    ),
    Row(
        "A lane rejects a batch that cannot be unpacked",
        "streams/runtime/unreadable.py",
        (Edit("    if isinstance(record.value, UnreadableBatch):\n        raise", "    if False:\n        raise"),),
        (f"{_REJECTION}::test_a_batch_that_cannot_be_unpacked_is_refused_and_its_first_part_kept",),
    ),
    Row(
        "Of what `.rejected` cannot take the first part is kept",
        "streams/runtime/lane/rejection.py",
        (Edit("    elif _size(key, value, headers) > MAX_REQUEST_BYTES:\n", "    elif len(headers) > 1_000:\n"),),
        (f"{_REJECTION}::test_of_a_larger_one_the_first_part_is_kept_with_length_and_digest",),
    ),
    Row(
        "A record whose output cannot be delivered is isolated",
        "streams/runtime/lane/turns.py",
        (Edit("            except Undeliverable as error:\n", "            except ZeroDivisionError as error:\n"),),
        (f"{_ISOLATION}::test_a_record_whose_output_cannot_be_written_is_put_aside_and_all_others_are_done",),
    ),
    Row(
        "What fails to be delivered leaves no offset behind",
        "streams/runtime/lane/turn_commit.py",
        (
            Edit(
                "        if outputs or turn.effects or is_stale:\n",
                "        self._unwritten = unwritten\n        if outputs or turn.effects or is_stale:\n",
            ),
        ),
        (f"{_ISOLATION}::test_a_record_whose_output_cannot_be_written_is_put_aside_and_all_others_are_done",),
    ),
    Row(
        "A writer whose records were refused goes on",
        "streams/runtime/lane/transaction.py",
        (Edit("            await self._abort_refused(batches, acknowledgements, numbers)\n", ""),),
        (f"{_UNDELIVERABLE}::test_it_is_aborted_and_the_same_writer_delivers_what_follows",),
    ),
    Row(
        "A changelog that cannot be read refuses its lane alone",
        "streams/runtime/lane/changelog.py",
        (Edit("class ChangelogUnreadable(LaneRefused):", "class ChangelogUnreadable(RuntimeError):"),),
        (
            (
                "tests/faults/test_losses.py"
                "::test_a_lane_whose_changelog_has_a_record_of_another_writer_refuses_and_the_others_go_on"
            ),
        ),
    ),
    Row(
        "Our brokers end transactions after 10 s",
        "infra/broker/configuration.py",
        (Edit("MAX_TRANSACTION_MS = 10_000", "MAX_TRANSACTION_MS = 60_000"),),
        (f"{_APPLY}::test_our_broker_refuses_a_writer_that_asks_for_longer_transactions",),
    ),
    Row(
        "`topics apply` warns of a broker that allows longer ones",
        "infra/topics.py",
        (Edit("if value is None or int(value) > MAX_TRANSACTION_MS", "if value is None"),),
        (f"{_APPLY}::test_a_broker_that_lets_transactions_stay_open_for_long_is_a_warning",),
    ),
    Row(
        "aiokafka unpacks by our bound",
        "streams/runtime/fetcher_patch.py",
        (Edit("self.allowance) if is_compressed(stored) else batch", "self.allowance) if not stored else batch"),),
        (f"{_BOMB}[name-of_aiokafka-gzip]",),
    ),
    Row(
        "aiokafka unpacks by our bound where a header name is no text",
        "schemas/readable_batches.py",
        (Edit("if not self._decompressed and is_compressed(self._buffer):", "if super()._maybe_uncompress():"),),
        (f"{_BOMB}[\\xff-of_aiokafka-gzip]",),
    ),
    Row(
        "kafka-python unpacks by our bound",
        "schemas/readable_batches.py",
        (Edit("if not self._decompressed and is_compressed(self._buffer):", "if super()._maybe_uncompress():"),),
        (f"{_BOMB}[name-of_kafka_python-gzip]",),
    ),
    Row(
        "A changelog that cannot be unpacked opens no lane",
        "streams/runtime/lane/changelog.py",
        (Edit("if isinstance(record.value, UnreadableBatch):", "if record is None:"),),
        (f"{_LARGE}::test_a_lane_whose_changelog_has_a_bomb_refuses_to_work",),
    ),
    Row(
        "What fits into `.rejected` is kept whole",
        "streams/runtime/lane/rejection.py",
        (Edit("_size(key, value, headers) > MAX_REQUEST_BYTES", "_size(key, value, headers) > 1024 * 1024"),),
        (f"{_REJECTION}::test_the_largest_value_of_a_topic_is_kept_whole",),
    ),
    Row(
        "The digest of a rejected value is of all of it",
        "streams/runtime/lane/rejection.py",
        (Edit("hashlib.sha256(value)", "hashlib.sha256(kept)"),),
        (f"{_REJECTION}::test_of_a_larger_one_the_first_part_is_kept_with_length_and_digest",),
    ),
    Row(
        "A first part that a door wrote is marked as one in `.rejected`",
        "streams/runtime/lane/rejection.py",
        (Edit(" + _cut_at_a_door(record)", ""),),
        (f"{_REJECTION}::test_that_a_door_kept_only_a_first_part_goes_along_and_no_text_of_its_header",),
    ),
    Row(
        "No text of a sender's header goes along as a length",
        "schemas/rejection.py",
        (Edit("int(text) if text.isdigit() and len(text) <= _MAX_DIGITS else None", "text  # type: ignore"),),
        (f"{_REJECTION}::test_that_a_door_kept_only_a_first_part_goes_along_and_no_text_of_its_header",),
    ),
    Row(
        "A record of which only the first part was kept is not sent again as if it were whole",
        "services/cli/rejected.py",
        (Edit("record.value is None or record.cut is not None:\n        what", "record.value is None:\n        what"),),
        (
            (
                "tests/integration/test_rejected_verbs.py"
                "::test_a_record_of_which_only_the_first_part_was_kept_is_not_shown_or_sent_as_if_it_were_whole"
            ),
        ),
    ),
    Row(
        "A plain int of Avro has 32 bits",
        "schemas/codec.py",
        (Edit("    return fields in _INT\n", "    return True\n"),),
        ("tests/unit/test_avro_family.py::test_a_plain_int_has_32_bits_in_what_is_written_and_read",),
    ),
    Row(
        "A key that `.rejected` cannot take is cut too",
        "streams/runtime/lane/rejection.py",
        (Edit("            key = key[:FIRST_PART_BYTES]\n", "            pass\n"),),
        (f"{_REJECTION}::test_a_key_that_is_too_large_is_cut_too",),
    ),
    Row(
        "The numbers of a writer's partitions go back to before what was refused",
        "streams/runtime/lane/transaction.py",
        (Edit("_sequence_numbers.update(numbers)", "_sequence_numbers.update({})"),),
        (f"{_UNDELIVERABLE}::test_it_is_aborted_and_the_same_writer_delivers_what_follows",),
    ),
    Row(
        "A batch after a refused one is aborted with it",
        "streams/runtime/lane/transaction.py",
        (Edit("case errors.OutOfOrderSequenceNumber():", "case ZeroDivisionError():"),),
        (f"{_UNDELIVERABLE}::test_a_batch_after_the_refused_one_is_aborted_with_it",),
    ),
    Row(
        "A record that its topic does not take for what it is cannot be delivered",
        "streams/runtime/lane/transaction.py",
        (Edit("errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError\n", "pass\n"),),
        (f"{_UNDELIVERABLE}::test_it_is_aborted_and_the_same_writer_delivers_what_follows",),
    ),
    Row(
        "A fault that is not of the records is blamed on none",
        "streams/runtime/lane/transaction.py",
        (
            Edit(
                "                case _:\n                    return\n",
                "                case _:\n                    continue\n",
            ),
        ),
        ("tests/unit/test_transactional_writer.py::test_a_fault_that_is_not_of_the_records_is_blamed_on_none",),
    ),
    Row(
        "`topics apply` says its warnings",
        "services/cli/topics.py",
        (Edit('        complain(f"warning: {warning}")\n', "        pass\n"),),
        (f"{_APPLY}::test_a_broker_that_lets_transactions_stay_open_for_long_is_a_warning",),
    ),
)
