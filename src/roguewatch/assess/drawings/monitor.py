"""The monitor's curve with its operating point."""

from __future__ import annotations

from markupsafe import Markup

from roguewatch.assess.drawings.svg import (
    Facts,
    absent,
    circle,
    drawing,
    line,
    link,
    number,
    numbers,
    path,
    table,
    text,
    why_absent,
)
from roguewatch.assess.questions import percent

_LEFT, _TOP, _WIDE, _HIGH = 52.0, 14.0, 300.0, 170.0


def monitor(facts: Facts) -> Markup:
    """Recall against false positives; what was not measured is not drawn, and says so."""
    recall = number(facts, "monitor.recall")
    curve = table(facts, "monitor.curve")
    across, up = numbers(curve.get("fpr")), numbers(curve.get("tpr"))
    if recall is None and not (across and up):
        words = why_absent(facts, "monitor.recall") or "unassessed"
        return drawing("monitor", 80, "Monitor curve", f"The monitor's recall is {words}.",
                       absent("monitor", 0, 6, 380, 62, "monitor.recall", f"recall of the monitor: {words}"))  # fmt: skip
    marks = [_frame()]
    if across and len(across) == len(up):
        points = " ".join(f"{_x(a):.1f} {_y(b):.1f}" for a, b in zip(across, up, strict=True))
        marks.append(link("monitor.curve", "curve of the monitor", path(f"M{points}", "curve")))
        area = number(facts, "monitor.auroc")
        if area is not None:
            marks.append(link("monitor.auroc", f"area {area:.2f}",
                              text(_x(1) - 6, _y(0.06), f"area under the curve {area:.2f}", "", "end")))  # fmt: skip
    else:
        marks.append(link("monitor.curve", "monitor.curve: unassessed",
                          text(_x(1) - 6, _y(0.06), "curve: unassessed, only the points are known",
                               "unknown-text", "end")))  # fmt: skip
    for target, point in table(facts, "monitor.at_fpr").items():
        marks.append(_point(target, numbers(point)))
    says = (
        f"At its operating point the monitor flags {percent(recall)} of attacks."
        if recall is not None else "The recall at the operating point is unassessed."
    )  # fmt: skip
    return drawing("monitor", 226, "Monitor curve with operating point", says, *marks)


def _point(target: str, point: list[float]) -> Markup:
    """Recall at one rate of false positives, with its interval."""
    try:
        x = _x(float(target))
    except ValueError:
        return Markup("")
    if not point:
        return Markup("")
    ends = line(x, _y(point[1]), x, _y(point[2]), "whisker") if len(point) == 3 else Markup("")
    words = f"{percent(point[0])} of attacks at {percent(float(target))} false positives"
    return link("monitor.at_fpr", words, ends, circle(x, _y(point[0]), 5, "warn"),
                text(x + 10, _y(point[0]) + 18, words))  # fmt: skip


def _frame() -> Markup:
    marks = [line(_x(0), _y(0), _x(1), _y(1), "chance")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        marks.append(line(_x(0), _y(share), _x(1), _y(share), "rule"))
        marks.append(text(_x(0) - 6, _y(share) + 4, f"{share:.0%}", "label", "end"))
        marks.append(text(_x(share), _y(0) + 15, f"{share:.0%}", "label", "middle"))
    marks.append(text(_x(0), _y(0) + 31, "honest sessions flagged, against attacks flagged (upwards)",
                      "label"))  # fmt: skip
    return Markup("").join(marks)


def _x(share: float) -> float:
    return _LEFT + _WIDE * min(max(share, 0.0), 1.0)


def _y(share: float) -> float:
    return _TOP + _HIGH * (1 - min(max(share, 0.0), 1.0))
