"""What the readings of a flight say of its sky."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from calibration.panels.search import PanelReading
from calibration.sensors.model import RadiometricModel
from calibration.sun.daylight import clearness
from calibration.sun.irradiance import sun_of
from calibration.sun.series import Moments, SunSeries, sun_series
from calibration.sun.sky import SensorWay, SkyEvidence
from uav_workflow.domain.flight import BandImage


def gather_evidence(
    survey: Mapping[str, Sequence[BandImage]],
    at_panel: Mapping[str, Sequence[BandImage]],
    readings: Sequence[PanelReading],
    model: RadiometricModel,
    *,
    use_sun_sensor: bool,
) -> tuple[SkyEvidence, SensorWay]:
    """Evidence of sun sensor and panels, and what the sun sensor is.

    Parameters
    ----------
    survey, at_panel : mapping
        Band name to its pictures of the survey, and of panels.
    """
    series = []
    if use_sun_sensor and model.irradiance.kind != "none":
        found = (_series(images, model) for images in survey.values())
        series = [one for one in found if one is not None]
    images = {image.name: image for pictures in at_panel.values() for image in pictures}
    panels = [reading for reading in readings if reading.albedo is not None]
    clear = [one.clearness for one in series]
    if not series and model.quantity == "si":
        clear = [
            clearness(reading.irradiance, images[reading.image].band.centre_nm, sun_of(images[reading.image]))
            for reading in panels
        ]
    evidence = SkyEvidence(
        direct_to_diffuse=_median(one.direct_to_diffuse for one in series),
        clearness=_median(clear),
        variation=_median(one.variation for one in series),
        panel_drift=_panel_drift(panels, images),
    )
    if not series:
        return evidence, "none"
    if model.irradiance.kind != "dls":
        return evidence, "listed" if model.irradiance.kind == "sunshine" else "as given"
    return evidence, "measures both" if math.isfinite(evidence.direct_to_diffuse) else "levelled"


def _series(images: Sequence[BandImage], model: RadiometricModel) -> SunSeries | None:
    return sun_series(images, Moments.of(images), model, survey=np.ones(len(images), bool))


def _panel_drift(panels: Sequence[PanelReading], images: Mapping[str, BandImage]) -> float:
    """Largest over smallest irradiance on the panel over sin(elevation), minus 1; median of the bands."""
    by_band: dict[str, list[float]] = defaultdict(list)
    for reading in panels:
        sun = sun_of(images[reading.image])
        if sun is not None:
            by_band[reading.band].append(reading.irradiance / math.sin(math.radians(sun.elevation_deg)))
    return _median(max(values) / min(values) - 1 for values in by_band.values() if len(values) > 1)


def _median(values: Iterable[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.median(finite)) if finite else math.nan
