"""Whether Parrot's sunshine sensor can be levelled by the attitude it states: asked of the flight's own readings.

The camera says how the sensor was turned, but neither how much of the light came from the sun nor, on a drone other
than the maker's own, how the sensor sits on it. The list in a picture holds some twenty readings of a few seconds, in
which the light hardly changes and the drone rocks: levelling that is right makes them steadier. Where it does not,
readings stand as they were taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.sun.sunshine import SunshineRecords
from calibration.sun.tilt import GRAZING, sensor_normal, sun_vector
from uav_workflow.domain.product import Json
from uav_workflow.sun import SunPosition

FloatArray = NDArray[np.float64]

_BEAMS = np.linspace(0.0, 0.95, 20)
_FEWEST_LISTS, _FEWEST_RECORDS = 4, 6
_STEADIER = 0.8
"""Levelling is believed where it leaves less than this of the scatter, in lists that did not choose it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levelling:
    """How readings of one band over a flight are levelled.

    Attributes
    ----------
    beam : float
        Share of the sun in the light on a horizontal plane; 0 leaves readings as they were taken.
    as_read, levelled : float
        Relative scatter of the readings inside lists, a straight line in time taken out: as they were taken, and
        levelled with a share that other lists chose. NaN where it could not be asked.
    lists : int
        How many were asked.
    """

    beam: float = 0.0
    as_read: float = math.nan
    levelled: float = math.nan
    lists: int = 0

    def of(self, records: SunshineRecords, sun: SunPosition | None) -> FloatArray:
        """Irradiance of the records on a horizontal plane, (n,); NaN where the sun stands all but beside the sensor."""
        if self.beam == 0 or sun is None:
            return records.irradiance
        cosines = sun_cosines(records, sun)
        level = records.irradiance / seen_share(np.array([self.beam]), cosines, sun)[0]
        return np.where(cosines < GRAZING, math.nan, level)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON; figures that were not measured are None."""
        scatter = {"scatter_as_read": self.as_read, "scatter_levelled": self.levelled}
        return {
            "beam_share": self.beam,
            "lists": self.lists,
            **{name: round(value, 5) if math.isfinite(value) else None for name, value in scatter.items()},
        }


AS_READ = Levelling()


def sun_cosines(records: SunshineRecords, sun: SunPosition) -> FloatArray:
    """Cosine of the sun's angle on the sensor at each record, (n,)."""
    turned = np.radians(records.attitude_deg.astype(np.float64))
    return np.array([sensor_normal(*angles) @ sun_vector(sun) for angles in turned])


def seen_share(beams: FloatArray, cosines: FloatArray, sun: SunPosition) -> FloatArray:
    """What a tilted sensor reads over what a level one would, (shares of the sun, records).

    Of the light E on a horizontal plane, b E is the sun's: b E / sin(elevation) across its rays, of which the sensor
    sees the cosine of their angle, and nothing from behind. The rest comes from everywhere.
    """
    sees = np.maximum(cosines, 0.0) / math.sin(math.radians(sun.elevation_deg))
    share: FloatArray = 1 - beams[:, None] + beams[:, None] * sees
    return share


def fit_levelling(lists: Sequence[tuple[SunshineRecords, SunPosition | None]]) -> Levelling:
    """Share of the sun that makes the readings of a flight steadiest; `AS_READ` where none does.

    Every second list chooses for the others, and what it gains is counted in those alone: a frame or a share that is
    wrong scatters them more.

    Parameters
    ----------
    lists : sequence of (records, sun)
        Of one band, one a picture, in time order.
    """
    squares, freedoms = _squares(lists)
    if len(squares) < _FEWEST_LISTS:
        return AS_READ
    folds = np.arange(len(squares)) % 2
    chosen = [int(squares[folds != fold].sum(axis=0).argmin()) for fold in (0, 1)]
    judged = sum(squares[folds == fold, chosen[fold]].sum() for fold in (0, 1))
    as_read, levelled = (math.sqrt(total / freedoms.sum()) for total in (squares[:, 0].sum(), judged))
    best = float(_BEAMS[squares.sum(axis=0).argmin()])
    return Levelling(
        beam=best if levelled < _STEADIER * as_read else 0.0, as_read=as_read, levelled=levelled, lists=len(squares)
    )


def _squares(lists: Sequence[tuple[SunshineRecords, SunPosition | None]]) -> tuple[FloatArray, NDArray[np.intp]]:
    """Squares about a straight line of each list's log readings for every share of the sun, and their freedoms."""
    squares, freedoms = [], []
    for records, sun in lists:
        away = records.seconds - records.seconds.mean()
        if sun is None or len(away) < _FEWEST_RECORDS or not away.any() or not (records.irradiance > 0).all():
            continue
        level = np.log(records.irradiance / seen_share(_BEAMS, sun_cosines(records, sun), sun))
        level -= level.mean(axis=1, keepdims=True)
        level -= np.outer(level @ away / (away @ away), away)
        squares.append(np.sum(level**2, axis=1))
        freedoms.append(len(away) - 2)
    return np.array(squares).reshape(-1, len(_BEAMS)), np.array(freedoms, dtype=np.intp)
