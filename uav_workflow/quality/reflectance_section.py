"""What the report says of reflectance: how sure it is, by which light, and the panels that were read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.gates import RULES, Rule, figure
from uav_workflow.domain.product import Product

_CAPTURES, _MOSAIC = "calibrated_captures", "reflectance"
_SIDE = 260
"""Pixels of a panel's picture on the page."""
_PARTS = (
    ("panel", "panel"),
    ("region", "panel region"),
    ("drift", "drift"),
    ("drift_assumed", "drift, assumed"),
    ("sun_sensor", "sun sensor"),
    ("sun_sensor_bias", "sun sensor, no panel"),
    ("block", "block adjustment"),
    ("level", "level of the light"),
)
_HINT = {
    "panel and sun sensor": "factor panel / sun sensor, linear in time between visits to the panel",
    "panel": "panel alone, no sun sensor",
    "sun sensor": "sun sensor alone, no panel",
    "none": "neither panel nor sun sensor",
}
_VERDICTS = {"warn": "warning", "fail": "error", "pass": "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """A gate as it is shown; `level` is the page's class, `means` says what a missed one means and what helps."""

    name: str
    value: str
    bound: str
    verdict: str
    level: str
    means: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFigure:
    """A panel's picture with its region, and what was read there."""

    image: str
    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectanceSection:
    """Everything below the heading; nothing at all where nothing was calibrated."""

    statements: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    targets: Sequence[Sequence[str]] = ()
    gates: Sequence[GateRow] = ()
    passed: int = 0
    panels: Sequence[PanelFigure] = field(default_factory=tuple)


def reflectance_section(made: Mapping[str, Product]) -> ReflectanceSection:
    """Section of the products of a flight."""
    captures, mosaic = made.get(_CAPTURES), made.get(_MOSAIC)
    document = _document(captures)
    facts: Mapping[str, Any] = mosaic.facts if mosaic is not None else {}
    if not document and not facts.get("empirical_line"):
        return ReflectanceSection()
    gates = [*document.get("gates", ()), *facts.get("gates", ())]
    columns, rows = _uncertainty(facts)
    return ReflectanceSection(
        statements=_statements(document, facts),
        columns=columns,
        rows=rows,
        targets=[_line_row(row) for row in facts.get("empirical_line") or ()],
        gates=[_gate(row) for row in sorted(gates, key=_weight) if row["verdict"] != "pass"],
        passed=sum(row["verdict"] == "pass" for row in gates),
        panels=[_panel(row, captures.path) for row in _in_order(document)] if captures is not None else (),
    )


def reflectance_figure(made: Mapping[str, Product]) -> str | None:
    """Typical relative uncertainty of the worst band, for the head of the page."""
    rows = made[_MOSAIC].facts.get("uncertainty") if _MOSAIC in made else None
    found = [row.get("typical") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    known = [value for value in found if isinstance(value, float)]
    return f"± {100 * max(known):.0f} %" if known else None


def _document(captures: Product | None) -> Mapping[str, Any]:
    if captures is None or not captures.file("calibration.json").is_file():
        return {}
    document: Mapping[str, Any] = json.loads(captures.file("calibration.json").read_text(encoding="utf-8"))
    return document


def _statements(document: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    said = []
    bases = sorted({str(row.get("basis")) for row in document.get("bands", ())})
    if bases:
        said.append("Light of the pictures: " + "; ".join(_HINT.get(basis, basis) for basis in bases) + ".")
    adjusted = [row["block_adjustment"] for row in document.get("bands", ()) if row.get("block_adjustment")]
    if adjusted:
        before, after = (_range([row[f"residual_{when}"] for row in adjusted]) for when in ("before", "after"))
        said.append(f"Overlapping pictures disagreed by {before}; after block adjustment by {after} (median).")
    if facts.get("empirical_line"):
        used = [row["band"] for row in facts["empirical_line"] if row["applied"]]
        said.append(
            f"Empirical line on ground targets: {', '.join(used)}."
            if used
            else "Ground targets were laid out, but their lines are not applied; the findings say why."
        )
    corrected = [row["band"] for row in facts.get("uncertainty") or () if _seen_from_above(row)]
    if corrected:
        names = ", ".join(band.replace("_", " ") for band in corrected)
        said.append(f"As seen from above, what slanted views of plants do being taken out: {names}.")
    if facts.get("quantity") == "relative":
        said.append("Values are relative light, not reflectance.")
    return said


def _seen_from_above(budget: Mapping[str, Any]) -> bool:
    view = budget.get("view") or {}
    return bool((view.get("slant") or {}).get("corrected"))


def _range(values: Sequence[float]) -> str:
    low, high = 100 * min(values), 100 * max(values)
    return f"{low:.1f} %" if high - low < 0.05 else f"{low:.1f} – {high:.1f} %"


def _uncertainty(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Relative standard uncertainties in per cent, a band a row; only parts that some band has."""
    budgets = {str(row["band"]): row for row in facts.get("uncertainty") or ()}
    if not budgets:
        return (), []
    by_band = {band: _parts(budget) for band, budget in budgets.items()}
    shown = [(key, title) for key, title in _PARTS if any(key in parts for parts in by_band.values())]
    rest = "line and views" if any(budget.get("line") for budget in budgets.values()) else "views"
    columns = ("band", *(title for _, title in shown), rest, "all together")
    rows = []
    for band, budget in budgets.items():
        parts, typical = by_band[band], budget.get("typical")
        cells = [_percent(parts.get(key)) for key, _ in shown]
        others = None if typical is None else max(0.0, typical**2 - sum(value**2 for value in parts.values())) ** 0.5
        rows.append((band.replace("_", " "), *cells, _percent(others), _percent(typical)))
    return columns, rows


def _parts(budget: Mapping[str, Any]) -> dict[str, float]:
    """Parts that count in the mosaic: those of the flight, and the root mean square of those of photos."""
    found = {name: float(value) for name, value in budget["flight"].items()}
    found |= {name: float(part["rms"]) for name, part in budget["photo"].items()}
    return found


def _percent(value: float | None) -> str:
    return "" if value is None else "< 0.1 %" if 0 < value < 0.0005 else f"{100 * value:.1f} %"


def _line_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["signal_range"]
    return (
        str(row["band"]).replace("_", " "),
        str(row["targets"]),
        f"{row['slope']:.4g} ± {row['slope_sd']:.1g}",
        f"{row['intercept']:+.4f} ± {row['intercept_sd']:.1g}",
        "" if row["r2"] is None else f"{row['r2']:.4f}",
        "" if row["loo_rmse"] is None else f"{row['loo_rmse']:.4f}",
        f"{row['slope'] * low + row['intercept']:.2f} – {row['slope'] * high + row['intercept']:.2f}",
        "yes" if row["applied"] else "no",
    )


def _weight(gate: Mapping[str, Any]) -> tuple[int, str]:
    return {"fail": 0, "warn": 1}.get(gate["verdict"], 2), str(gate["name"])


def _gate(gate: Mapping[str, Any]) -> GateRow:
    value, threshold = gate["value"], float(gate["threshold"])
    rule = RULES.get(str(gate["name"]).partition("[")[0])
    return GateRow(
        name=str(gate["name"]).replace("[", " (").replace("]", ")").replace("-", " "),
        value="not known" if value is None else _figure(rule, value),
        bound=_figure(rule, threshold),
        means=f"{rule.what}: {rule.hint}" if rule else "",
        verdict={"warn": "beyond its bound", "fail": "failed"}.get(gate["verdict"], "kept"),
        level=_VERDICTS.get(gate["verdict"], "info"),
    )


def _figure(rule: Rule | None, value: float) -> str:
    return figure(rule, value) if rule else f"{value:.3g}"


def _in_order(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Panels by capture, in each by wavelength."""
    order = {row["band"]: number for number, row in enumerate(document.get("bands", ()))}
    return sorted(document.get("panels", ()), key=lambda row: (row["capture_id"], order.get(row["band"], len(order))))


def _panel(row: Mapping[str, Any], folder: Path) -> PanelFigure:
    albedo = row.get("albedo")
    known = f"reflectance {albedo:.3f} ({row['albedo_source']})" if albedo else "nobody knows its reflectance"
    time = str(row.get("time_utc") or "")[11:16]
    found_by = str(row["found_by"]).replace("qr", "QR")
    lines = [
        f"{row['serial'] or 'without serial'}, found by {found_by}{f', {time} UTC' if time else ''}",
        known,
        f"evenness: {100 * row['cv']:.1f} % spread, {100 * row['gradient']:.1f} % across; {row['pixels']} pixels",
    ]
    if row.get("saturated"):
        lines.append(f"{row['saturated']:.1%} of its pixels are saturated")
    name = str(row["image"]).rpartition("/")[2]
    return PanelFigure(image=_inline(folder / str(row.get("picture"))), title=f"{row['band']} · {name}", lines=lines)


def _inline(path: Path) -> str:
    """A panel's picture, smaller, as a data URI; nothing where it is gone."""
    import cv2

    picture = cv2.imread(str(path))
    if picture is None:
        return ""
    zoom = _SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA) if zoom < 1 else picture
    _, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
