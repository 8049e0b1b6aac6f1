"""Deletions by absence: who is in no row of a full snapshot is deleted, but only when asked for, and within a bound.

A snapshot that was cut off looks like a day on which half of the staff left. So nothing is deleted where a row was
refused, where the file broke off, or where more would go than the bound lets.
"""

from collections.abc import Set as AbstractSet

from enrichment.errors import UserError


class SnapshotRefusedError(UserError):
    """Nothing is deleted; the sentence says why, and what to do."""


def absent(known: AbstractSet[str], seen: AbstractSet[str], *, refused: int, share_max_percent: float) -> list[str]:
    """Return the ids that a full snapshot no longer has, sorted.

    Args:
        known: the ids that this mapping has published before.
        seen: the ids in the snapshot.
        refused: rows of the snapshot that were refused: whom they were about is not known.
        share_max_percent: the bound, in percent of those known.

    Raises:
        SnapshotRefusedError: more would go than the bound lets, or the snapshot is not whole.
    """
    gone = sorted(known - seen)
    if not gone:
        return []
    if refused:
        raise SnapshotRefusedError(
            f"Nothing is deleted: {refused:,} rows were refused, and whom they are about is not known. Mend them first."
        )
    share = 100 * len(gone) / len(known)
    if share > share_max_percent:
        raise SnapshotRefusedError(
            f"Nothing is deleted: {len(gone):,} of {len(known):,} records are absent, {share:.1f} %, and more than "
            f"{share_max_percent:g} % would go: refused. "
            "Look whether the snapshot is whole; --delete-max raises the bound."
        )
    return gone
