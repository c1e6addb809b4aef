"""The peer: Dolma. `PYTHON dolma_peer.py STEP IN OUT WORKERS`, by the Python of an environment that has it.

IN is a folder of JSON lines with `id` and `text`. Dolma tags documents, marks copies by a Bloom filter, and
mixes: what its filters do not exclude goes to OUT/kept. Thresholds are those that it published with Dolma
1.5 for Common Crawl and with its replication of C4. STEP is one of `STEPS`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Bounds = tuple[float | None, float | None]
"""The least and the greatest score with which a document stays."""

GOPHER: Mapping[str, Bounds] = {
    "word_count": (50, 100_000),
    "median_word_length": (3, 10),
    "symbol_to_word_ratio": (None, 0.1),
    "fraction_of_words_with_alpha_character": (0.8, None),
    "required_word_count": (2, None),
    "fraction_of_lines_starting_with_bullet_point": (None, 0.9),
    "fraction_of_lines_ending_with_ellipsis": (None, 0.3),
}

REPETITION: Mapping[str, Bounds] = {
    "fraction_of_duplicate_lines": (None, 0.3),
    "fraction_of_characters_in_duplicate_lines": (None, 0.3),
    **{
        f"fraction_of_characters_in_most_common_{n}grams": (None, m)
        for n, m in ((2, 0.2), (3, 0.18), (4, 0.16))
    },
    **{f"fraction_of_characters_in_duplicate_{n}grams": (None, (20 - n) / 100) for n in range(5, 11)},
}

C4: Mapping[str, Bounds] = dict.fromkeys(
    ("has_curly_brace", "has_lorem_ipsum", "has_javascript"), (None, 0.5)
)

C4_LINES = ("lines_with_no_ending_punctuation", "lines_with_too_few_words")

PII_TAGGER = "pii_regex_with_counts_fast_v2"
PII: Mapping[str, Bounds] = {"doc_count": (None, 5)}

BLOOM = {"read_only": False, "estimated_doc_count": 1_000_000, "desired_false_positive_rate": 1e-6}
"""Of 4 MiB: far larger than the corpus needs, so that no text is taken for another's copy."""


def attribute(tagger: str, name: str) -> str:
    """What a tagger's score is called by the mixer."""
    return f"{tagger}__{tagger}__{name}"


def excluded(tagger: str, rules: Mapping[str, Bounds]) -> Iterable[str]:
    """Filters by JSONPath: a document goes whose score is out of bounds; one without the score stays."""
    for name, (least, greatest) in rules.items():
        score = f"@.{attribute(tagger, name)}"
        for sign, bound in (("<", least), (">", greatest)):
            if bound is not None:
                yield f"$.attributes[?({score} && {score}[0] && {score}[0][2] {sign} {bound})]"


def replaced(name: str, by: str = "") -> dict[str, Any]:
    """The spans of an attribute are replaced."""
    return {"span": f"$.attributes.{name}", "min_score": 0.5, "replacement": by}


class Work:
    """Runs Dolma's commands over the files of one folder, into a folder for what comes between and one for
    the end."""

    def __init__(self, source: Path, out: Path, workers: int) -> None:
        self.out, self.workers = out, workers
        self.between = out / "between"
        self.between.mkdir(parents=True)
        # Attributes are written beside a folder of this name: what is read must seem to lie in one.
        (self.between / "documents").symlink_to(source.resolve(), target_is_directory=True)
        # Dolma fetches a sentence model when it is imported and finds none; no tagger here needs it.
        models = self.between / "nltk"
        (models / "tokenizers" / "punkt").mkdir(parents=True)
        os.environ["NLTK_DATA"] = str(models)

    def run(self, name: str, config: Mapping[str, Any]) -> None:
        """One command of Dolma, in this process and the workers that it starts."""
        from dolma.cli.main import main  # after the environment is set

        file = self.between / f"{name}.json"
        file.write_text(json.dumps({**config, "processes": self.workers}), encoding="utf-8")
        main(["--config", str(file), name])

    @property
    def documents(self) -> list[str]:
        """What every command reads."""
        return [str(self.between / "documents" / "*.jsonl")]

    def tag(self, *taggers: str) -> None:
        """Scores and spans, for the mixer to judge by."""
        self.run("tag", {"documents": self.documents, "taggers": taggers})

    def dedupe(self, name: str, how: Mapping[str, Any]) -> None:
        """Marks what has stood before, in no fixed order where there are several files."""
        bloom = {"file": str(self.between / "bloom"), **BLOOM}
        dedupe = {"name": name, "skip_empty": True, **how}
        self.run("dedupe", {"documents": self.documents, "dedupe": dedupe, "bloom_filter": bloom})

    def mix(self, attributes: Iterable[str], exclude: Iterable[str], spans: Iterable[object] = ()) -> None:
        """Writes what is not excluded, with spans replaced, if any text is left."""
        stream = {
            "name": "kept",
            "documents": self.documents,
            "attributes": list(attributes),
            "filter": {"exclude": list(exclude)},
            "span_replacement": list(spans),
            "output": {
                "path": str(self.out / "kept"),
                "min_text_length": 1,
                "discard_fields": ["attributes"],
            },
        }
        self.run("mix", {"streams": [stream], "shuffle": False})


def gopher_c4(at: Work) -> None:
    """Gopher's rules for quality, C4's for lines and documents."""
    at.tag("gopher_v2", "c4_v2")
    at.mix(
        ("gopher_v2", "c4_v2"),
        (*excluded("gopher_v2", GOPHER), *excluded("c4_v2", C4)),
        (replaced(attribute("c4_v2", name)) for name in C4_LINES),
    )


def repetition(at: Work) -> None:
    """Gopher's rules for repetition, by the tagger that has them all."""
    at.tag("gopher_v2")
    at.mix(("gopher_v2",), excluded("gopher_v2", REPETITION))


def exact(at: Work) -> None:
    """Documents whose whole text has been seen."""
    at.dedupe("copies", {"documents": {"attribute_name": "copy", "key": "$.text"}})
    at.mix(("copies",), ("$.attributes[?(@.copy && @.copy[0] && @.copy[0][2] >= 1)]",))


def whole(at: Work) -> None:
    """Quality, repetition, paragraphs that have been seen, addresses: Dolma 1.5 without its models."""
    at.tag("gopher_v2", PII_TAGGER)
    at.dedupe("paragraphs", {"paragraphs": {"attribute_name": "seen"}})
    kinds = ("EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS")
    at.mix(
        ("gopher_v2", PII_TAGGER, "paragraphs"),
        (*excluded("gopher_v2", {**GOPHER, **REPETITION}), *excluded(PII_TAGGER, PII)),
        (replaced("seen"), *(replaced(attribute(PII_TAGGER, kind), f" |||{kind}||| ") for kind in kinds)),
    )


STEPS: Mapping[str, Callable[[Work], None]] = {
    "gopher-c4": gopher_c4,
    "repetition": repetition,
    "exact": exact,
    "fineweb-like": whole,
}

if __name__ == "__main__":
    step, source, out, workers = sys.argv[1:]
    STEPS[step](Work(Path(source), Path(out), int(workers)))
