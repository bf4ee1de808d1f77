"""What co-registration does to the plots of a flight, when the recipe asks for it, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, info, warning
from uav_workflow.plots.coregistration import TABLE_FILE, Coregistration, Mode, coregister
from uav_workflow.plots.corner_chips import draw_corners
from uav_workflow.plots.corners import UNKNOWN_MAP_M
from uav_workflow.plots.extraction import in_crs, zonal
from uav_workflow.plots.mark_fit import CornerMark

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Plots as they are read on the map.

    Attributes
    ----------
    flight : Flight
        Its plots are the surveyed ones, or the moved ones where the recipe says so and the corners agree.
    outlines : list of geometries
        Of its plots, in the map's CRS.
    error_m : float or None
        How far map and plots lie apart, horizontally, as far as it is known.
    """

    flight: Flight
    outlines: list[BaseGeometry]
    error_m: float | None
    facts: dict[str, Json]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentSettings:
    """Whether marks on corners are looked for, what they are, and what is done about them."""

    mode: Mode = "off"
    mark: CornerMark | None = None


def align(
    flight: Flight,
    mosaic: Path | None,
    crs: str,
    error_m: float | None,
    out: Path,
    *,
    settings: AlignmentSettings,
    compared: tuple[Path, str] | None = None,
) -> Alignment:
    """Look for marked corners where that is asked for; write ``coregistration.csv`` and pictures of every corner.

    Parameters
    ----------
    mosaic : Path or None
        On which the marks show.
    crs : str
        Of the maps.
    error_m : float or None
        Horizontal RMSE of the maps' check points.
    compared : (path, band), optional
        Map on which it is shown what the shift changes.
    """
    facts: dict[str, Json] = {"mode": "off"}
    outlines = in_crs(flight.plots, crs)
    if settings.mode == "off" or settings.mark is None:
        return Alignment(flight=flight, outlines=outlines, error_m=error_m, facts=facts)
    if mosaic is None:
        message = "plots are not brought onto the map: there is no mosaic to see marks on"
        said = (warning("plot-coregistration-refused", "reflectance", message),)
        facts = {"mode": settings.mode, "applied": False, "refused": message}
        return Alignment(flight=flight, outlines=outlines, error_m=error_m, facts=facts, findings=said)
    found = coregister(flight.plots, outlines, mosaic, settings.mark, error_m)
    found.write_table(out / TABLE_FILE)
    draw_corners(found, mosaic, out)
    moved = found.moved(flight.plots, outlines, crs)
    applied = settings.mode == "apply" and not found.refusal
    facts = {"mode": settings.mode, "applied": applied, **found.to_json()}
    if not found.refusal:
        facts["changes"] = _changes(flight, replace(flight, plots=moved), crs, compared)
    findings = tuple(_findings(found, settings.mode, _assumed(flight.plots, error_m)))
    if not applied or found.shift is None:
        return Alignment(flight=flight, outlines=outlines, error_m=error_m, facts=facts, findings=findings)
    shifted = replace(flight, plots=moved)
    # what is left between corners and map takes the place of what the check points say
    return Alignment(
        flight=shifted, outlines=in_crs(moved, crs), error_m=found.shift.rms_m, facts=facts, findings=findings
    )


def _changes(before: Flight, after: Flight, crs: str, compared: tuple[Path, str] | None) -> dict[str, Json]:
    """Ground that is exchanged, as a share of the plots, and what that does to a variable."""
    pairs = zip(in_crs(before.plots, crs), in_crs(after.plots, crs), strict=True)
    shares = [1 - old.intersection(new).area / old.area for old, new in pairs if old.area > 0]
    changes: dict[str, Json] = {"ground_exchanged_mean": float(np.mean(shares)) if shares else None}
    if compared is None:
        return changes
    path, band = compared
    old, new = (
        np.array([zone.mean for zone in zonal(one.plots, path, (band,), statistics=("n_pixels", "mean"))])
        for one in (before, after)
    )
    off = np.abs(new - old)[np.isfinite(new - old)]
    if off.size:
        changes |= {"band": band, "plots": int(off.size), "mean_abs": float(off.mean()), "max_abs": float(off.max())}
    return changes


def _assumed(plots: Sequence[Plot], error_m: float | None) -> str:
    """What is not known and was taken for something."""
    said = [] if error_m is not None else [f"{100 * UNKNOWN_MAP_M:.0f} cm for the map's own error, which is not known"]
    unsure = sum(plot.sigma_h_m is None for plot in plots)
    if unsure:
        said.append(f"what is usual for their fix for {unsure} plots that state no position error")
    return f" (taken: {'; '.join(said)})" if said else ""


def _findings(found: Coregistration, mode: Mode, assumed: str) -> Iterator[Finding]:
    where = TABLE_FILE
    radii = [one.corner.radius_m for one in found.searches]
    sought = f"looked for within {100 * max(radii):.0f} cm{assumed}; " if radii else ""
    if found.shift is None or found.refusal:
        message = f"plots are not brought onto the map: {found.refusal}"
        hint = f"{sought}see {where} and coregistration_1.png"
        yield warning("plot-coregistration-refused", where, message, hint)
        return
    shift = found.shift
    text = (
        f"{len(shift.used)} of {found.looked_at} marked corners show the plots {100 * shift.east:+.1f} cm east and "
        f"{100 * shift.north:+.1f} cm north of the survey (standard errors {100 * shift.east_se:.1f} and "
        f"{100 * shift.north_se:.1f} cm, {100 * shift.rms_m:.1f} cm RMS left)"
    )
    if found.left_out:
        text += f"; {len(found.left_out)} left out as they disagree"
    if mode == "apply":
        yield info("plots-moved", where, f"{text}: the plots were moved there", f"{sought}see coregistration_1.png")
    else:
        hint = f"{sought}see coregistration_1.png; plots.coregistration=apply moves them"
        yield info("plot-coregistration", where, f"{text}: the plots were not moved", hint)
