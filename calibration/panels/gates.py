"""Gates of panels: what was seen of them, and how well their visits agree."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.gates import Bounds, judge
from calibration.panels.search import PanelReading
from uav_workflow.domain.quality import Gate

_ORDINARY_CV = 0.015
"""Clean panels read 1.7 - 2.8 %; below this a band's evenness is nobody's concern."""
_FEWEST_BANDS = 3
_MISTAKES: Mapping[float, str] = {
    100.0: "a hundred times: its unit is uW cm-2 nm-1, or a scale tag is missing",
    0.01: "a hundredth: a scale to SI units was applied twice, or reflectance was given in per cent",
    math.pi: "pi times: one side is radiance, the other irradiance",
    1 / math.pi: "one over pi times: one side is radiance, the other irradiance",
}
_REAL_FACTORS = (0.79, 1.21)
"""Panel over sun sensor of one real camera's five bands."""


def panel_gates(band: str, readings: Sequence[PanelReading], limits: Mapping[str, Bounds]) -> list[Gate]:
    """Gates of one band's panel readings: the worst reading of each figure."""
    if not readings:
        return []
    small = min(readings, key=lambda reading: reading.pixels)
    strange = max(readings, key=lambda reading: abs(reading.brightness - 0.55))
    gates = [
        judge("panel-pixels", small.pixels, limits, about=band, where=small.image),
        judge("panel-brightness", strange.brightness, limits, about=band, where=strange.image),
    ]
    for name, figure in (("panel-cv", "cv"), ("panel-gradient", "gradient"), ("panel-saturated", "saturated")):
        worst = max(readings, key=lambda reading: getattr(reading, figure))
        gates.append(judge(name, getattr(worst, figure), limits, about=band, where=worst.image))
    return gates


def has_failed(reading: PanelReading, limits: Mapping[str, Bounds]) -> bool:
    """Whether a reading fails a gate of its own."""
    return any(gate.verdict == "fail" for gate in panel_gates(reading.band, [reading], limits))


def between_bands(readings: Sequence[PanelReading], limits: Mapping[str, Bounds]) -> list[Gate]:
    """How uneven a panel is in one band, over the median of all bands of that capture; the worst capture of each band.

    Dirt and tilt show in every band alike, the edge of a shadow or a reflection that one camera of a rig sees does not:
    the band falls out of the order of the others.
    """
    captures: dict[str, list[PanelReading]] = defaultdict(list)
    for reading in readings:
        captures[reading.capture_id].append(reading)
    worst: dict[str, tuple[float, str]] = {}
    for together in captures.values():
        if len(together) < _FEWEST_BANDS:
            continue
        usual = max(float(np.median([reading.cv for reading in together])), _ORDINARY_CV)
        for reading in together:
            ratio = reading.cv / usual
            if ratio > worst.get(reading.band, (-1.0, ""))[0]:
                worst[reading.band] = (ratio, reading.image)
    return [
        judge("panel-cv-between-bands", ratio, limits, about=band, where=where)
        for band, (ratio, where) in worst.items()
    ]


def visit_gates(
    band: str, factors: Sequence[float], light: NDArray[np.float64], limits: Mapping[str, Bounds], *, sensor: bool
) -> list[Gate]:
    """Drift between visits to the panel, of panel over sun sensor and of the panel's own light.

    Parameters
    ----------
    factors : sequence of float
        Panel over sun sensor at each visit.
    light : float64 (n,)
        Irradiance on the panel over the sine of the sun's elevation, a visit.
    sensor : bool
        Whether there is a sun sensor.
    """
    if len(light) < 2:
        return []
    gates = [judge("panel-irradiance-drift", _range(light), limits, about=band)]
    return [judge("panel-drift", _range(factors), limits, about=band), *gates] if sensor else gates


def factor_gate(band: str, factors: Sequence[float], limits: Mapping[str, Bounds]) -> Gate:
    """Panel over sun sensor, both in SI units: the visit farthest from 1."""
    return judge("panel-factor", max(factors, key=lambda factor: abs(math.log(factor))), limits, about=band)


def known_mistake(factors: Sequence[float]) -> str | None:
    """What a factor of panel over sun sensor that is no camera's own says of units, in words; None when nothing.

    Parameters
    ----------
    factors : sequence of float
        Of all bands: each camera's bands lie round the mistake as they lie round 1.
    """
    if not factors:
        return None
    middle = float(np.exp(np.mean(np.log(factors))))
    low, high = _REAL_FACTORS
    return next((words for wrong, words in _MISTAKES.items() if low < middle / wrong < high), None)


def _range(values: Sequence[float] | NDArray[np.float64]) -> float:
    return float(max(values) / min(values) - 1)
