"""What is handed over: bands of the flight's maps, and those beside them that speak of their quality."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uav_workflow.handover.land_cover import LandCoverMap
from uav_workflow.rasters.reader import Raster

TITLES = {
    "fvc_green": "Green vegetation cover",
    "fvc_total": "Total vegetation cover",
    "agb_dry": "Dry above-ground biomass",
}
_COVER_SD = {"fvc_green": "sd", "fvc_total": "sd_total"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightMaps:
    """The flight's maps, those there are.

    Attributes
    ----------
    cover, biomass : Path or None
        cover.tif, biomass.tif.
    cover_sd : Path or None
        Raster with a band ``sd``: what the reading of fvc_green leaves unsure, the same way all over the flight;
        ``sd_total`` is that of fvc_total, where the method tells it.
    biomass_site_share : float
        Part of the biomass model's error variance that all cells of a site share; NaN where it is not known.
    terrain : Path or None
        dtm.tif: slope and aspect of the cells.
    land_cover : LandCoverMap or None
        Somebody else's map of the land that was flown over.
    """

    cover: Path | None = None
    cover_sd: Path | None = None
    biomass: Path | None = None
    biomass_site_share: float = math.nan
    terrain: Path | None = None
    land_cover: LandCoverMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One band of a raster."""

    path: Path
    band: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A band to hand over.

    Attributes
    ----------
    sd : Layer or None
        Standard deviation of the model, pixel by pixel.
    shared : float
        Part of the model's error variance that does not average out within a cell, 0 - 1.
    shadow, flags : Layer or None
        0/1, and codes of which 0 is good.
    """

    name: str
    value: Layer
    sd: Layer | None = None
    shared: float = 1.0
    shadow: Layer | None = None
    flags: Layer | None = None

    @property
    def title(self) -> str:
        """For people."""
        return TITLES[self.name]


def variables_of(maps: FlightMaps) -> Iterator[Variable]:
    """Vegetation bands of the maps there are."""
    if maps.cover is not None:
        bands = _bands(maps.cover)
        shadow = Layer(path=maps.cover, band="shadow") if "shadow" in bands else None
        beside = maps.cover_sd
        sds = {band: Layer(path=beside, band=band) for band in _bands(beside)} if beside is not None else {}
        for name in [band for band in bands if band in TITLES]:
            sd = sds.get(_COVER_SD.get(name, ""))
            yield Variable(name=name, value=Layer(path=maps.cover, band=name), sd=sd, shadow=shadow)
    if maps.biomass is not None:
        bands = _bands(maps.biomass)
        # where no one knows how far a whole site lies off the model, nothing is averaged away
        shared = maps.biomass_site_share if math.isfinite(maps.biomass_site_share) else 1.0
        for name in [band for band in bands if band in TITLES]:
            roles = {role: Layer(path=maps.biomass, band=role) for role in ("sd", "flags") if role in bands}
            value = Layer(path=maps.biomass, band=name)
            yield Variable(name=name, value=value, sd=roles.get("sd"), shared=shared, flags=roles.get("flags"))


def _bands(path: Path) -> tuple[str, ...]:
    with Raster(path) as raster:
        return raster.bands
