"""Settings of the hand-over: cells, scenes."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from uav_workflow.recipe.section import Section, with_digest

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""What may stand in a file name."""


class Template(Section):
    """A raster whose pixels are cells to hand over on: Gaofen's, or any other satellite's."""

    name: Name
    """In file names and item ids, such as gf6-16m."""
    raster: Path
    raster_sha256: str | None = None
    """Its digest, filled in when the recipe is read."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_raster(cls, document: Any) -> Any:
        """Put the digest of the raster beside its path."""
        return with_digest(document, "raster", "", "name a raster in a CRS in metres")


class LandCover(Section):
    """A map of land cover that goes with the samples."""

    name: Annotated[str, Field(min_length=1)]
    """For people, with its year: ESA WorldCover 2021 v200."""
    raster: Path
    """One band of whole numbers, in any CRS."""
    raster_sha256: str | None = None
    """Its digest, filled in when the recipe is read."""
    classes: dict[int, str] = Field(default_factory=dict)
    """Code to what it means, such as 30: Grassland."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_raster(cls, document: Any) -> Any:
        """Put the digest of the map beside its path."""
        return with_digest(document, "raster", "", "name a raster of land-cover codes")


class Scene(Section):
    """A satellite scene the drone's bands are set beside; nothing is corrected by it."""

    name: Name
    raster: Path
    raster_sha256: str | None = None
    """Its digest, filled in when the recipe is read."""
    date: datetime.date
    scale: float = Field(default=1.0, gt=0)
    offset: float = 0.0
    """Reflectance is offset + scale x stored: 0.0001 and -0.1 for Sentinel-2 since 2022."""
    bands: dict[str, str] = Field(default_factory=dict)
    """Drone band to scene band (its description, or band1, band2 ...); bands of equal names when absent."""
    centres_nm: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    fwhm_nm: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Nominal, by scene band; they stand beside the drone's."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_raster(cls, document: Any) -> Any:
        """Put the digest of the scene beside its path."""
        return with_digest(document, "raster", "", "name the scene's raster")


class Handover(Section):
    """What the satellites' side receives."""

    grids_m: list[Annotated[float, Field(gt=0)]] = Field(default_factory=lambda: [10.0, 30.0])
    """Cells, metres: 30 means Landsat's grid (edges at half cells), others Sentinel-2's, in the flight's UTM zone."""
    grids: list[Literal["modis-250m", "modis-500m", "modis-1km"]] = Field(default_factory=list)
    """MODIS' sinusoidal cells: 231.66, 463.31 and 926.63 m, named as its products are."""
    templates: list[Template] = Field(default_factory=list)
    psf_fwhm: float | None = Field(default=None, gt=0, le=5)
    """Full width at half maximum of a Gaussian point spread, in cells (1.0 - 1.3 is Sentinel-2's at 10 m); cells are
    weighted by area when absent."""
    scenes: list[Scene] = Field(default_factory=list)
    land_cover: LandCover | None = None

    @model_validator(mode="after")
    def _some_cells(self) -> Handover:
        """Refuse a hand-over without cells."""
        if not (self.grids_m or self.grids or self.templates):
            raise ValueError("there is neither a grid nor a template")
        return self
