"""Rule files as YAML documents. Imported only when rules are compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from roguewatch.detect.sigma.document import Document
from roguewatch.errors import RuleError
from roguewatch.printable import printable_path


class _Loader(yaml.CSafeLoader):
    """Safe YAML in which a key given twice is an error: the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def documents_of(path: Path, text: bytes) -> list[Document]:
    """The rules, correlations and filters of a file.

    Raises:
        RuleError: naming file, key and reason.
    """
    file = printable_path(path)
    try:
        contents = list(yaml.load_all(text.decode(), _Loader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RuleError(f"{file}: is not YAML: {error}") from error
    found = []
    for content in contents:
        if content is None:
            continue
        if not isinstance(content, dict):
            raise RuleError(f"{file}: expected a rule (a mapping), found {type(content).__name__}")
        found.append(Document(content, file))
    return found
