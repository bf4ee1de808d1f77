"""Ground targets as a mosaic shows them: the pixels well inside each, band by band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.bands import band_key
from calibration.mosaic.empirical_line import TargetReading
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.ground import ReferenceTarget
from uav_workflow.findings import Finding, warning

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Values = NDArray[np.float32]
BlockReader = Callable[[Block], tuple[Values, NDArray[np.bool_]]]
"""Linear values (bands, rows, columns), NaN where nothing was measured, and which of them are saturated."""

_INSET_PX, _INSET_SHARE = 2.0, 0.2
"""A target is drawn in by two pixels, or by a fifth of its width where that is more: no mixed pixel counts, and the
mosaic may lie somewhat off."""
_FEWEST = 9
_TRIM = 0.05
_UNEVEN, _NOISE = 0.10, 0.004
"""Standard deviation over mean from which a place is no target: it lies beside the target, or in part under something;
dark ones may have the noise of an eight-bit step on top."""
_SATURATED = 0.001
_USUAL_RELATIVE_SD = 0.05
"""Of a target whose uncertainty nobody states, as for panels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsSeen:
    """Readings by band, and what there is to say of targets that gave none."""

    readings: dict[str, tuple[TargetReading, ...]]
    findings: tuple[Finding, ...]


def read_targets(
    targets: Sequence[ReferenceTarget], grid: Grid, bands: Sequence[str], read: BlockReader
) -> TargetsSeen:
    """Read every target in every band it has a reflectance for.

    A target is left out, and said, where it lies outside the mosaic, is too small, has holes or saturated pixels, or
    is so uneven that something else must lie there.

    Parameters
    ----------
    targets : sequence of ReferenceTarget
        Any CRS; bands by house name.
    grid : Grid
        Of the mosaic.
    bands : sequence of str
        Of the mosaic, by house name, in the order of ``read``.
    read : callable
        Values of a block.
    """
    found: dict[str, list[TargetReading]] = {band: [] for band in bands}
    findings: list[Finding] = []
    places: dict[str, tuple[Values, NDArray[np.bool_]] | str] = {}
    for target in targets:
        if target.target_id not in places:
            places[target.target_id] = _pixels(target, grid, read)
        place = places[target.target_id]
        band = band_key(target.band)
        if band not in found:
            continue
        index = list(bands).index(band)
        answer = place if isinstance(place, str) else _reading(target, place[0][index], place[1][index])
        if isinstance(answer, TargetReading):
            found[band].append(answer)
        else:
            where = f"{target.target_id} [{band}]"
            hint = "see that the table's coordinates fit the mosaic (control points or geo.txt bring it in place)"
            findings.append(warning("target-not-used", where, f"the target is not used: {answer}", hint))
    return TargetsSeen(readings={band: tuple(rows) for band, rows in found.items()}, findings=tuple(findings))


def _pixels(target: ReferenceTarget, grid: Grid, read: BlockReader) -> tuple[Values, NDArray[np.bool_]] | str:
    """Values (bands, n) well inside a target and which of them are saturated; or why there are none."""
    from rasterio.features import geometry_mask

    from uav_workflow.flights.crs import reproject

    shape: BaseGeometry = reproject(target.geometry, target.crs, grid.crs)
    inner = shape.buffer(-max(_INSET_PX * grid.pixel_m, _INSET_SHARE * shape.area**0.5))
    block = None if inner.is_empty else _around(inner, grid)
    if inner.is_empty:
        return f"it is smaller than {2 * _INSET_PX + 1:g} pixels"
    if block is None:
        return "it lies outside the mosaic"
    window = grid.window(block)
    inside = geometry_mask([inner], window.shape, window.transform, invert=True)
    values, saturated = read(block)
    chosen, full = values[:, inside], saturated[:, inside]
    if inside.sum() < _FEWEST:
        return f"{int(inside.sum())} pixels lie well inside it, {_FEWEST} are needed"
    if not (np.isfinite(chosen) | full).all():
        return "the mosaic has a hole there"
    return chosen, full


def _around(shape: BaseGeometry, grid: Grid) -> Block | None:
    """Block of the grid that holds a shape; None where any of it lies outside."""
    x_min, y_min, x_max, y_max = shape.bounds
    col, row = int((x_min - grid.x_min) // grid.pixel_m), int((grid.y_max - y_max) // grid.pixel_m)
    end_col, end_row = int((x_max - grid.x_min) // grid.pixel_m) + 1, int((grid.y_max - y_min) // grid.pixel_m) + 1
    if col < 0 or row < 0 or end_col > grid.width or end_row > grid.height:
        return None
    return Block(row, col, end_row - row, end_col - col)


def _reading(target: ReferenceTarget, values: Values, saturated: NDArray[np.bool_]) -> TargetReading | str:
    share = float(saturated.mean())
    if share > _SATURATED:
        return f"{share:.1%} of its pixels are saturated"
    pixels = values[np.isfinite(values)].astype(np.float64)
    low, high = np.quantile(pixels, (_TRIM, 1 - _TRIM))
    mean = float(pixels[(pixels >= low) & (pixels <= high)].mean())
    cv = float(pixels.std() / mean) if mean > 0 else float("inf")
    if mean <= 0 or pixels.std() > _UNEVEN * mean + _NOISE:
        return f"its pixels vary by {cv:.0%} of {mean:.3f}, something else lies there"
    parts = [float(part.mean()) for part in np.array_split(pixels, 4)]
    return TargetReading(
        target_id=target.target_id,
        band=band_key(target.band),
        signal=mean,
        # four strips stand for the place's own unevenness: pixels beside each other are not independent
        signal_sd=float(np.std(parts, ddof=1) / 2),
        reflectance=target.reflectance,
        sd=target.sd if target.sd else _USUAL_RELATIVE_SD * target.reflectance,
        pixels=len(pixels),
        cv=cv,
    )
