"""Copy the bytes of a data set to stores that others only read, each blob by its digest, read back and hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from autarch.errors import DataError
from autarch.market.assemble import Progress
from autarch.market.lock_types import SPLITS, DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Blobs of one split in its target store: sent now, and there already."""

    split: Split
    root: str
    sent: int
    present: int

    @property
    def line(self) -> str:
        """One line for a reader."""
        return f"{self.split:8} {self.sent} sent, {self.present} there already  {self.root}"


def push(
    lock: DatasetLock, stores: Stores, target: Stores, *, splits: Sequence[Split] = SPLITS, progress: Progress
) -> tuple[Pushed, ...]:
    """Copy the blobs of `splits` from `stores` to `target` and return what was done, split by split.

    Every blob is read and hashed on both sides, also one that was there before: what this returns of was seen
    whole in the target.

    Raises:
        DataError: two splits would share a root, a blob is missing or damaged, or a store fails.
    """
    for one, other in combinations(splits, 2):
        if target.root(one).rstrip("/") == target.root(other).rstrip("/"):
            raise DataError(
                f"{one} and {other} would share the store {target.root(one)}; who reads one would read the other: "
                "give each split its own"
            )
    done: list[Pushed] = []
    for split in splits:
        sent = present = 0
        labels = {series.block(split).sha256: f"{lock.name} {series.label} {split}" for series in lock.series}
        progress(f"{split}: {len(labels)} blobs to {target.root(split)}")
        for digest, label in labels.items():
            content = stores.read(split, digest, label=label)
            if target.has(split, digest):
                present += 1
            else:
                target.write(split, content)
                sent += 1
            target.read(split, digest, label=label)
        done.append(Pushed(split=split, root=target.root(split), sent=sent, present=present))
    return tuple(done)
