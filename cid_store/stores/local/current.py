"""What a store object has open in the process that uses it: on first use, and anew in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from cid_store.block import Block
from cid_store.stores.local.files import Outline
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.process import Process

_inherited: list[Process] = []
"""Of the parent, in a forked child: neither used nor closed, which would disturb the parent's locks."""

_opening = threading.Lock()


def _unlock() -> None:
    """In a forked child: the lock may have been taken by a thread of the parent, which is not here."""
    global _opening
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_unlock)


class Current:
    """One store object's `Process`, whichever process it is in. `stored`: bytes that came new to the disk."""

    def __init__(self, folder: Folder, *, fsync: bool) -> None:
        self.folder = folder
        self.fsync = fsync
        self.stored = 0
        self._process: Process | None = None

    @property
    def used(self) -> bool:
        """Whether anything was ever opened: from then on `fsync` stands."""
        return self._process is not None

    def process(self) -> Process:
        """What is open here and now."""
        process = self._process
        if process is None or process.pid != os.getpid():
            if process is not None:
                _inherited.append(process)
            with _opening:
                if self._process is None or self._process.pid != os.getpid():
                    self._process = Process(self.folder, fsync=self.fsync)
                process = self._process
        return process

    def commit(self, blocks: Sequence[Block], file: Outline | None = None, path: Path | None = None) -> bool:
        """As `Process.commit`; False where that kept nothing, since the file's bytes are not here."""
        added = self.process().commit(blocks, file, path)
        self.stored += added or 0
        return added is not None

    def close(self) -> None:
        """Close what this process opened, and end its hold."""
        if self._process is not None and self._process.pid == os.getpid():
            self._process.close()
        self._process = None
