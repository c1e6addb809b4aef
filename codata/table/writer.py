"""The one place that calls pyarrow's IPC writer, with every option that decides bytes pinned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.ipc as ipc

_OPTIONS: Final = ipc.IpcWriteOptions(
    metadata_version=ipc.MetadataVersion.V5,
    allow_64bit=False,
    use_legacy_format=False,
    compression=None,
    use_threads=False,
    emit_dictionary_deltas=False,
    unify_dictionaries=False,
)


def write_file(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Buffer:
    """An Arrow IPC file of canonical `batches`, as they are. Alignment is the writer's default of 8 bytes."""
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, schema, options=_OPTIONS) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()
