"""Gates of the sun and of the sun sensor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from calibration.gates import Bounds, judge
from calibration.sun.daylight import hours_from_noon
from calibration.sun.irradiance import sun_at
from calibration.sun.series import SunSeries
from uav_workflow.domain.flight import Capture
from uav_workflow.domain.quality import Gate


def sun_gates(captures: Sequence[Capture], limits: Mapping[str, Bounds]) -> list[Gate]:
    """Lowest sun and largest distance from solar noon; none where time in UTC or place is unknown."""
    elevations, hours = {}, {}
    for image in (capture.primary for capture in captures):
        sun = sun_at(image)
        if sun is not None and image.position is not None:
            elevations[image.name] = sun.elevation_deg
            hours[image.name] = abs(hours_from_noon(sun, image.position.lat))
    if not elevations:
        return []
    low, late = min(elevations, key=lambda name: elevations[name]), max(hours, key=lambda name: hours[name])
    return [
        judge("sun-elevation", elevations[low], limits, where=low),
        judge("solar-noon", hours[late], limits, where=late),
    ]


def sensor_gates(band: str, series: SunSeries | None, limits: Mapping[str, Bounds]) -> list[Gate]:
    """Gates of one band's sun sensor; a figure nobody can measure has none."""
    if series is None:
        return []
    figures = {
        "sun-sensor-missing": series.missing,
        "sun-sensor-variation": series.variation,
        "sun-sensor-jump": series.jump,
        "sun-sensor-tilt": series.tilt_deg,
        "heading-bias": series.heading_bias,
    }
    places = {"sun-sensor-jump": series.jump_at}
    return [
        judge(name, value, limits, about=band, where=places.get(name, ""))
        for name, value in figures.items()
        if math.isfinite(value)
    ]


def direct_gate(direct_to_diffuse: float, limits: Mapping[str, Bounds]) -> list[Gate]:
    """Direct over diffuse light where the sun sensor measures it."""
    return [judge("direct-to-diffuse", direct_to_diffuse, limits)] if math.isfinite(direct_to_diffuse) else []
