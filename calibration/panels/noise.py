"""The noise of a camera, measured on the one even surface of a flight: its calibration panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.panels.region import inside
from calibration.panels.search import PanelReading
from calibration.pictures.image_file import read_picture
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import BandImage

_FEWEST = 100


def noise_per_count(dn: NDArray[np.uint16], corners: Sequence[tuple[float, float]], black: float) -> float:
    """Variance of a digital number over its height above black, from the region of a panel; NaN where too small.

    Half the variance of differences between neighbours along rows (Immerkær, 1996, removes what is smooth in the same
    way), robustly, so that dust on the panel does not count. With photons counted it grows in proportion to the light.
    """
    place = inside(np.array(corners), (dn.shape[0], dn.shape[1]))
    if place is None:
        return math.nan
    window, mask = place
    values = dn[window].astype(np.float64)
    steps = np.diff(values, axis=1)[mask[:, 1:] & mask[:, :-1]]
    level = float(values[mask].mean()) - black
    if len(steps) < _FEWEST or level <= 0:
        return math.nan
    spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    if spread == 0:  # fewer steps than the median needs: coarse numbers
        spread = float(np.std(steps))
    return spread**2 / 2 / level


def band_noise(
    readings: Iterable[PanelReading], images: Iterable[BandImage], model: RadiometricModel
) -> dict[str, float]:
    """`noise_per_count` of every band that shows a panel, at gain 1: gain multiplies both signal and noise."""
    by_name = {image.name: image for image in images}
    found: dict[str, list[float]] = {}
    for reading in readings:
        image = by_name[reading.image]
        value = noise_per_count(read_picture(image.path).dn, reading.corners, model.black_of(image))
        if math.isfinite(value):
            found.setdefault(reading.band, []).append(value / model.gain_of(image))
    return {band: float(np.median(values)) for band, values in found.items()}
