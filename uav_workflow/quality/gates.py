"""Quality gates of a flight's maps and plots: what was measured, its bound, the verdict, and what a miss means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uav_workflow.domain.product import Product
from uav_workflow.domain.quality import Gate
from uav_workflow.recipe import Acceptance

if TYPE_CHECKING:
    import pandas as pd

ASPRS_POINTS = 30
"""Check points below which the ASPRS standard (2023) knows no statement of accuracy."""
GROUND_PLOTS = 20
"""Ground plots that make a comparison worth its figures."""
_VERDICTS = {"pass": ("kept", "info"), "warn": ("missed", "warning"), "fail": ("failed", "error")}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityGate:
    """A gate in the words of the page.

    Attributes
    ----------
    gate : Gate
    unit : str
        Said behind value and bound; ``%`` turns shares into per cent.
    at_least : bool
        The good side.
    means : str
        What the figure is and what helps where it is missed.
    """

    gate: Gate
    unit: str
    at_least: bool
    means: str

    @property
    def value(self) -> str:
        """What was measured, with its unit."""
        return self._say(self.gate.value)

    @property
    def bound(self) -> str:
        """The bound, with its unit; empty where nothing was measured."""
        if math.isnan(self.gate.value):
            return ""
        return f"{'≥' if self.at_least else '≤'} {self._say(self.gate.threshold)}"

    @property
    def verdict(self) -> str:
        """In words."""
        return "not measured" if math.isnan(self.gate.value) else _VERDICTS[self.gate.verdict][0]

    @property
    def level(self) -> str:
        """Class of the page."""
        return "soft" if math.isnan(self.gate.value) else _VERDICTS[self.gate.verdict][1]

    def _say(self, value: float) -> str:
        if math.isnan(value):
            return ""
        scaled = 100 * value if self.unit == "%" else value
        return f"{scaled:.3g}{' ' if self.unit else ''}{self.unit}"


def quality_gates(made: Mapping[str, Product], accept: Acceptance, table: pd.DataFrame | None) -> list[QualityGate]:
    """Gates of what was made; those of reflectance stand in its own section.

    Parameters
    ----------
    made : mapping
        Kind -> product.
    accept : Acceptance
        Bounds of the recipe.
    table : DataFrame or None
        plots.parquet, where there are plots.
    """
    facts = {kind: product.facts for kind, product in made.items()}
    gates = [*_geometry(facts, accept), *_content(facts)]
    if table is not None:
        gates += [*_plots(facts.get("plot_predictors", {}), table), *_pairs(facts.get("match", {}))]
    return gates


def _geometry(facts: Mapping[str, Mapping[str, Any]], accept: Acceptance) -> Iterator[QualityGate]:
    block = facts.get("reconstruction", {})
    if block.get("total"):
        placed = block["registered"] / block["total"]
        least = accept.minimum_placed
        yield _least("photos placed", placed, (least, 0.5 * least), "%", "more overlap, sharper photos")
    points = block.get("check_points") or {}
    gsd, many = block.get("gsd_at_points_m") or math.nan, points.get("n") or 0
    for name, key, most in (
        ("check points, horizontal RMSE", "rmse_h_m", accept.check_rmse_h_gsd),
        ("check points, vertical RMSE", "rmse_z_m", accept.check_rmse_z_gsd),
    ):
        error = points.get(key) if many else None
        value = math.nan if error is None else error / gsd
        hint = "how far the block lies from the survey; without check points nobody knows"
        yield _most(name, value, (most, 2 * most), "GSD", hint)
    if many:
        hint = f"fewer than {ASPRS_POINTS} allow no statement of compliance with the ASPRS standard of 2023"
        yield _least("check points", many, (ASPRS_POINTS, 1), "", hint)
    shifts = facts.get("orthomosaic", {}).get("band_shift_px") or {}
    known = [row["rms"] for row in shifts.values() if isinstance(row, dict) and row.get("rms") is not None]
    if known:
        hint = "indices mix neighbouring pixels where bands do not lie on each other"
        most = accept.band_shift_px
        yield _most("band on band, worst RMS", max(known), (most, 2 * most), "px", hint)


def _content(facts: Mapping[str, Mapping[str, Any]]) -> Iterator[QualityGate]:
    cover, height = facts.get("cover", {}), facts.get("canopy_height", {})
    share = cover.get("between_share")
    if isinstance(share, float):
        hint = "share of the variance between plants and ground: below a half one threshold does not part them"
        yield _least("green and other told apart", share, (0.5, 0.3), "%", hint)
    if isinstance(cover.get("shadow_share"), float):
        yield _most("ground in shadow", cover["shadow_share"], (0.25, 0.5), "%", "no cover is given there")
    deep = height.get("below_minus_one_pixel_share")
    if isinstance(deep, float):
        hint = "heights below minus one pixel: surface and terrain do not fit"
        yield _most("canopy far below ground", deep, (0.05, 0.2), "%", hint)


def _plots(facts: Mapping[str, Any], table: pd.DataFrame) -> Iterator[QualityGate]:
    levels = facts.get("match_levels") or {}
    total = sum(levels.values())
    if total:
        hint = "others may lie off by more than a fifth of their side: survey corners by RTK, lay out check points"
        yield _least("plots placed well enough", levels.get("own", 0) / total, (1.0, 0.5), "%", hint)
    drone = table[table["source"] == "drone"]
    if len(drone):
        measured = drone.groupby("plot_id")["value"].apply(lambda values: values.notna().all()).mean()
        yield _least("plots with every value", float(measured), (0.9, 0.5), "%", "the reasons stand in the plot table")
    hint = "cover outside 0 - 1, green above total cover, negative biomass, in drone and ground rows"
    yield _most("impossible values on plots", float(impossible_values(table)), (0, 0), "", hint)


def impossible_values(table: pd.DataFrame) -> int:
    """Rows of the plot table that can't be true, by themselves or beside another of the same plot."""
    cover = table[table["variable"].isin(("fvc_green", "fvc_total"))]
    outside = ((cover["value"] < 0) | (cover["value"] > 1)).sum()
    negative = (table[table["variable"].isin(("agb_dry", "agb_fresh"))]["value"] < 0).sum()
    usable = cover[cover["reason"].isna()]
    both = usable.pivot_table(index=["plot_id", "source"], columns="variable", values="value", aggfunc="mean")
    above = (both["fvc_green"] > both["fvc_total"] + 1e-6).sum() if both.shape[1] == 2 else 0
    return int(outside + negative + above)


def _pairs(facts: Mapping[str, Any]) -> Iterator[QualityGate]:
    for row in facts.get("match") or ():
        name = str(row["variable"]).replace("_", " ")
        hint = "with fewer the figures say little"
        yield _least(f"pairs of drone and ground: {name}", row["n"], (GROUND_PLOTS, 5), "", hint)
        if row.get("pi90_coverage") is not None and row["pi90_n"] >= GROUND_PLOTS:
            hint = "share of ground values inside the stated 90 % interval"
            yield _least(f"90 % interval of {name}", row["pi90_coverage"], (0.8, 0.7), "%", hint)


def _least(name: str, value: float, bounds: tuple[float, float], unit: str, means: str) -> QualityGate:
    """Good from the first bound up, failed below the second."""
    return QualityGate(gate=Gate.at_least(name, value, *bounds), unit=unit, at_least=True, means=means)


def _most(name: str, value: float, bounds: tuple[float, float], unit: str, means: str) -> QualityGate:
    """Good up to the first bound, failed beyond the second."""
    return QualityGate(gate=Gate.at_most(name, value, *bounds), unit=unit, at_least=False, means=means)
