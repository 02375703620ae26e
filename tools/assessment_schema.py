"""Print the JSON Schema of `assessment.json`, made from its Structs and their docstrings.

`python tools/assessment_schema.py > src/roguewatch/assess/assessment.schema.json`
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.assess import document


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12; every property has a description, and no other is allowed."""
    (_,), components = msgspec.json.schema_components([document.Assessment])
    told: dict[tuple[str, str], str] = {}
    for path in sorted(Path(document.__file__).parent.glob("*.py")):
        told |= _docstrings(path.read_text(encoding="utf-8"))
    for name, component in components.items():
        component["description"] = told[name, ""]
        component["additionalProperties"] = False
        component["required"] = list(component["properties"])
        for key, value in component["properties"].items():
            described = {"description": told[name, key]}
            value.pop("default", None)
            component["properties"][key] = (
                {**described, "allOf": [value]} if "$ref" in value else {**described, **value}
            )
    top = components.pop("Assessment")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": document.SCHEMA}
    text = json.dumps({**head, **top, "$defs": components})
    made: dict[str, Any] = json.loads(text.replace("#/$defs/Assessment", "#"))
    return made


def _docstrings(source: str) -> dict[tuple[str, str], str]:
    """(class, attribute) to its docstring; the attribute is empty for the class's own."""
    told: dict[tuple[str, str], str] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        told[node.name, ""] = ast.get_docstring(node) or ""
        attribute = ""
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                attribute = item.target.id
            elif isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and attribute:
                told[node.name, attribute] = " ".join(str(item.value.value).split())
                attribute = ""
    return told


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, ensure_ascii=False))
