"""How languages write comments and strings, as far as counting comments needs it.

Names and suffixes are those of GitHub's Linguist, in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

Table = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Syntax:
    """One way to write.

    `line`: what begins a comment up to the line's end; `block`: what begins and ends one over lines, not
    nested. `quotes`: characters around strings, which end with their line at the latest, and in which a
    backslash escapes; `long_quotes`: those around strings over lines. `docs`: strings between three quotes,
    which are comments where nothing but white space stands before them on their line.
    """

    line: tuple[str, ...] = ()
    block: tuple[tuple[str, str], ...] = ()
    quotes: str = "\"'"
    long_quotes: str = ""
    docs: bool = False


_C: Final = Syntax(("//",), (("/*", "*/"),))
_C_TEMPLATES: Final = Syntax(("//",), (("/*", "*/"),), long_quotes="`")
_C_DOUBLE: Final = Syntax(("//",), (("/*", "*/"),), '"')
_C_BLOCKS: Final = Syntax((), (("/*", "*/"),))
_HASH: Final = Syntax(("#",))
_LISP: Final = Syntax((";",), (), '"')
_PERCENT: Final = Syntax(("%",), (), "")
_MARKUP: Final = Syntax((), (("<!--", "-->"),), "")

_LANGUAGES: Final = (
    (_C, "c c++ c# objective-c java kotlin dart groovy cuda protocol-buffer verilog systemverilog solidity"),
    (_C, "glsl hlsl opencl d actionscript processing scss less"),
    (_C_TEMPLATES, "javascript typescript tsx jsx go"),
    (_C_DOUBLE, "rust swift scala zig"),  # an apostrophe need not be a quote there
    (_C_BLOCKS, "css"),
    (Syntax(("//", "#"), (("/*", "*/"),)), "php hcl"),
    (Syntax(("#",), docs=True), "python starlark cython"),
    (_HASH, "ruby perl r shell tcl yaml toml makefile dockerfile cmake awk nim elixir raku"),
    (Syntax(("#",), (("#=", "=#"),), '"'), "julia"),
    (Syntax(("#",), (("<#", "#>"),)), "powershell"),
    (Syntax(("#",), (("###", "###"),)), "coffeescript"),
    (Syntax(("--",), (("/*", "*/"),)), "sql plsql plpgsql tsql"),
    (Syntax(("--",), (("{-", "-}"),), '"'), "haskell elm purescript agda idris"),
    (Syntax(("--",), (("--[[", "]]"),)), "lua"),
    (Syntax(("--",), (), '"'), "ada vhdl"),
    (_LISP, "common-lisp emacs-lisp scheme clojure racket"),
    (Syntax((";", "#", "//"), (("/*", "*/"),), '"'), "assembly"),
    (Syntax(("%",), (("%{", "%}"),), '"'), "matlab"),
    (Syntax(("%",), (), '"'), "erlang prolog"),
    (_PERCENT, "tex bibtex"),
    (Syntax(("!",)), "fortran"),
    (Syntax(("'",), (), '"'), "visual-basic"),
    (Syntax((), (("(*", "*)"),), '"'), "ocaml standard-ml"),
    (Syntax(("//",), (("(*", "*)"),), '"'), "f#"),
    (Syntax(("//",), (("{", "}"), ("(*", "*)")), "'"), "pascal"),
    (_MARKUP, "html xml svg"),
)

_SUFFIXES: Final = {
    "c": "c h",
    "c++": "cc cpp cxx hh hpp hxx",
    "c#": "cs",
    "clojure": "clj cljs",
    "coffeescript": "coffee",
    "common-lisp": "lisp",
    "css": "css",
    "cuda": "cu cuh",
    "dart": "dart",
    "elixir": "ex exs",
    "emacs-lisp": "el",
    "erlang": "erl hrl",
    "f#": "fs",
    "fortran": "f90 f95 f03",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "html": "html htm",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "objective-c": "mm",
    "ocaml": "ml mli",
    "pascal": "pas",
    "perl": "pl pm",
    "php": "php",
    "powershell": "ps1",
    "protocol-buffer": "proto",
    "python": "py pyi",
    "r": "r",
    "ruby": "rb",
    "rust": "rs",
    "scala": "scala",
    "scheme": "scm",
    "shell": "sh bash",
    "sql": "sql",
    "swift": "swift",
    "tcl": "tcl",
    "tex": "tex",
    "toml": "toml",
    "typescript": "ts tsx",
    "vhdl": "vhd vhdl",
    "xml": "xml xsd xsl",
    "yaml": "yaml yml",
    "zig": "zig",
}

SYNTAXES: Final = tuple(syntax for syntax, _ in _LANGUAGES)

BY_LANGUAGE: Final = {name: i for i, (_, names) in enumerate(_LANGUAGES) for name in names.split()}
"""The number of each language's syntax; a space in a name is a hyphen here."""

BY_SUFFIX: Final = {
    suffix: BY_LANGUAGE[name] for name, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}
"""The number of the syntax of files with this suffix, in lower case and without the dot."""

LINE_MARKERS: Final = 3
"""Of a syntax's markers the first; pairs of block markers follow."""

_MARKERS: Final = 9
_MARKER_BYTES: Final = 4

QUOTE: Final = 1
LONG_QUOTE: Final = 2
DOC_QUOTE: Final = 4
"""What a character may be in a syntax's `kinds`."""


@cache
def tables() -> tuple[Table, Table]:
    """The syntaxes as the kernel reads them.

    `markers` (syntaxes x 9 x 5, bytes): three line markers, then three pairs of block markers, each as its
    length and its bytes. `kinds` (syntaxes x 128): for each ASCII character `QUOTE`, `LONG_QUOTE`, and
    `DOC_QUOTE` where three may stand together.
    """
    markers = np.zeros((len(SYNTAXES), _MARKERS, 1 + _MARKER_BYTES), np.uint8)
    kinds = np.zeros((len(SYNTAXES), 128), np.uint8)
    for i, syntax in enumerate(SYNTAXES):
        block = [marker for pair in syntax.block for marker in pair]
        for place, text in [*enumerate(syntax.line), *enumerate(block, LINE_MARKERS)]:
            markers[i, place, 0] = len(text)
            markers[i, place, 1 : 1 + len(text)] = list(text.encode())
        for character in syntax.quotes:
            kinds[i, ord(character)] |= QUOTE | (DOC_QUOTE if syntax.docs else 0)
        for character in syntax.long_quotes:
            kinds[i, ord(character)] |= LONG_QUOTE
    return markers, kinds
