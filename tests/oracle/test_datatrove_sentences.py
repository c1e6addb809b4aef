"""`dedup.sentences` against datatrove itself, on one file, where its result does not depend on files."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="kernels need the extra `text`")
pytest.importorskip("spacy", reason="sentences need the extra `text`")
pytest.importorskip("xxhash", reason="datatrove hashes by xxhash")
pytest.importorskip("datatrove", reason="there is nothing to compare with")

from datatrove.data import Document
from datatrove.pipeline.dedup.sentence_dedup import (
    SentDedupConfig,
    SentenceDedupFilter,
    SentenceDedupSignature,
    SentenceFindDedups,
)

from tests.driving import Driver
from tests.oracle.texts import texts as real_texts


def of_datatrove(texts: list[str], config: SentDedupConfig, folder: Path) -> list[tuple[int, str]]:
    """The documents that stay, with what is left of each."""
    documents = [Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    SentenceDedupSignature(f"{folder}/signatures", config=config).run(iter(documents), 0, 1)
    SentenceFindDedups(f"{folder}/signatures", f"{folder}/found", config=config).run(None, 0, 1)
    made = SentenceDedupFilter(f"{folder}/found", config=config).run(iter(documents), 0, 1)
    return [(int(document.id), document.text) for document in made]


@pytest.mark.parametrize(("n", "min_words", "min_sentences"), [(3, 50, 3), (1, 5, 0), (2, 0, 2)])
def test_what_is_left_is_datatroves(tmp_path: Path, n: int, min_words: int, min_sentences: int) -> None:
    drawn = random.Random(n)
    pieces = [text for text in real_texts()[::7] if text.count(".") > 2 and len(text) < 3000]
    texts = ["\n\n".join(drawn.choices(pieces[:800], k=drawn.randrange(1, 4))) for _ in range(700)]
    config = SentDedupConfig(n_sentences=n, min_doc_words=min_words, min_num_sentences=min_sentences)
    wanted = of_datatrove(texts, config, tmp_path)
    assert len({i for i, text in wanted if text != texts[i]}) > 50
    assert len(texts) - len(wanted) > 20
    driver = Driver()
    data = driver.parts(
        pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))}), [150, 400]
    )
    params = {"column": "text", "n": n, "min_words": min_words, "min_sentences": min_sentences}
    found = driver.table(driver.run("dedup.sentences", params, data=data))
    assert list(zip(found["i"].to_pylist(), found["text"].to_pylist(), strict=True)) == wanted
