"""The audit buffer holds what it must, no more than it may, and loses nothing silently."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.journal.audit import AuditBuffer, RecordsLost
from actors.journal.rows import Record
from tests.journal.cast import record


def fill(audit: AuditBuffer, first: int, count: int) -> None:
    """Append records with rising sequences."""
    for sequence in range(first, first + count):
        audit.append(record(sequence))


def never(entry: Record) -> None:
    """Take a lost record where none may be lost."""
    raise AssertionError(entry)


def attach(audit: AuditBuffer, calls: list[int], chunk_max: int) -> None:
    """Note how many records were held at each call."""

    def note() -> None:
        calls.append(len(audit))

    audit.attach(first=note, notice=note, lose=never, chunk_max=chunk_max)


def sequences(records: tuple[Record, ...]) -> list[int]:
    """Return the sequences of records."""
    return [entry[0] for entry in records]


def test_records_leave_in_the_order_in_which_they_came() -> None:
    """What is taken is what was appended, by reference, and it stays until it is confirmed."""
    audit = AuditBuffer(queue_max=100)
    first = record(1)
    audit.append(first)
    fill(audit, 2, 2)
    taken = audit.take()
    assert taken[0] is first
    assert sequences(taken) == [1, 2, 3]
    fill(audit, 4, 1)
    assert (len(audit), audit.in_flight, audit.waiting) == (4, 3, 1)
    assert audit.take() == taken
    audit.confirm()
    assert sequences(audit.take()) == [4]


def test_it_calls_at_the_first_record_at_a_full_chunk_and_at_half_of_the_queue() -> None:
    """One call when records begin to wait, one at chunk_max, one at half: not one per record."""
    calls: list[int] = []
    audit = AuditBuffer(queue_max=100)
    attach(audit, calls, chunk_max=10)
    fill(audit, 1, 80)
    assert calls == [1, 10, 50]


def test_it_calls_again_after_a_chunk_was_taken() -> None:
    """Taking a chunk begins the count anew, and what is in flight counts towards half."""
    calls: list[int] = []
    audit = AuditBuffer(queue_max=100)
    attach(audit, calls, chunk_max=1_000)
    fill(audit, 1, 30)
    audit.take()
    fill(audit, 31, 30)
    assert calls == [1, 31, 50]


def test_each_record_calls_when_that_was_asked_for() -> None:
    """While the store fails, the journal hears of every single record."""
    calls: list[int] = []
    audit = AuditBuffer(queue_max=100)
    attach(audit, calls, chunk_max=1_000)
    audit.call_at_each(each=True)
    fill(audit, 1, 3)
    audit.call_at_each(each=False)
    fill(audit, 4, 3)
    assert calls == [1, 2, 3]


def test_p7_beyond_the_queue_the_oldest_of_the_ring_are_lost_and_marked() -> None:
    """P7: a queue of 100 holds 90 and a ring of 10; 50 more lose 40, named by one gap record."""
    audit = AuditBuffer(queue_max=100)
    lost: list[Record] = []
    audit.attach(first=lambda: None, notice=lambda: None, lose=lost.append, chunk_max=1_000)
    fill(audit, 1, 150)
    assert sequences(tuple(lost)) == list(range(91, 141))
    assert (len(audit), audit.in_ring, audit.lost, audit.appended) == (100, 10, 50, 150)
    assert sequences(audit.take()) == list(range(1, 91))
    audit.confirm()
    gap, *rest = audit.take()
    assert gap[0] == 140
    assert gap[5] == RecordsLost(count=50, first=91)
    assert sequences(tuple(rest)) == list(range(141, 151))
    audit.confirm()
    assert (len(audit), audit.appended) == (0, 150)


def test_the_ring_keeps_its_records_when_a_chunk_is_taken() -> None:
    """Records behind those in the ring queue behind them, so order holds across the emergency."""
    audit = AuditBuffer(queue_max=20)
    fill(audit, 1, 19)
    assert audit.in_ring == 1
    assert sequences(audit.take()) == list(range(1, 19))
    fill(audit, 20, 1)
    assert audit.in_ring == 2
    audit.confirm()
    fill(audit, 21, 2)
    assert sequences(audit.take()) == [19, 20, 21, 22]
    assert audit.lost == 0


def test_the_newest_records_can_be_read_without_taking_them() -> None:
    """newest() looks across flight, waiting and ring, oldest first."""
    audit = AuditBuffer(queue_max=20)
    fill(audit, 1, 5)
    audit.take()
    fill(audit, 6, 16)
    assert sequences(audit.newest(4)) == [17, 18, 20, 21]
    assert sequences(audit.newest(100)) == [*range(1, 19), 20, 21]
    assert audit.newest(0) == ()
    assert audit.latest_sequence() == 21


@settings(max_examples=300)
@example([1, "take", 10, "confirm", 1], 10)
@given(
    st.lists(
        st.one_of(st.integers(1, 60), st.sampled_from(["take", "confirm"])), min_size=1, max_size=40
    ),
    st.integers(10, 60),
)
def test_p8_every_record_is_delivered_or_counted_in_a_gap(
    steps: list[int | str], queue_max: int
) -> None:
    """P8: whatever is appended, taken and confirmed, in order and with gaps that add up."""
    audit = AuditBuffer(queue_max=queue_max)
    came = 0
    delivered: list[Record] = []
    for step in [*steps, *["take", "confirm"] * 3]:
        if step == "take":
            audit.take()
        elif step == "confirm":
            delivered += audit.take()
            audit.confirm()
        else:
            fill(audit, came + 1, int(step))
            came += int(step)
        assert len(audit) <= queue_max
    expected = 1
    for sequence, *_, message in delivered:
        if isinstance(message, RecordsLost):
            assert message.first == expected
            assert message.first + message.count - 1 == sequence
        else:
            assert sequence == expected
        expected = sequence + 1
    assert expected == came + 1
    assert audit.appended == came
