"""Put the organisation together in a folder: activity, store, results, questionnaire."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from examples.organisation.activity import DAYS, sessions
from examples.organisation.records import furnish
from examples.organisation.trials import trials

from roguewatch.assess.assessment import read

HERE = Path(__file__).parent


def make(folder: Path, end: datetime, seed: int = 7) -> list[str | Path]:
    """Make it, and return the arguments that assess it: the second period beside the first.

    Args:
        folder: a new folder.
        end: end of the second period, at midnight UTC.
        seed: of everything drawn.

    Raises:
        FileExistsError: the folder is there already.
    """
    folder.mkdir(parents=True)
    told = list(sessions(end, seed))
    for session in told:
        path = folder / "activity" / session.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(session.text, encoding="utf-8")
    store = folder / "store"
    read([folder / "activity"], store)
    furnish(store, told, end, seed)
    results = trials(folder, end, seed)
    first, middle = (end - timedelta(days=DAYS * n) for n in (2, 1))
    return [
        "assess", folder / "activity", "--store", store, "--out", folder / "assessment",
        "--since", f"{middle:%Y-%m-%d}",
        "--period", f"the period before={first:%Y-%m-%d}..{middle:%Y-%m-%d}",
        *(part for name, path in results.items() for part in (f"--{name}", path)),
        "--questionnaire", HERE / "customer.yaml", "--assessor", HERE / "assessor.yaml",
    ]  # fmt: skip
