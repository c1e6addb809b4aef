"""YAML as codata reads it: version 1.2, without what a job has no use for."""

from __future__ import annotations

import re
from typing import Any

import yaml

from codata.errors import JobError


def parse_yaml(text: str, what: str) -> object:
    """The document of `text`; raises `JobError` that names `what` and the line."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a kind of SafeLoader
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise JobError(f"{what}:{line} is not YAML: {getattr(e, 'problem', None) or e}") from None
    except RecursionError:
        raise JobError(f"{what} is nested too deeply") from None


class _Loader(yaml.SafeLoader):
    """`on` and `no` are words, dates are text, a key comes once, and nothing stands for something
    elsewhere."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As in the base, without aliases: by them a short text unfolds to any size."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read; write it out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As in the base, for keys that are different."""
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} comes twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp) for tag, regexp in found if not tag.endswith((":bool", ":timestamp", ":int", ":merge"))
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)\Z"), list("-0123456789")
)
