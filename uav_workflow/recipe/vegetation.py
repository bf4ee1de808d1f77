"""Settings of what is derived from the mosaic: indices, cover, height, plots, biomass."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from uav_workflow.recipe.section import Section, Share, with_digest


class Indices(Section):
    """Vegetation indices, by spyndex's names; the sensor's default set when absent."""

    names: list[str] | None = None


class GivenEndMembers(Section):
    """Index of pure green and of pure ground as you measured them; see docs/cover.md for the index a method mixes."""

    green: float
    other: float
    green_sd: float = Field(ge=0)
    other_sd: float = Field(ge=0)
    origin: str
    """Where they are from, in words; it goes with the product."""

    @model_validator(mode="after")
    def _apart(self) -> GivenEndMembers:
        """Refuse end members that are one."""
        if self.green == self.other:
            raise ValueError("green and other are equal: nothing lies between them")
        return self


class Cover(Section):
    """Vegetation cover; docs/cover.md says which method when."""

    method: Literal[
        "auto",
        "a_star_otsu",
        "ndvi_otsu",
        "gli_otsu",
        "a_star_hagfvc",
        "exgr",
        "a_star_dimidiate",
        "ndvi_dimidiate",
        "forest",
    ] = "auto"
    """``auto`` takes a* where blue, green and red exist, else NDVI."""
    pixels: Literal["auto", "pure", "mixed"] = "auto"
    """A pixel is green or not, or a mixture; ``auto``: by how many lie between the pure classes."""
    end_members: Literal["interior", "percentiles"] | GivenEndMembers = "interior"
    """Of mixtures: pixels amid their own class, 2 and 98 % of the histogram, or given."""
    threshold: float | None = None
    """Borrowed threshold in the index of `method`, which must be named then."""
    threshold_from: str | None = None
    """The flight the threshold is from: same camera, same light."""
    training: Path | None = None
    """Polygons or points with a column ``class`` (green, senescent, soil, shadow) for ``forest``."""
    training_sha256: str | None = None
    """Its digest, filled in when the recipe is read."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_training(cls, document: Any) -> Any:
        """Put the digest of the training shapes beside their path."""
        return with_digest(document, "training", "", "name a file of polygons or points with a column 'class'")

    @model_validator(mode="after")
    def _whole(self) -> Cover:
        """Refuse half an instruction."""
        if (self.threshold is None) != (self.threshold_from is None):
            raise ValueError("threshold and threshold_from belong together: say which flight it is from")
        if self.threshold is not None and self.method in ("auto", "forest"):
            raise ValueError("a borrowed threshold needs the method whose index it cuts, such as method=a_star_otsu")
        if isinstance(self.end_members, GivenEndMembers) and self.method in ("auto", "forest"):
            raise ValueError("given end members need the method whose index they are in, such as method=ndvi_dimidiate")
        if self.method == "forest" and self.training is None:
            raise ValueError("method=forest needs training: a file of polygons or points with a column 'class'")
        return self


class CanopyHeight(Section):
    """Canopy height: surface above terrain."""

    terrain: Path | None = None
    """Terrain model to stand on (leaf-off flight, laser scan, survey) in place of this flight's own; it is brought onto
    the flight's open ground first, and the shift is said."""
    terrain_sha256: str | None = None
    """Its digest, filled in when the recipe is read."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_terrain(cls, document: Any) -> Any:
        """Put the digest of a given terrain beside its path."""
        return with_digest(document, "terrain", "", "name a raster of heights in metres")


class CornerMarks(Section):
    """What was laid or painted on the corners of the plots; docs/plots.md."""

    shape: Literal["square", "disc", "angle", "chequer"] = "square"
    colour: Literal["white", "red", "blue", "yellow", "magenta"] = "white"
    size_m: float = Field(gt=0, le=2)
    """Side, diameter, or length of an angle's arm."""


class Plots(Section):
    """Extraction on plots."""

    minimum_valid: Share = 0.75
    inner_margin: float = Field(default=0.05, ge=0, lt=0.5)
    """Cut off inside the edge for `value_inner`, in sides of the plot."""
    ring: float = Field(default=1.0, gt=0, le=5)
    """Width of the ring whose spread says how patchy the surroundings are, in sides of the plot."""
    coregistration: Literal["off", "report", "apply"] = "off"
    """Whether plots are held against marks on their corners, and moved onto them."""
    corner_marks: CornerMarks | None = None

    @model_validator(mode="after")
    def _marks_are_said(self) -> Plots:
        """Refuse to look for marks that nobody described."""
        if self.coregistration != "off" and self.corner_marks is None:
            raise ValueError("coregistration needs corner_marks: shape, colour and size_m of what lies on the corners")
        return self


class Biomass(Section):
    """Above-ground biomass."""

    model: Path | None = None
    """Folder of a model of `uav biomass fit`; it is applied in place of the flight's own harvests."""
    model_sha256: str | None = None
    """Digest of its model.json, filled in when the recipe is read: the same recipe never means two models."""
    models: list[str] | None = Field(default=None, min_length=1)
    """Models of the ladder that are tried on the flight's harvests; all when absent."""
    allometry: str | None = None
    """Published allometry by name; flight.yaml's when absent. Harvests of the flight win over both."""
    minimum_harvests: int = Field(default=6, ge=4)

    @model_validator(mode="before")
    @classmethod
    def _name_the_model(cls, document: Any) -> Any:
        """Put the digest of a saved model beside its path."""
        return with_digest(document, "model", "model.json", "name a folder that `uav biomass fit` wrote")
