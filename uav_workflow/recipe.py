"""A recipe: every setting that changes a number. Its parts enter the fingerprints of the products that use them."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uav_workflow.domain.digest import fingerprint
from uav_workflow.errors import RecipeError

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of the recipe's parts: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, data: Any) -> Any:
        """YAML reads a bare ``off`` as false and ``on`` as true; fields that know these words get them back."""
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        words = {
            key: "on" if value else "off"
            for key, value in data.items()
            if isinstance(value, bool) and key in fields and "off" in get_args(fields[key].annotation)
        }
        return {**data, **words}


def _with_digest(document: Any, key: str, inside: str, hint: str) -> Any:
    """Put the digest of a named file beside its path: the same recipe never means two files."""
    if not isinstance(document, dict) or document.get(key) is None:
        return document
    path = Path(str(document[key])).expanduser().absolute()
    file = path / inside if inside else path
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ValueError(f"{file} can't be read: {hint} ({exc})") from exc
    if document.get(f"{key}_sha256") not in (None, digest):
        raise ValueError(f"{file} is not the {key} this recipe was written with: its digest is {digest}")
    return {**document, key: path, f"{key}_sha256": digest}


class MarkerBeside(Section):
    """A square marker (ArUco, AprilTag) and where the panel lies beside it."""

    family: str
    """OpenCV's name of the dictionary, such as DICT_6X6_250 or DICT_APRILTAG_25h9."""
    id: int = Field(ge=0)
    serial: str
    """Name of the panel in `panels` or a table."""
    side_mm: float = Field(gt=0)
    """Side of the marker's black border."""
    x_mm: float
    y_mm: float
    """From the middle of the marker to that of the panel: right and up, the marker upright."""
    region_mm: float = Field(gt=0)
    """Side of the square that is read."""
    turned: bool = True
    """The panel may lie on any side of the marker, the evenest is taken; else just where x and y say."""


class PlaceInPicture(Section):
    """Where a panel is in one picture: corners as (column, row) of the stored picture, in order round it."""

    serial: str
    corners: Annotated[list[tuple[float, float]], Field(min_length=4, max_length=4)]


class Calibration(Section):
    """Digital numbers to reflectance, before the node."""

    image_domain: Literal["auto", "off"] = "auto"
    """``auto`` calibrates multispectral captures; RGB stays relative."""
    panels: dict[str, dict[float, Annotated[float, Field(gt=0, le=1)]]] = Field(default_factory=dict)
    """Reflectance from your panels' cards: serial to wavelength in nm to reflectance."""
    panel_relative_sd: float | None = Field(default=None, gt=0, lt=1)
    """Relative standard uncertainty of the panels, as on a certificate; that of their tables, else 0.05 when absent."""
    panel_markers: list[MarkerBeside] = Field(default_factory=list)
    """Markers beside your panels; they come before those shipped."""
    panel_places: dict[str, PlaceInPicture] = Field(default_factory=dict)
    """Image name (relative to the flight folder) to where a panel is in it; nothing is searched there."""
    use_panels: bool = True
    use_sun_sensor: bool = True
    sky: Literal["auto", "clear", "haze", "overcast", "broken"] = "auto"
    """``auto`` tells the sky from sun sensor, panels and overlaps."""
    block_adjustment: Literal["auto", "on", "off"] = "auto"
    """Gains of single pictures from their overlaps; ``auto``: where the light changed."""
    view_correction: Literal["off", "walthall"] = "off"
    """What the direction of view does to brightness, fitted to the flight's own overlaps and taken out."""
    limits: dict[str, list[float]] = Field(default_factory=dict)
    """Bounds of quality gates by name: [warning, failure], or [lower failure, lower warning, upper warning, upper
    failure] of gates with two sides."""


class Reflectance(Section):
    """Reflectance of the mosaic, after the node."""

    empirical_line: Literal["auto", "off"] = "auto"
    """``auto``: by ground targets where the folder has any, alone or after the calibration of captures."""
    view_correction: Literal["auto", "off"] = "auto"
    """``auto``: calibrated captures as they would be seen from above, where their overlaps show that it helps."""


class Photogrammetry(Section):
    """What is asked of the node."""

    orthomosaic_cm: float | None = Field(default=None, gt=0)
    """Pixel of the flight's grid, centimetres; the photos' GSD when absent."""
    options: dict[str, str | float | bool] = Field(default_factory=dict)
    """Further options of the node, by its own names."""
    lower_on_memory: bool = True
    """Where a node runs out of memory, try again with milder options; each step is said."""


class Acceptance(Section):
    """Bounds beyond which what the node made is questioned; they change findings, never a product's values."""

    minimum_placed: Share = 0.8
    """Share of the photos the node must place."""
    minimum_covered: Share = 0.9
    """Share of the area between the camera positions that orthomosaic and surface must cover."""
    check_rmse_h_gsd: float = Field(default=2.0, gt=0)
    """Horizontal RMSE of check points, in GSD."""
    check_rmse_z_gsd: float = Field(default=3.0, gt=0)
    """Vertical RMSE of check points, in GSD."""
    band_shift_px: float = Field(default=0.5, gt=0)
    """Shift of a band against the others on the mosaic, RMS in pixels; an error beyond twice that."""
    reflectance_outside: Share = 0.01
    """Share of a band's pixels below 0 or above 1."""


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
        return _with_digest(document, "training", "", "name a file of polygons or points with a column 'class'")

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
        return _with_digest(document, "terrain", "", "name a raster of heights in metres")


class Plots(Section):
    """Extraction on plots."""

    minimum_valid: Share = 0.75
    inner_margin: float = Field(default=0.05, ge=0, lt=0.5)
    """Cut off inside the edge for `value_inner`, in sides of the plot."""
    ring: float = Field(default=1.0, gt=0, le=5)
    """Width of the ring whose spread says how patchy the surroundings are, in sides of the plot."""


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
        return _with_digest(document, "model", "model.json", "name a folder that `uav biomass fit` wrote")


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
        return _with_digest(document, "raster", "", "name a raster in a CRS in metres")


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
        return _with_digest(document, "raster", "", "name the scene's raster")


class Handover(Section):
    """What the satellites' side receives."""

    grids_m: list[Annotated[float, Field(gt=0)]] = Field(default_factory=lambda: [10.0, 30.0])
    """Cells, metres: 30 means Landsat's grid (edges at half cells), others Sentinel-2's, in the flight's UTM zone."""
    templates: list[Template] = Field(default_factory=list)
    psf_fwhm: float | None = Field(default=None, gt=0, le=5)
    """Full width at half maximum of a Gaussian point spread, in cells (1.0 - 1.3 is Sentinel-2's at 10 m); cells are
    weighted by area when absent."""
    scenes: list[Scene] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some_cells(self) -> Handover:
        """Refuse a hand-over without cells."""
        if not (self.grids_m or self.templates):
            raise ValueError("there is neither a grid nor a template")
        return self


class Recipe(Section):
    """All settings of a run that change a number."""

    calibration: Calibration = Calibration()
    photogrammetry: Photogrammetry = Photogrammetry()
    reflectance: Reflectance = Reflectance()
    acceptance: Acceptance = Acceptance()
    indices: Indices = Indices()
    cover: Cover = Cover()
    canopy_height: CanopyHeight = CanopyHeight()
    plots: Plots = Plots()
    biomass: Biomass = Biomass()
    handover: Handover = Handover()

    @property
    def recipe_id(self) -> str:
        """Digest of every setting."""
        return fingerprint(self.model_dump(mode="json"))


def load_recipe(path: Path | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``section.key=value`` overrides (values are YAML).

    Parameters
    ----------
    path : Path, optional
        YAML file with any of the sections; the defaults when absent.
    overrides : sequence of str
        Such as ``photogrammetry.orthomosaic_cm=5``.

    Raises
    ------
    RecipeError
        Unknown key, impossible value, or a file that is no recipe.
    """
    document: Any = {}
    if path is not None:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
            raise RecipeError(f"{path}: can't be read as a recipe ({exc})") from exc
    if not isinstance(document, dict):
        raise RecipeError(f"{path}: a recipe is a YAML mapping of sections ({', '.join(Recipe.model_fields)})")
    for override in overrides:
        _apply(document, override)
    try:
        return Recipe.model_validate(document)
    except ValidationError as exc:
        raise RecipeError("; ".join(_sentence(error) for error in exc.errors())) from exc


def _apply(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    section, dot, name = key.partition(".")
    if not (equals and dot and name):
        raise RecipeError(f"--set {override}: write section.key=value, such as photogrammetry.orthomosaic_cm=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise RecipeError(f"--set {override}: the value is not valid YAML") from exc
    target = document.setdefault(section, {})
    parent, _, leaf = name.rpartition(".")
    if parent:
        target = target.setdefault(parent, {})
    target[leaf] = value


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    # a path in a message keeps its capitals
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"recipe {where}: {text[:1].lower()}{text[1:]} (given: {error.get('input')!r})"
