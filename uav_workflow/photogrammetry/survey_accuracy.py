"""How far the block lies from the survey, in figures and in the words of the ASPRS standard of 2023."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json
from uav_workflow.domain.reconstruction import FloatArray

STANDARD = "ASPRS Positional Accuracy Standards for Digital Geospatial Data, Edition 2 (2023)"
LEAST_CHECK_POINTS = 30
"""Check points the standard asks for before compliance may be stated."""

BIAS_SHARE = 0.25
"""Share of the RMSE beyond which the standard wants a mean error looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Statistics of found minus surveyed over some points, metres.

    Attributes
    ----------
    n : int
        Points with an intersection; `missed` are without.
    mean, rmse, largest : (3,) float array
        East, north, up; the largest by absolute value, signed.
    rmse_h : float
        Root of the sum of the squared east and north RMSE.
    """

    n: int
    missed: tuple[str, ...]
    mean: FloatArray
    rmse: FloatArray
    largest: FloatArray

    @property
    def rmse_h(self) -> float:
        """Horizontal RMSE, metres."""
        return float(math.hypot(self.rmse[0], self.rmse[1]))

    @property
    def rmse_z(self) -> float:
        """Vertical RMSE, metres."""
        return float(self.rmse[2])

    def to_json(self) -> dict[str, Json]:
        """Facts for a manifest; empty statistics when no point was found."""
        document: dict[str, Json] = {"n": self.n, "without_position": list(self.missed)}
        if not self.n:
            return document
        for name, values in (("rmse", self.rmse), ("mean", self.mean), ("largest", self.largest)):
            document |= {f"{name}_{axis}_m": float(value) for axis, value in zip("xyz", values, strict=True)}
        return document | {"rmse_h_m": self.rmse_h}

    @property
    def biased_axes(self) -> tuple[str, ...]:
        """Axes whose mean is more than a quarter of the RMSE, and no chance (Student's t, 99 %)."""
        if self.n < 4:
            return ()
        from scipy.stats import t as student

        sure = float(student.ppf(0.995, self.n - 1))
        spread = np.sqrt(np.maximum(self.rmse**2 - self.mean**2, 0) / (self.n - 1))
        off = (np.abs(self.mean) > BIAS_SHARE * self.rmse) & (np.abs(self.mean) > sure * spread)
        return tuple(axis for axis, is_off in zip(("east", "north", "up"), off, strict=True) if is_off)


def accuracy_of(names: Sequence[str], differences: NDArray[np.float64]) -> Accuracy:
    """Statistics over points.

    Parameters
    ----------
    names : sequence of str
        Of the points, n.
    differences : (n, 3) float array
        Found minus surveyed, metres; a row with a NaN is a point without a position.
    """
    rows = np.asarray(differences, float).reshape(-1, 3)
    known = np.isfinite(rows).all(axis=1)
    found = rows[known]
    nothing = np.full(3, np.nan)
    return Accuracy(
        n=len(found),
        missed=tuple(name for name, is_known in zip(names, known, strict=True) if not is_known),
        mean=found.mean(axis=0) if len(found) else nothing,
        rmse=np.sqrt((found**2).mean(axis=0)) if len(found) else nothing,
        largest=found[np.abs(found).argmax(axis=0), np.arange(3)] if len(found) else nothing,
    )


def check_statement(accuracy: Accuracy, what: Literal["horizontal", "vertical"]) -> str:
    """One sentence on check points: RMSE, its class, n, and whether the standard may be invoked.

    Classes are whole centimetres, the RMSE rounded up. Errors of the survey itself are not in the RMSE: gcp_list.txt
    does not tell them.
    """
    symbol, value = ("RMSE_H", accuracy.rmse_h) if what == "horizontal" else ("RMSE_V", accuracy.rmse_z)
    if not accuracy.n:
        return f"{what.capitalize()}: no check point was seen in two placed photos; accuracy is unknown."
    grade = max(1, math.ceil(round(value * 100, 6)))
    points = "1 check point" if accuracy.n == 1 else f"{accuracy.n} check points"
    measured = f"{what.capitalize()}: {symbol} = {value * 100:.1f} cm from {points}"
    if accuracy.n < LEAST_CHECK_POINTS:
        return (
            f"{measured}, which would fall in the {grade}-cm {symbol} class; fewer than {LEAST_CHECK_POINTS} check "
            f"points: no statement of compliance with the {STANDARD}."
        )
    return f"{measured}: tested to the {grade}-cm {symbol} class of the {STANDARD}."


def control_statement(accuracy: Accuracy) -> str:
    """One sentence on control points."""
    if not accuracy.n:
        return "No control point was seen in two placed photos."
    points = "1 control point" if accuracy.n == 1 else f"{accuracy.n} control points"
    return (
        f"{points} fit to {accuracy.rmse_h * 100:.1f} cm (horizontal) and {accuracy.rmse_z * 100:.1f} cm (vertical); "
        "the block was adjusted to them, so this is no independent accuracy."
    )
