"""Settings from captures to orthomosaic and surface: calibration, node, acceptance."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uav_workflow.recipe.section import Section, Share


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
