"""The assessment in other forms: Markdown, XLSX, OSCAL, PDF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from roguewatch.assess.document import Assessment
from roguewatch.assess.exports.markdown import markdown
from roguewatch.assess.exports.oscal import oscal
from roguewatch.assess.exports.pdf import pdf
from roguewatch.assess.exports.sheet import sheet
from roguewatch.errors import InputError
from roguewatch.printable import printable_path

FORMATS: Mapping[str, tuple[str, Callable[[Assessment], bytes]]] = {
    "md": ("assessment.md", markdown),
    "xlsx": ("assessment.xlsx", sheet),
    "pdf": ("assessment.pdf", pdf),
    "oscal": ("assessment-results.oscal.json", oscal),
}
"""Name of the file and what makes it, by format."""


def export(assessment: Assessment, folder: Path, format: str) -> Path:
    """Write one format beside the report. Returns the file.

    Raises:
        InputError: it cannot be written.
    """
    name, made = FORMATS[format]
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made(assessment))
    except OSError as error:
        raise InputError(f"{printable_path(path)}: cannot be written: {error.strerror}") from error
    return path
