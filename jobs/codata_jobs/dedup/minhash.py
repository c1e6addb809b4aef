"""The step `dedup.minhash`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final

import pyarrow as pa
from pydantic import Field

from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import FilterParams, GlobalStep, StepPlan, step
from codata_jobs.columns import need_text
from codata_jobs.dedup.cluster_operations import NoParams, NumbersParams, PairParams
from codata_jobs.dedup.clusters import cluster
from codata_jobs.dedup.drop import plan_drop
from codata_jobs.dedup.ending import Asked, out_and_dropped
from codata_jobs.dedup.jaccard import verified
from codata_jobs.dedup.signatures import ROW_BYTES, BandParams, SignatureParams
from codata_jobs.drawing import Share
from codata_jobs.text.words import WordsKind

REASON: Final = "minhash duplicate"

_CLUSTERS: Final = pa.schema([("row", pa.int64()), ("cluster", pa.int64())])


class MinHashParams(FilterParams):
    """What is compared, and how alike two texts must be."""

    column: str = Field(description="The column of text that is compared.")
    words: WordsKind = Field(default="spacy-en", description="What a word is.")
    n: int = Field(default=5, ge=1, le=256, description="Words of an n-gram.")
    bands: int = Field(
        default=14, ge=1, le=256, description="Bands of a signature; one equal band is enough."
    )
    rows: int = Field(default=8, ge=1, le=64, description="Minima in a band; all must be equal.")
    seed: int = Field(default=1, ge=0, lt=1 << 32, description="What the hash functions are drawn from.")
    verify: Share | None = Field(
        default=None,
        description="A pair with an equal band counts only if the Jaccard similarity of its sets of n-grams "
        "is at least this. Without it every such pair counts.",
    )


@step
class MinHash(GlobalStep):
    """Keep the first of texts that are nearly the same.

    Rule: texts are simplified (lower case, numbers to 0, punctuation to spaces, no marks: docs/spec/dedup.md)
    and cut in words; the signature of a text is, for each of `bands` * `rows` hash functions, the least value
    over its n-grams of `n` words. Two rows of which one whole band agrees are a pair: of the rows with one
    band each with the first of them, and with `verify` also with the one before it. Pairs join rows in
    clusters, and of each the first in dataset order stays. A text of fewer than `n` words has no signature
    and stays, and so does a null. Two texts of similarity s share a band with probability
    1 - (1 - s^rows)^bands: as it is set here 0.5 at 0.68, 0.92 at 0.8.
    The output `clusters` lists the rows of all clusters of two or more by their numbers in the dataset, from
    0: `row`, and `cluster`, the first row's number.
    Source: datatrove 0.10, `pipeline/dedup/minhash.py`: the same signatures, pairs and clusters; there is no
    verification there, and which row of a cluster stays depends on the order of union there.
    Engines: unicode; spacy with words: spacy-en.
    Memory: about a part, or a partition of 64 MiB, in a task, and all edges of the largest cluster.
    """

    name = "dedup.minhash"
    version = 1
    params = MinHashParams
    outputs = ("out", "dropped", "clusters")

    def schema(self, params: MinHashParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema; of `clusters`, two row numbers."""
        need_text(schemas["data"], params.column, self.name)
        return {**out_and_dropped(schemas["data"], self.name, params.annotate), "clusters": _CLUSTERS}

    def plan(
        self, params: MinHashParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Signatures of each part, edges of each partition, clusters, parts without later rows."""
        data, asked = inputs["data"], Asked(self.name, params.annotate, wanted)
        signed = SignatureParams(**params.model_dump(exclude={"verify", "annotate"}))
        edges = yield from _edges(planner, self.name, params, signed, data)
        if params.verify is not None and any(p.rows for p in edges):
            edges = yield from verified(planner, self.name, signed, params.verify, data, edges)
        if not any(p.rows for p in edges):
            made = yield from plan_drop(planner, asked, REASON, data, ())
            return {**made, "clusters": Parts(_CLUSTERS, ())}
        members = "clusters" in wanted
        answers = yield from cluster(planner, self.name, edges, len(data.parts), members)
        made = dict((yield from plan_drop(planner, asked, REASON, data, answers)))
        if members:
            made["clusters"] = yield from _listed(planner, self.name, data, answers)
        return made


def _edges(
    planner: Planner, name: str, params: MinHashParams, signed: SignatureParams, data: Parts
) -> Generator[Stage, Results, tuple[Part, ...]]:
    """Tables of edges between rows that share a band."""
    if not data.parts:
        return ()
    tasks = tuple(planner.task("dedup.minhash/signatures", 1, signed, data=[p.cid]) for p in data.parts)
    signatures = [Part.of(o) for o in outputs((yield Stage(f"{name}: signatures", tasks)))]
    size = sum(p.rows for p in signatures) * params.bands * ROW_BYTES
    layout = ex.Layout.of(ex.partitions(size), len(signatures))
    chained = params.verify is not None
    banded = BandParams(partitions=layout.partitions, split=layout.split(), every=chained)
    tasks = tuple(planner.task("dedup.minhash/bands", 2, banded, signatures=[p.cid]) for p in signatures)
    files = [o.cid for o in outputs((yield Stage(f"{name}: bands", tasks)))]
    slices = yield from ex.exchange(planner, name, files, layout)
    tasks = tuple(
        planner.task(
            "dedup.minhash/pairs", 1, PairParams(**s.where.model_dump(), chained=chained), files=s.files
        )
        for s in slices
    )
    return tuple(Part.of(o) for o in outputs((yield Stage(f"{name}: pairs", tasks))))


def _listed(
    planner: Planner, name: str, data: Parts, answers: tuple[Part, ...]
) -> Generator[Stage, Results, Parts]:
    """The clusters that answers name, as row numbers of the dataset."""
    counted = NumbersParams(counts=[p.rows for p in data.parts])
    (receipt,) = yield Stage(f"{name}: row numbers", (planner.task("dedup.minhash/numbers", 1, counted),))
    numbered = receipt.out["out"].cid
    tasks = tuple(
        planner.task("dedup.minhash/clusters", 1, NoParams(), rows=[p.cid], numbers=[numbered])
        for p in answers
        if p.rows
    )
    results = yield Stage(f"{name}: list clusters", tasks)
    return Parts(_CLUSTERS, tuple(Part.of(o) for o in outputs(results)))
