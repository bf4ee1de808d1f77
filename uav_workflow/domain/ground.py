"""What was set out and measured on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

VARIABLES: dict[str, str] = {
    "fvc_green": "1",
    "fvc_total": "1",
    "height_mean": "m",
    "height_p95": "m",
    "agb_fresh": "g/m2",
    "agb_dry": "g/m2",
    "lai": "1",
    "species_richness": "1",
    "species_cover": "1",
    "phenophase": "",
}
"""House unit (UCUM) of every variable a ground observation may have; text variables have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMark:
    """Where a ground point shows in a photo: pixels, centre of the first pixel at (0.5, 0.5)."""

    image: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundControlPoint:
    """A surveyed point. A check point (`is_check`) is never used to adjust, only to measure the result."""

    name: str
    crs: str
    x: float
    y: float
    z: float
    marks: tuple[ImageMark, ...]
    is_check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTarget:
    """A ground target of known reflectance in one band."""

    target_id: str
    geometry: BaseGeometry
    crs: str
    band: str
    reflectance: float
    sd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A ground plot: a polygon in `crs` with the uncertainty of its position."""

    plot_id: str
    geometry: BaseGeometry
    crs: str
    site_id: str | None = None
    parent_plot_id: str | None = None
    shape: str = "polygon"
    sigma_h_m: float | None = None
    sigma_v_m: float | None = None
    fix_type: str | None = None
    vegetation_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundObservation:
    """One value measured on one plot.

    Attributes
    ----------
    value : float or None
        In the variable's house unit (`VARIABLES`); None for text variables.
    text : str or None
        Value of a text variable (phenophase), else None.
    raw_value, raw_unit : str
        As written in the file.
    """

    plot_id: str
    variable: str
    date: date | None
    value: float | None
    unit: str
    raw_value: str
    raw_unit: str
    text: str | None = None
    area_m2: float | None = None
    method: str | None = None
    operator: str | None = None
