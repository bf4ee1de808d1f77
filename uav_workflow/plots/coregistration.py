"""Plots and map held against each other by marks on the plots' corners, with the evidence."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.ground import Plot
from uav_workflow.domain.product import Json
from uav_workflow.plots.block_shift import BlockShift, NoShiftError, agree, most_agreeing
from uav_workflow.plots.corners import Corner, expected_corners
from uav_workflow.plots.mark_fit import LEAST_PIXELS, CornerMark, Sighting, find_marks, reach_pixels
from uav_workflow.rasters.reader import Raster

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float64]
Mode = Literal["off", "report", "apply"]

CHANCE = 0.02
"""Probability by chance below which more corners agree than places between them (Fisher's exact test)."""
LEAST_MEASURED = 0.75
"""Share of a window that must be measured."""
FIT_PIXELS = 0.5
"""How far from its block a corner without any survey error may be found, as one standard deviation, pixels."""
TABLE_FILE = "coregistration.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A corner, and what was seen about it.

    Attributes
    ----------
    measured : bool
        Whether the map has enough pixels there.
    sightings : tuple of (east, north)
        Found minus expected, metres, the best first.
    marks : tuple of Sighting
        The same in pixels of the window.
    """

    corner: Corner
    measured: bool
    sightings: tuple[tuple[float, float], ...] = ()
    marks: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coregistration:
    """What the corners say of plots and map.

    Attributes
    ----------
    searches : tuple of Search
        Of every corner.
    controls_seen, controls : int
        Places between corners that show something like a mark, and places looked at.
    shift : BlockShift or None
        None where the corners do not say.
    refusal : str
        Why there is no shift to apply; empty where there is one.
    """

    mark: CornerMark
    pixel_m: float
    searches: tuple[Search, ...]
    controls_seen: int
    controls: int
    shift: BlockShift | None
    refusal: str

    @property
    def looked_at(self) -> int:
        """Corners the map shows."""
        return sum(one.measured for one in self.searches)

    @property
    def seen(self) -> int:
        """Corners with something like a mark."""
        return sum(bool(one.sightings) for one in self.searches)

    @property
    def left_out(self) -> tuple[int, ...]:
        """Corners with a sighting that do not agree with the block, by index."""
        used = {corner for corner, _ in self.shift.used} if self.shift else set()
        return tuple(i for i, one in enumerate(self.searches) if one.sightings and i not in used)

    def moved(self, plots: Sequence[Plot], outlines: Sequence[BaseGeometry], crs: str) -> tuple[Plot, ...]:
        """Return the plots where the map shows them; refused shifts move nothing."""
        from shapely.affinity import translate

        if self.shift is None or self.refusal:
            return tuple(plots)
        shift = self.shift
        return tuple(
            plot if outline.is_empty else replace(plot, geometry=translate(outline, shift.east, shift.north), crs=crs)
            for plot, outline in zip(plots, outlines, strict=True)
        )

    def to_json(self) -> dict[str, Json]:
        """Facts of the manifest."""
        shift, turn = self.shift, self.shift.turn if self.shift else None
        radii = [one.corner.radius_m for one in self.searches]
        return {
            "mark": {"shape": self.mark.shape, "colour": self.mark.colour, "size_m": self.mark.size_m},
            "refused": self.refusal or None,
            "shift_x": shift.east if shift else None,
            "shift_y": shift.north if shift else None,
            "shift_x_se": shift.east_se if shift else None,
            "shift_y_se": shift.north_se if shift else None,
            "rms": shift.rms_m if shift else None,
            "n": len(shift.used) if shift else 0,
            "unit": "m",
            "pixel_m": self.pixel_m,
            "corners": len(self.searches),
            "corners_on_map": self.looked_at,
            "corners_with_mark": self.seen,
            "left_out": [_name(self.searches[i].corner) for i in self.left_out],
            "controls": self.controls,
            "controls_with_mark": self.controls_seen,
            "search_m": [min(radii), max(radii)] if radii else None,
            "turn_deg": turn.degrees if turn else None,
            "scale_ppm": turn.scale_ppm if turn else None,
            "turn_chance": turn.chance if turn else None,
        }

    def write_table(self, path: Path) -> None:
        """Write one row a corner: where it should lie, where it was found, and what is left."""
        used = dict(self.shift.used) if self.shift else {}
        left = {pair[0]: row for pair, row in zip(self.shift.used, self.shift.residuals, strict=True)} if used else {}  # type: ignore[union-attr]
        head = "plot_id,corner,x,y,search_m,found_x,found_y,explained,fit_sd_m,residual_x,residual_y,used,reason"
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(head.split(","))
            for i, one in enumerate(self.searches):
                corner, found = one.corner, ["", "", "", ""]
                if one.sightings:
                    at = used.get(i, 0)
                    (east, north), fit = one.sightings[at], one.marks[at]
                    numbers = (corner.x + east, corner.y + north, fit.explained, fit.sd * self.pixel_m)
                    found = [f"{number:.4f}" for number in numbers]
                rest = [f"{number:.4f}" for number in left[i]] if i in left else ["", ""]
                about = [f"{corner.x:.4f}", f"{corner.y:.4f}", f"{corner.radius_m:.4f}"]
                said = "" if i in used else self.reason(one)
                writer.writerow([corner.plot_id, corner.number, *about, *found, *rest, int(i in used), said])

    def reason(self, one: Search) -> str:
        """Why a corner was not used."""
        if not one.measured:
            return "not on the map"
        if not one.sightings:
            return "no mark"
        return "disagrees" if self.shift else "no shift"


def coregister(
    plots: Sequence[Plot], outlines: Sequence[BaseGeometry], mosaic: Path, mark: CornerMark, map_error_m: float | None
) -> Coregistration:
    """Look for the marks on a mosaic and for the shift they agree on.

    Parameters
    ----------
    outlines : sequence
        Of the plots, in the mosaic's CRS.
    mosaic : Path
        Bands named red, green, blue, those the mark's colour needs.
    map_error_m : float or None
        Horizontal RMSE of the map's check points.

    Raises
    ------
    RasterError
        The mosaic can't be read.
    """
    corners, controls = expected_corners(plots, outlines, mark, map_error_m)
    with Raster(mosaic) as raster:
        pixel, bands = raster.grid.pixel_m, tuple(b for b in ("red", "green", "blue") if b in raster.bands)
        refusal = _unfit(mark, pixel, bands)
        searches = [] if refusal else [_look(raster, bands, corner, mark) for corner in corners]
        between = [] if refusal else [_look(raster, bands, control, mark) for control in controls]
    shift = None
    if not refusal:
        shift, refusal = _verdict(searches, between, pixel)
    return Coregistration(
        mark=mark,
        pixel_m=pixel,
        searches=tuple(searches) or tuple(Search(corner=corner, measured=False) for corner in corners),
        controls_seen=sum(bool(one.sightings) for one in between),
        controls=sum(one.measured for one in between),
        shift=shift,
        refusal=refusal,
    )


def _unfit(mark: CornerMark, pixel_m: float, bands: Sequence[str]) -> str:
    """Why a mosaic can't show the mark; empty where it can."""
    if mark.contrast(np.zeros((len(bands), 1, 1), np.float32), bands) is None:
        return f"the map has no bands to see {mark.colour} by (it has {', '.join(bands) or 'none of red, green, blue'})"
    if mark.detail_m < LEAST_PIXELS * pixel_m:
        least = LEAST_PIXELS * pixel_m * mark.size_m / mark.detail_m
        sizes = f"a {mark.shape} of {100 * mark.size_m:.0f} cm is too small for pixels of {100 * pixel_m:.1f} cm"
        return f"{sizes}: at least {100 * least:.0f} cm"
    return ""


def window_of(grid: Grid, x: float, y: float, half: int) -> Block | None:
    """Odd window of pixels about the one that holds a place; None where it leaves the raster."""
    col, row = math.floor((x - grid.x_min) / grid.pixel_m), math.floor((grid.y_max - y) / grid.pixel_m)
    block = Block(row - half, col - half, 2 * half + 1, 2 * half + 1)
    inside = block.row >= 0 <= block.col and block.row + block.height <= grid.height
    return block if inside and block.col + block.width <= grid.width else None


def _look(raster: Raster, bands: tuple[str, ...], corner: Corner, mark: CornerMark) -> Search:
    """Everything like the mark about one place."""
    grid = raster.grid
    radius = corner.radius_m / grid.pixel_m
    block = window_of(grid, corner.x, corner.y, math.ceil(radius) + reach_pixels(mark, grid.pixel_m) + 1)
    if block is None:
        return Search(corner=corner, measured=False)
    contrast = mark.contrast(raster.read(block, bands), bands)
    assert contrast is not None
    known = np.isfinite(contrast)
    if known.mean() < LEAST_MEASURED:
        return Search(corner=corner, measured=False)
    filled = np.where(known, contrast, np.median(contrast[known]))
    marks = find_marks(filled, mark, corner.along, grid.pixel_m, radius + 1)
    place = grid.window(block)
    offsets = [
        (place.x_min + one.col * place.pixel_m - corner.x, place.y_max - one.row * place.pixel_m - corner.y)
        for one in marks
    ]
    near = [i for i, offset in enumerate(offsets) if math.hypot(*offset) <= corner.radius_m]
    return Search(
        corner=corner,
        measured=True,
        sightings=tuple(offsets[i] for i in near),
        marks=tuple(marks[i] for i in near),
    )


def _verdict(searches: Sequence[Search], between: Sequence[Search], pixel_m: float) -> tuple[BlockShift | None, str]:
    """The shift the corners agree on, and why it is not to be applied."""
    from scipy.stats import fisher_exact

    places = np.array([(one.corner.x, one.corner.y) for one in searches]).reshape(-1, 2)
    tolerance = np.array([3 * math.hypot(one.corner.sigma_m, FIT_PIXELS * pixel_m) for one in searches])
    offsets, false = ([np.array(one.sightings).reshape(-1, 2) for one in part] for part in (searches, between))
    try:
        shift = agree(places, offsets, tolerance)
    except NoShiftError as exc:
        return None, str(exc)
    used, looked = len(shift.used), sum(one.measured for one in searches)
    # the places between get the same liberty: the shift on which most of them agree
    alike, controls = most_agreeing(false, tolerance), sum(one.measured for one in between)
    table = [[used, looked - used], [alike, controls - alike]]
    if fisher_exact(table, alternative="greater").pvalue > CHANCE:
        there = f"{used} of {looked} corners agree on one shift"
        return None, f"{there}, and so do {alike} of {controls} places between them: no marks, or too much like them"
    if shift.turned(max(pixel_m / 2, shift.rms_m)):
        turn = shift.turn
        assert turn is not None
        how = f"turned by {turn.degrees:.3f} degrees and scaled by {turn.scale_ppm:.0f} ppm"
        at_edge = f"{100 * turn.reach_m:.1f} cm at its edge"
        return shift, f"the block is {how}, {at_edge}: a shift does not mend that, control points do"
    if not shift.is_real:
        return shift, "the shift is no more than its own error"
    return shift, ""


def _name(corner: Corner) -> str:
    return f"{corner.plot_id}:{corner.number}"
