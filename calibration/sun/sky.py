"""The sky over a flight, told from its data, and what is done about each kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from calibration.sun.daylight import CLEAR, COVERED
from calibration.sun.irradiance import LightFrom
from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, info

SkyKind = Literal["clear", "haze", "overcast", "broken", "unknown"]
SkyWish = Literal["auto", "clear", "haze", "overcast", "broken"]

STEADY, BROKEN = 0.05, 0.15
"""Variation of the light up to which it was steady, and beyond which clouds passed the sun whatever else is known."""
DIRECT, HAZY = 3.0, 1.0
"""Direct over diffuse light of a clear sky and up; below the second the sun was hidden."""

_LIGHT_FROM: dict[SkyKind, LightFrom] = {
    "clear": "sun",
    "haze": "both",
    "overcast": "sky",
    "broken": "both",
    "unknown": "sun",
}
_LEVELLING: dict[LightFrom, str] = {
    "sun": "sun-sensor readings are levelled by the sun's angle on the sensor",
    "both": "sun-sensor readings are levelled by the sun's angle on the sensor as far as the sun shone",
    "sky": "light came from everywhere, so sun-sensor readings are not levelled by the sun",
}
_LISTED: dict[LightFrom, str] = {
    "sun": "sun-sensor readings are levelled where that makes the lists in the pictures steadier",
    "both": "sun-sensor readings are levelled where that makes the lists in the pictures steadier",
    "sky": "light came from everywhere, so sun-sensor readings are not levelled",
}
SensorWay = Literal["levelled", "measures both", "as given", "listed", "none"]
"""What is done about a tilted sun sensor: levelled here; it measures direct and diffuse light and levels itself; its
maker's number stands; a list of readings tells whether levelling helps; there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyEvidence:
    """What is known of the light; NaN where it is not.

    Attributes
    ----------
    direct_to_diffuse : float
        Median measured by the sun sensor over the survey, median of the bands.
    clearness : float
        Median over survey and bands of irradiance over that above the air.
    variation : float
        Of the sun sensor over the flight, relative, the sun's height and the heading taken out; median of the bands.
    panel_drift : float
        Largest over smallest irradiance on the panel, the sun's height taken out, minus 1; median of the bands.
    overlap_variation : float
        Spread of the gains that the overlaps of the pictures ask for, relative, where they were looked at.
    """

    direct_to_diffuse: float = math.nan
    clearness: float = math.nan
    variation: float = math.nan
    panel_drift: float = math.nan
    overlap_variation: float = math.nan

    @property
    def change(self) -> float:
        """How much the light changed: the sun sensor's word, else the overlaps', else the panel's."""
        known = (value for value in (self.variation, self.overlap_variation, self.panel_drift) if math.isfinite(value))
        return next(known, math.nan)

    def to_json(self) -> dict[str, Json]:
        """Figures that are known."""
        names = ("direct_to_diffuse", "clearness", "variation", "panel_drift", "overlap_variation")
        figures = {name: float(getattr(self, name)) for name in names}
        return {name: round(value, 4) for name, value in figures.items() if math.isfinite(value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Kind of sky, the evidence, whether a person said so, and which sun sensor watched it."""

    kind: SkyKind
    evidence: SkyEvidence
    given: bool = False
    sensor: SensorWay = "levelled"

    @property
    def light_from(self) -> LightFrom:
        """How readings of a tilted sun sensor are levelled."""
        return _LIGHT_FROM[self.kind]

    @property
    def line(self) -> bool | None:
        """Whether the sun sensor is one straight line over sin(elevation); None: as each band's readings say."""
        if self.kind in {"broken", "overcast"}:
            return False  # the light of a cloud deck wanders, and the sensor follows it well: nothing tilts it
        return True if self.given and self.kind in {"clear", "haze"} else None

    @property
    def changing(self) -> bool:
        """Whether single pictures need gains of their own."""
        return self.kind == "broken" or self.evidence.change > STEADY

    @property
    def unwatched(self) -> bool:
        """No sun sensor followed the light and nobody said how it was: the overlaps alone can tell."""
        return not self.given and math.isnan(self.evidence.variation)

    def with_overlaps(self, variation: float) -> Sky:
        """The sky after the overlaps were looked at."""
        evidence = replace(self.evidence, overlap_variation=variation)
        return replace(self, evidence=evidence) if self.given else classify(evidence, sensor=self.sensor)

    @property
    def treatment(self) -> str:
        """What is done, in words."""
        if self.sensor == "none":
            return "no sun sensor watched: the light follows the panel's visits and the height of the sun"
        followed = "their line over the flight counts" if self.line else "they are followed picture by picture"
        if self.line is None:
            followed = "they count as a straight line where they ran along one, else picture by picture"
        levelled = {
            "levelled": _LEVELLING[self.light_from],
            "measures both": "the sun sensor measures direct and diffuse light and levels its readings by them",
            "as given": "readings of the sun sensor stand as its maker gives them, not levelled",
            "listed": _LISTED[self.light_from],
        }[self.sensor]
        return f"{levelled}; {followed}"

    def to_json(self) -> dict[str, Json]:
        """Kind, who says so, evidence and treatment."""
        return {
            "kind": self.kind,
            "told_by": "recipe" if self.given else "data",
            "evidence": self.evidence.to_json(),
            "light_from": self.light_from,
            "treatment": self.treatment,
        }

    def finding(self) -> Finding:
        """What was taken for the sky, why, and what follows."""
        said = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in self.evidence.to_json().items())
        source = "the recipe says so" if self.given else said or "no sun sensor, panel or overlap tells"
        besides = f"; measured: {said}" if self.given and said else ""
        name = "can't be told and is treated as clear" if self.kind == "unknown" else f"was {self.kind}"
        return info("sky", "flight", f"the sky {name} ({source}{besides}): {self.treatment}")


def classify(evidence: SkyEvidence, wish: SkyWish = "auto", *, sensor: SensorWay = "levelled") -> Sky:
    """Kind of sky by its evidence, or as a person wishes.

    Light that changed by more than `BROKEN` is a broken sky whatever else is known. Else direct over diffuse light
    decides where the sensor measures it (above 3 clear, 1 to 3 haze, below 1 overcast), the clearness where it does
    not; a sun that shone while the light changed by more than `STEADY` is a broken sky too.
    """
    if wish != "auto":
        return Sky(kind=wish, evidence=evidence, given=True, sensor=sensor)
    kind: SkyKind = "unknown"
    if math.isfinite(evidence.direct_to_diffuse):
        kind = _of(evidence.direct_to_diffuse, DIRECT, HAZY)
    elif math.isfinite(evidence.clearness):
        kind = _of(evidence.clearness, CLEAR, COVERED)
    if evidence.change > BROKEN or (evidence.change > STEADY and kind != "overcast"):
        kind = "broken"
    return Sky(kind=kind, evidence=evidence, sensor=sensor)


def _of(value: float, clear: float, covered: float) -> SkyKind:
    return "clear" if value > clear else "overcast" if value < covered else "haze"
