"""The decision digest names a sequence of decisions, whatever the process and the chunks."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.journal.audit import AuditBuffer
from actors.journal.digest import DecisionDigest
from actors.journal.rows import Record
from tests.journal.cast import book, intent, record, refused

RECORDS = (
    record(1, refused(1)),
    record(2, book("0.25"), cause=1),
    record(5, intent(3), cause=2),
    record(9, refused(2)),
)
PRINT_DIGEST = (
    "from tests.journal.test_digest import RECORDS; "
    "from actors.journal.digest import DecisionDigest; "
    "digest = DecisionDigest(); digest.update(RECORDS); print(digest.hexdigest())"
)


def digest_of(*records: Record) -> str:
    """Return the digest of records."""
    digest = DecisionDigest()
    digest.update(records)
    return digest.hexdigest()


@given(st.lists(st.integers(0, len(RECORDS)), max_size=4))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    """The same records in any chunks give the same digest."""
    digest = DecisionDigest()
    edges = [0, *sorted(cuts), len(RECORDS)]
    for begin, end in pairwise(edges):
        digest.update(RECORDS[begin:end])
    assert digest.hexdigest() == digest_of(*RECORDS)


@pytest.mark.parametrize("field", range(6))
def test_every_field_matters(field: int) -> None:
    """Sequence, cause, time, sender, address and message each change the digest."""
    original = RECORDS[0]
    other = record(77, refused(78), cause=79)
    other = (*other[:3], "/other/sender", "/other/address", other[5])
    changed = tuple(other[n] if n == field else original[n] for n in range(6))
    assert digest_of(changed) != digest_of(original)  # type: ignore[arg-type]


def test_order_matters() -> None:
    """The same decisions in another order are other decisions."""
    assert digest_of(*RECORDS[::-1]) != digest_of(*RECORDS)


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_p5_another_process_has_the_same_digest(seed: str) -> None:
    """P5: the digest is the same in another process under any PYTHONHASHSEED."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", PRINT_DIGEST]
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == digest_of(*RECORDS)


def test_the_buffer_hashes_what_was_taken_and_what_still_waits() -> None:
    """The buffer's digest covers every record that came, written or not."""
    audit = AuditBuffer(queue_max=100, digest=True)
    for entry in RECORDS[:2]:
        audit.append(entry)
    audit.take()
    audit.append(RECORDS[2])
    assert audit.hexdigest() == digest_of(*RECORDS[:3])
    audit.take()
    audit.confirm()
    audit.append(RECORDS[3])
    assert audit.hexdigest() == digest_of(*RECORDS)


def test_a_buffer_without_a_digest_has_none() -> None:
    """Hashing costs nothing where it was not asked for."""
    audit = AuditBuffer(queue_max=100)
    audit.append(RECORDS[0])
    assert audit.hexdigest() == ""


def test_a_message_that_cannot_be_packed_is_hashed_as_its_row() -> None:
    """A text that is no Unicode does not stop the digest, and still changes it."""
    broken = record(1, refused(1))
    texts = [
        (*broken[:5], type(broken[5])(**{**_fields(broken), "detail": t})) for t in "\ud800\ud801"
    ]
    first, second = (digest_of(entry) for entry in texts)
    assert first != second


def _fields(entry: Record) -> dict[str, str]:
    message = entry[5]
    return {name: getattr(message, name) for name in message.__struct_fields__}
