"""Gates of what the pictures became: saturation, darkness, impossible reflectance, vegetation that looks like it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.gates import Bounds, judge
from calibration.pictures.panchromatic import is_panchromatic
from calibration.pictures.response import FloatArray
from calibration.planning.factors import BandIllumination
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.quality import Gate

_SENSIBLE = (-0.02, 1.2)
_CELLS = (12, 16)
_DENSE = 95
"""Percentile of NDVI over all cells of all captures that stands for dense vegetation."""
_RED_NM, _NIR_NM = (630.0, 690.0), (770.0, 900.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedPicture:
    """What one picture became.

    Attributes
    ----------
    mean : float
        Of the calibrated values, before they are clipped.
    saturated, dark, out_of_range : float
        Shares of the pixels: saturated or defective; not told from black; outside -0.02 - 1.2, or of temperatures
        outside what ground can have.
    coarse : float32 (12, 16) or None
        Means of a picture's cells.
    span : (float, float) or None
        Lowest and highest temperature, degrees Celsius, of a thermal picture.
    """

    image: BandImage
    mean: float
    saturated: float = 0.0
    dark: float = 0.0
    out_of_range: float = 0.0
    coarse: FloatArray | None = None
    span: tuple[float, float] | None = None

    @classmethod
    def of(cls, image: BandImage, values: FloatArray, saturated: float, dark: float) -> CalibratedPicture:
        """Figures of the calibrated values of a picture."""
        import cv2

        sample = values[::3, ::3]  # an odd step meets every column and row parity of the sensor's read-out
        outside = np.count_nonzero(sample < _SENSIBLE[0]) + np.count_nonzero(sample > _SENSIBLE[1])
        return cls(
            image=image,
            mean=float(sample.mean(dtype=np.float64)),
            saturated=saturated,
            dark=dark,
            out_of_range=outside / sample.size,
            coarse=np.asarray(cv2.resize(sample, _CELLS[::-1], interpolation=cv2.INTER_AREA), np.float32),
        )


def picture_gates(
    rows: Sequence[CalibratedPicture],
    light: Mapping[str, BandIllumination],
    captures: Sequence[Capture],
    limits: Mapping[str, Bounds],
) -> list[Gate]:
    """Gates of all pictures: the worst tenth of a band's pictures for exposure, all of them for impossible values."""
    gates = []
    for band in light:
        of_band = [row for row in rows if row.image.band.name == band]
        if not of_band:
            continue
        for name, figure in (("saturated", "saturated"), ("under-exposed", "dark")):
            shares = [getattr(row, figure) for row in of_band]
            worst = of_band[int(np.argmax(shares))].image.name
            gates.append(judge(name, float(np.percentile(shares, 90)), limits, about=band, where=worst))
        if not light[band].relative:
            outside = [row.out_of_range for row in of_band]
            worst = of_band[int(np.argmax(outside))].image.name
            gates.append(judge("out-of-range", float(np.mean(outside)), limits, about=band, where=worst))
    greenest = dense_ndvi(rows, light, captures)
    return gates if math.isnan(greenest) else [*gates, judge("dense-vegetation-ndvi", greenest, limits)]


def dense_ndvi(
    rows: Sequence[CalibratedPicture], light: Mapping[str, BandIllumination], captures: Sequence[Capture]
) -> float:
    """NDVI of the greenest twentieth of the ground; NaN without reflectance in red and near infrared.

    On cells a sixteenth of a picture wide, on which the bands of a rig lie over one another well enough.
    """
    coarse = {row.image.name: row.coarse for row in rows if row.coarse is not None}
    found = []
    for capture in captures:
        red, nir = (_band_in(capture, span, light) for span in (_RED_NM, _NIR_NM))
        if red is None or nir is None or red.name not in coarse or nir.name not in coarse:
            continue
        low, high = coarse[red.name], coarse[nir.name]
        total = high + low
        lit = total > 0
        found.append(((high - low)[lit] / total[lit]).ravel())
    cells = np.concatenate(found) if found else np.empty(0)
    return float(np.percentile(cells, _DENSE)) if cells.size else math.nan


def _band_in(capture: Capture, span: tuple[float, float], light: Mapping[str, BandIllumination]) -> BandImage | None:
    within = (
        image
        for image in capture.images
        if image.band.centre_nm is not None
        and span[0] <= image.band.centre_nm <= span[1]
        and not is_panchromatic(image)
        and image.band.name in light
        and not light[image.band.name].relative
    )
    return next(within, None)
