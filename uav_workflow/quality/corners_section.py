"""The report's section on marked corners: where they were found, what that changes, and a picture of each."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Product

Facts = Mapping[str, Any]
KIND = "plot_predictors"


@dataclass(frozen=True, slots=True, kw_only=True)
class CornersSection:
    """Statements and pictures; empty where nobody looked for marks."""

    statements: Sequence[str] = ()
    images: Sequence[str] = ()


def corners_section(made: Mapping[str, Product]) -> CornersSection:
    """Read what the plots' product says of marked corners."""
    facts = _facts(made)
    if facts.get("mode") not in ("report", "apply"):
        return CornersSection()
    pictures = sorted(made[KIND].path.glob("coregistration_*.png"), key=lambda path: int(path.stem.split("_")[-1]))
    coded = [base64.b64encode(path.read_bytes()).decode() for path in pictures]
    return CornersSection(statements=list(_statements(facts)), images=[f"data:image/png;base64,{one}" for one in coded])


def plots_as_read(plots: Sequence[Plot], made: Mapping[str, Product]) -> tuple[Plot, ...]:
    """Return the plots where the maps were read: moved ones where they were brought onto their marks."""
    if not _facts(made).get("applied"):
        return tuple(plots)
    import geopandas as gpd

    table = gpd.read_parquet(made[KIND].file("plot_predictors.parquet"), columns=["plot_id", "geometry"])
    shapes = table.drop_duplicates("plot_id").set_index("plot_id").geometry
    crs = table.crs.to_string()
    return tuple(
        replace(plot, geometry=shapes[plot.plot_id], crs=crs) if plot.plot_id in shapes.index else plot
        for plot in plots
    )


def _facts(made: Mapping[str, Product]) -> Facts:
    facts = made[KIND].facts.get("coregistration") if KIND in made else None
    return facts if isinstance(facts, dict) else {}


def _statements(facts: Facts) -> Iterator[str]:
    if facts.get("refused"):
        yield f"The plots stay where they were surveyed: {facts['refused']}."
    elif facts["applied"]:
        yield "The plots were moved to where the map shows the marks on their corners."
    else:
        yield "The plots stay where they were surveyed: the recipe asks for a report alone."
    if facts.get("shift_x") is not None:
        east, north, east_se, north_se = (100 * facts[f"shift_{k}"] for k in ("x", "y", "x_se", "y_se"))
        yield (
            f"Found minus surveyed: {east:+.1f} ± {east_se:.1f} cm east, {north:+.1f} ± {north_se:.1f} cm north "
            f"(standard errors); {100 * facts['rms']:.1f} cm RMS left on {facts['n']} corners; a pixel is "
            f"{100 * facts['pixel_m']:.1f} cm."
        )
    if facts.get("corners") is not None:
        left = f"; left out: {', '.join(facts['left_out'])}" if facts["left_out"] else ""
        yield (
            f"{facts['corners_with_mark']} of {facts['corners_on_map']} corners on the map show something like the "
            f"mark, and {facts['controls_with_mark']} of {facts['controls']} places between corners{left}."
        )
    if facts.get("turn_deg") is not None:
        yield (
            f"Beyond a shift: turned by {facts['turn_deg']:.3f}°, scaled by {facts['scale_ppm']:.0f} ppm; chance makes "
            f"as much in {facts['turn_chance']:.2g} of all cases."
        )
    changes = facts.get("changes") or {}
    if changes.get("ground_exchanged_mean") is not None:
        moves = "exchanges" if facts["applied"] else "would exchange"
        text = f"The shift {moves} {changes['ground_exchanged_mean']:.1%} of a plot's ground on average"
        if "band" in changes:
            text += (
                f" and changes {changes['band']} by {changes['mean_abs']:.3f} on average, {changes['max_abs']:.3f} at "
                f"most ({changes['plots']} plots)"
            )
        yield f"{text}."
