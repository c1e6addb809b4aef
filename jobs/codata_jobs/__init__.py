"""The steps that come with codata: importing this package registers them.

A step or a family of steps is one module here; helpers that several share are `carried`, `columns`,
`drawing`, `keys`, `matching`, `sort_keys`, `sql`, `sql_allowed` and `vocabulary`; `code.stack` has
`comment_syntax` and `spdx`, `stats` has `stats_bins`, `stats_measure`, `stats_summary` and `stats_picture`.
Compiled loops are in `kernels`.
"""

from codata_jobs import (
    code_stack,
    decontaminate,
    dedup,
    expressions,
    join,
    join_origins,
    sample,
    shuffle,
    sort,
    stats,
    text,
    text_length,
    text_normalize,
    tokens_encode,
    tokens_pack,
)

__all__ = [
    "code_stack",
    "decontaminate",
    "dedup",
    "expressions",
    "join",
    "join_origins",
    "sample",
    "shuffle",
    "sort",
    "stats",
    "text",
    "text_length",
    "text_normalize",
    "tokens_encode",
    "tokens_pack",
]
