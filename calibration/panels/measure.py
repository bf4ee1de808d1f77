"""Light of a panel: which of some places is the panel, and how bright and even it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.panels.region import Corners, inside
from calibration.pictures.response import BoolArray, FloatArray

_MIN_PIXELS = 100
"""Below this nothing is read; a gate warns long before."""
_MAX_CV = 0.15
"""A region less even than this is no panel."""
_BRIGHTNESS = (0.3, 1.5)
"""Panel over the white of its code: 0.5 - 0.7 over about 0.8."""
_TRIM = 0.05
_QUARTERS = ((False, False), (False, True), (True, False), (True, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What was measured in a region (see `PanelReading`)."""

    radiance: float
    cv: float
    gradient: float
    relative_error: float
    pixels: int
    saturated: float
    brightness: float


def white_of(light: FloatArray, code_corners: Corners) -> float | None:
    """Light of the white paper of a code, or None where it leaves the picture."""
    place = inside(code_corners, light.shape)
    if place is None:
        return None
    window, mask = place
    return float(np.percentile(light[window][mask], 90))


def evenest(
    light: FloatArray, invalid: BoolArray, filled: FloatArray, places: Sequence[Corners], white: float | None
) -> tuple[Corners, Region] | None:
    """The most even place that is as bright as a panel beside its code; none when no place will do.

    Parameters
    ----------
    filled : float32 (height, width)
        Share of the usable range, black to saturation, that each pixel fills.
    """
    best: tuple[Corners, Region] | None = None
    for corners in places:
        place = inside(corners, light.shape)
        if place is None:
            continue
        window, mask = place
        region = _measure(light[window], invalid[window], filled[window], mask)
        if region is None or (white is not None and not _like_a_panel(region, white)):
            continue
        if best is None or region.cv < best[1].cv:
            best = (corners, region)
    return best


def _like_a_panel(region: Region, white: float) -> bool:
    return _BRIGHTNESS[0] * white < region.radiance < _BRIGHTNESS[1] * white and region.cv < _MAX_CV


def _measure(light: FloatArray, invalid: BoolArray, filled: FloatArray, mask: BoolArray) -> Region | None:
    values = light[mask].astype(np.float64)
    if values.size < _MIN_PIXELS:
        return None
    low, high = np.quantile(values, (_TRIM, 1 - _TRIM))
    mean = float(values[(values >= low) & (values <= high)].mean())
    if mean <= 0:
        return None
    rows, columns = (axis - axis.mean() for axis in np.nonzero(mask))
    slopes = _plane(rows, columns, values)
    quarters = [values[((rows > 0) == below) & ((columns > 0) == right)].mean() for below, right in _QUARTERS]
    return Region(
        radiance=mean,
        cv=float(values.std() / mean),
        gradient=float((abs(slopes[0]) * np.ptp(rows) + abs(slopes[1]) * np.ptp(columns)) / mean),
        relative_error=float(np.std(quarters, ddof=1) / 2 / mean),
        pixels=values.size,
        saturated=float(invalid[mask].mean()),
        brightness=float(filled[mask].mean(dtype=np.float64)),
    )


def _plane(rows: NDArray[np.float64], columns: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Slopes of the least-squares plane; rows and columns are centred."""
    rr, cc, rc = rows @ rows, columns @ columns, rows @ columns
    rv, cv = rows @ values, columns @ values
    det = rr * cc - rc * rc
    return float((rv * cc - cv * rc) / det), float((cv * rr - rv * rc) / det)
