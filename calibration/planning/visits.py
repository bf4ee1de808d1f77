"""Visits to the panel during a flight, and what they tie the light to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.panels.search import PanelReading
from calibration.sun.series import Moments, SunSeries
from uav_workflow.domain.flight import BandImage

FloatArray = NDArray[np.float64]
Visits = tuple[tuple[float, float], ...]
"""Seconds and factor of each visit to the panel."""

AMISS = 0.1
"""Logarithm by which the sun sensor's own readings beside the panel must mend the factors before they count there
instead of the line of a steady flight: the level at which a drift between visits fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Light as a factor of something known at every image.

    Attributes
    ----------
    base, factor : float64 (n,)
        Survey pictures first.
    visits : tuple of (seconds, factor)
    above : float64 (v,)
        What each visit saw of the panel over the sine of the sun's height.
    held_against : str
        ``line`` or ``reading`` of the sun sensor; empty without one.
    """

    base: FloatArray
    factor: FloatArray
    visits: Visits
    above: FloatArray
    held_against: str = ""

    @classmethod
    def to_nothing(cls, base: FloatArray) -> Tie:
        """No panel was visited."""
        return cls(base=base, factor=np.ones_like(base), visits=(), above=np.zeros(0))

    def amiss(self, *, in_si: bool) -> float:
        """How far the factors are from what a camera and a sun sensor can make, in natural logarithms.

        Two instruments in SI units agree at every visit; others need only keep their ratio from one to the next.
        """
        factors = np.log(np.maximum([factor for _, factor in self.visits], np.finfo(float).tiny))
        return float(np.abs(factors).max() if in_si else np.ptp(factors))


class PanelVisits:
    """Readings of the panel, grouped into visits.

    Parameters
    ----------
    readings : sequence of PanelReading
        Of one band; at least one.
    images : sequence of BandImage
        All pictures of the band; the first ``pictures`` are the survey's.
    """

    def __init__(
        self, readings: Sequence[PanelReading], images: Sequence[BandImage], pictures: int, moments: Moments
    ) -> None:
        place_of = {image.name: place for place, image in enumerate(images)}
        self._places = [place_of[reading.image] for reading in readings]
        self._light = np.array([reading.irradiance for reading in readings])
        self._moments = moments
        self._of_survey = np.arange(len(images)) < pictures
        self._groups = self._grouped(pictures)

    def tie(self, base: FloatArray) -> Tie:
        """The factor runs linearly in time between visits and stays constant outside."""
        at_panel = self._light / base[self._places]
        above = self._light / self._moments.scale[self._places]
        seconds = self._moments.seconds
        visits: Visits = ((math.nan, float(at_panel.mean())),)
        factor = np.full(len(seconds), at_panel.mean())
        if np.isfinite(seconds).all():
            times = seconds[self._places]
            visits = tuple((float(times[group].mean()), float(at_panel[group].mean())) for group in self._groups)
            factor = np.interp(seconds, *np.array(visits).T)
        return Tie(
            base=base, factor=factor, visits=visits, above=np.array([above[group].mean() for group in self._groups])
        )

    def tie_to(self, sensor: SunSeries, *, in_si: bool) -> Tie:
        """Panel over sun sensor; held against what the sensor read beside it where its line does not fit the panel.

        A cloud that passed while the panel was photographed is in the readings and not in the line of a steady survey;
        a sensor shaded by whoever held it is the other way about. The factors tell which it was.
        """
        tie = self.tie(sensor.irradiance)
        if sensor.treatment != "steady sky":
            return replace(tie, held_against="reading")
        read = self.tie(np.where(self._of_survey, sensor.irradiance, sensor.as_read))
        if read.amiss(in_si=in_si) + AMISS < tie.amiss(in_si=in_si):
            return replace(read, held_against="reading")
        return replace(tie, held_against="line")

    def _grouped(self, pictures: int) -> list[NDArray[np.intp]]:
        """Readings of each visit, visits in time order.

        Readings with no survey picture between them are one visit; so are all where times are unknown.
        """
        seconds = self._moments.seconds
        if not np.isfinite(seconds).all():
            return [np.arange(len(self._places))]
        flown = np.searchsorted(np.sort(seconds[:pictures]), seconds[self._places])
        return [np.flatnonzero(flown == number) for number in np.unique(flown)]
