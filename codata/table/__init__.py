"""Dataset identity: canonical tables, their bytes, their logical hash, and where shards begin."""

from codata.table.canonical import BLOCK_ROWS, Canonical, canonical_batch, canonical_blocks, canonical_table
from codata.table.cutter import Candidates, Cut, Segment, candidates, choose, cuts, part_sizes
from codata.table.logical import block_digests, combine, logical_hash
from codata.table.shard import decode_batch, decode_batches, decode_table, encode_batches, encode_table
from codata.table.types import canonical_schema, canonical_type, schema_from_value, schema_to_value

__all__ = [
    "BLOCK_ROWS",
    "Candidates",
    "Canonical",
    "Cut",
    "Segment",
    "block_digests",
    "candidates",
    "canonical_batch",
    "canonical_blocks",
    "canonical_schema",
    "canonical_table",
    "canonical_type",
    "choose",
    "combine",
    "cuts",
    "decode_batch",
    "decode_batches",
    "decode_table",
    "encode_batches",
    "encode_table",
    "logical_hash",
    "part_sizes",
    "schema_from_value",
    "schema_to_value",
]
