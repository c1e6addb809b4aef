"""A process that writes into a local store and prints what it was told is stored. Run by the crash tests.

Arguments: folder, seed, number of rounds, `fsync` or not.
"""

from __future__ import annotations

import random
import sys

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.stores.local import LocalStore
from cid_store.testing import sample


def main(folder: str, seed: str, rounds: int, fsync: bool) -> None:
    choose = random.Random(seed)
    reported: list[CID] = []
    with LocalStore(folder, fsync=fsync) as store:
        for number in range(rounds):
            blocks = [Block.of(sample(choose.randrange(3000), f"{seed}/{number}/{i}")) for i in range(20)]
            store.put_many(blocks)
            cids = [block.cid for block in blocks]
            # Sizes on both sides of what goes into packs and of what is one leaf; every third file is known.
            size = choose.choice([1000, 70_000, 1 << 20, 2_500_000])
            cids.append(store.put_file(sample(size, f"{seed}/{number}" if number % 3 else f"common/{size}")))
            sys.stdout.write(" ".join(cids) + "\n")
            sys.stdout.flush()
            reported += cids
        missing = [cid for cid, held in zip(reported, store.has_many(reported), strict=True) if not held]
        assert not missing, missing


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "fsync")
