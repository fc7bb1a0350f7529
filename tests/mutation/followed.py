"""Keys that are written again after they were erased."""

from tests.mutation.row import Edit, Row

_KEYRING = "tests/integration/test_keyring.py"

ROWS = (
    Row(
        "A key that is written again after its tombstone is erased no more",
        "services/connectors/keyring.py",
        (Edit("            self._erased.discard(key_id)\n", ""),),
        (f"{_KEYRING}::test_the_last_record_of_an_id_counts",),
    ),
)
