"""Which offset of a partition may be committed, whatever is acknowledged in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from agents.batch import Batch
from stream.offsets import PartitionOffsets


def handed_over(offsets: PartitionOffsets, *following: int) -> list[Batch]:
    """Hand over batches that end before these offsets."""
    batches = [Batch(()) for _ in following]
    for batch, end in zip(batches, following, strict=True):
        offsets.hand_over(batch, end, 1_000 + end)
    return batches


@given(st.permutations(range(8)))
def test_the_commit_never_passes_an_unfinished_batch(order: list[int]) -> None:
    """Batches are acknowledged in any order; what may be committed is the end of those done without a gap."""
    offsets = PartitionOffsets(0)
    batches = handed_over(offsets, *range(10, 90, 10))
    done: set[int] = set()
    for number in order:
        batches[number].acknowledge()
        done.add(number)
        whole = next((one for one in range(8) if one not in done), 8)
        assert offsets.done == whole * 10
        assert offsets.to_commit() == (whole * 10 or None)
    assert not offsets.in_hand


def test_what_kafka_has_taken_is_not_committed_again() -> None:
    """Until something more is done."""
    offsets = PartitionOffsets(5)
    (batch,) = handed_over(offsets, 7)
    assert offsets.to_commit() is None
    batch.acknowledge()
    assert offsets.to_commit() == 7
    offsets.taken(7)
    assert (offsets.to_commit(), offsets.committed) == (None, 7)


def test_a_beginning_that_kafka_does_not_know_is_committed_too() -> None:
    """A partition of which nothing was ever committed has an offset of ours from its first moment on."""
    offsets = PartitionOffsets(3, committed=False)
    assert offsets.to_commit() == 3
    offsets.taken(3)
    assert offsets.to_commit() is None


def test_markers_are_passed_only_where_nothing_is_in_hand() -> None:
    """A position read while a batch is unfinished says nothing of that batch."""
    offsets = PartitionOffsets(0)
    (batch,) = handed_over(offsets, 4)
    offsets.pass_to(6)
    assert (offsets.next, offsets.done) == (4, 0)
    batch.acknowledge()
    offsets.pass_to(6)
    assert (offsets.next, offsets.to_commit()) == (6, 6)
    offsets.pass_to(5)
    assert offsets.next == 6


def test_what_retention_took_is_left_behind_once_what_is_in_hand_is_done() -> None:
    """The commit goes past the gap only with the batch before it."""
    offsets = PartitionOffsets(0)
    (batch,) = handed_over(offsets, 4)
    offsets.skip_to(100)
    assert (offsets.next, offsets.to_commit()) == (100, None)
    batch.acknowledge()
    assert offsets.to_commit() == 100


def test_a_partition_made_anew_is_begun_anew() -> None:
    """What was in hand of the one before changes nothing any more."""
    offsets = PartitionOffsets(50)
    (batch,) = handed_over(offsets, 60)
    offsets.skip_to(0)
    batch.acknowledge()
    assert (offsets.next, offsets.done, offsets.to_commit()) == (0, 0, 0)


def test_the_oldest_record_in_hand() -> None:
    """Its timestamp, until its batch is done."""
    offsets = PartitionOffsets(0)
    first, second = handed_over(offsets, 1, 2)
    assert offsets.oldest_timestamp_ms() == 1_001
    first.acknowledge()
    assert offsets.oldest_timestamp_ms() == 1_002
    second.acknowledge()
    assert offsets.oldest_timestamp_ms() is None
