"""`dedup.minhash`, `decontaminate` and the simplified text under them against datatrove itself."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")
pytest.importorskip("xxhash", reason="datatrove hashes by xxhash")
pytest.importorskip("datatrove", reason="there is nothing to compare with")

from codata_jobs.dedup.grams import grams
from codata_jobs.dedup.signatures import functions
from codata_jobs.kernels.minhash import minima
from codata_jobs.simplify import simplify
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
from datatrove.utils.text import simplify_text

from tests.driving import Driver
from tests.oracle.texts import texts as real_texts

FEW = 3000

BUCKETS, ROWS = 14, 8

Peer = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[int, int], set[int]]


def of_datatrove(texts: tuple[str, ...], folder: Path) -> Peer:
    """The documents that have a signature, their signatures, clusters by document, documents removed."""
    documents = [Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    MinhashDedupSignature(f"{folder}/signatures").run(iter(documents), 0, 1)
    for rank in range(BUCKETS):
        MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets").run(None, rank, BUCKETS)
    MinhashDedupCluster(f"{folder}/buckets", f"{folder}/found", save_cluster_id=True).run(None, 0, 1)
    kind = np.dtype([("minima", "<u8", ROWS), ("document", "<u4")])
    found = []
    for rank in range(BUCKETS):
        file = folder / "signatures" / f"bucket_{rank:03d}" / "00000.minhash.sig"
        found.append(np.sort(np.fromfile(file, kind), order="document"))
    clusters = np.fromfile(folder / "found" / "000000.clusters", "<u4").reshape(-1, 2)
    removed = np.fromfile(folder / "found" / "000000.remove", "<u4")
    return (
        found[0]["document"],
        np.concatenate([bucket["minima"] for bucket in found], axis=1),
        dict(clusters.tolist()),
        set(removed.tolist()),
    )


def check_agreement(texts: tuple[str, ...], folder: Path) -> None:
    signed, signatures, clusters, removed = of_datatrove(texts, folder)
    column = pa.array(texts, pa.large_string())
    ours = grams(column, "spacy-en", 5)
    assert np.flatnonzero(np.diff(ours.offsets)).tolist() == signed.tolist()
    assert np.array_equal(minima(ours.hashes, ours.offsets, *functions(1, BUCKETS * ROWS)), signatures)
    driver = Driver()
    table = pa.table({"text": column, "i": range(len(texts))})
    parts = driver.parts(table, [len(texts) // 3, len(texts) // 2])
    made = driver.outputs("dedup.minhash", {"column": "text"}, ["out", "clusters"], data=parts)
    listed = driver.table(made["clusters"])
    assert groups(zip(listed["row"].to_pylist(), listed["cluster"].to_pylist(), strict=True)) == groups(
        clusters.items()
    )
    # Of each cluster datatrove keeps the root of its union-find, and we the first: as many, and all else.
    kept = driver.table(made["out"])["i"].to_pylist()
    assert len(kept) == len(texts) - len(removed)
    assert [i for i in kept if i not in clusters] == [i for i in range(len(texts)) if i not in clusters]


def spread(count: int) -> tuple[str, ...]:
    """Texts from all over the library; a tenth again with another word, a twentieth again as they are."""
    every = real_texts()
    found = every[:: len(every) // count + 1]
    return (*found, *(f"{text} again" for text in found[::10]), *found[::20])


def groups(pairs: Any) -> set[frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for document, cluster in pairs:
        found[cluster].add(document)
    return {frozenset(group) for group in found.values()}


def test_signatures_and_clusters_are_datatroves(tmp_path: Path) -> None:
    check_agreement(spread(FEW), tmp_path)


@pytest.mark.slow
def test_signatures_and_clusters_are_datatroves_on_ten_thousand_texts(tmp_path: Path) -> None:
    texts = tuple(real_texts())
    assert len(texts) >= 10_000
    check_agreement(texts, tmp_path)


def test_simplified_texts_are_datatroves() -> None:
    texts = real_texts()
    assert simplify(pa.array(texts, pa.large_string())).to_pylist() == [simplify_text(text) for text in texts]


# What the `regex` package behind datatrove knows of characters that this Python does not is left out.
_known = st.characters(exclude_categories=["Cs", "Cn"]).filter(lambda c: unicodedata.category(c) != "Cn")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(_known), min_size=1, max_size=5))
def test_simplified_unicode_is_datatroves(texts: list[str]) -> None:
    assert simplify(pa.array(texts, pa.large_string())).to_pylist() == [simplify_text(text) for text in texts]


@pytest.mark.parametrize("query_ngrams", [False, True])
def test_what_is_contaminated_is_datatroves(
    tmp_path: Path, query_ngrams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NGramsDecontIndexer, "_requires_dependencies", [])  # only to load sets by name
    texts = spread(2000)
    # The evaluation set: the ends of some texts as answers, what stands before them as questions.
    sets = [text.rsplit(" ", 15) for text in texts[::50] if text.count(" ") > 20]
    queries, labels = [s[0] for s in sets], [" ".join(s[1:]) for s in sets]
    config = NGramsDecontConfig(find_query_ngrams=query_ngrams)
    indexer = NGramsDecontIndexer(str(tmp_path), config=config)
    hashes = {
        h for label, query in zip(labels, queries, strict=True) for h in indexer.compute_hashes(label, query)
    }
    np.array(sorted(hashes), np.uint64).tofile(tmp_path / "set.index.hashes")
    judge = NGramsDecontFilter(str(tmp_path), config=config)
    wanted = [judge.filter(Document(text=text, id="")) is True for text in texts]
    assert 0 < wanted.count(False) < len(texts)
    driver = Driver()
    data = driver.parts(pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))}), [700])
    against = driver.parts(pa.table({"answer": labels, "question": queries}))
    params = {"column": "text", "label": "answer", "query": "question", "query_ngrams": query_ngrams}
    kept = driver.table(driver.run("decontaminate", params, data=data, against=against))["i"].to_pylist()
    assert kept == [i for i, stays in enumerate(wanted) if stays]
