"""What a simulated flight is asked for, how wrong its tags are, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.errors import UsageError
from uav_workflow.simulation.sky import Sky

SCENERIES = ("meadow", "built")
"""Landscapes that can be flown over; see `scene.LANDSCAPES`."""
SENSORS = {"rgb": "dji_rgb", "rededge": "micasense_rededge", "rededge_dual": "micasense_rededge"}
"""Sensors that can fly, and the name of their profile in flight.yaml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """A flight to simulate.

    Attributes
    ----------
    sensor : str
        ``rgb``, ``rededge`` (five bands) or ``rededge_dual`` (ten).
    landscape : str
        ``meadow``, or ``built``: hills of 5 m with boxes, walls, trees and shrubs on gravel and grass.
    captures : int
        Survey captures; a rig adds one panel capture before and one after.
    gsd_cm : float
        Ground sampling distance over the site's mean height.
    seed : int
        Of the flight: cameras, tags, GPS, sky, noise.
    scene_seed : int or None
        Of the site and its ground survey; `seed` when absent. Flights with one scene seed see one meadow and one set
        of plots.
    image_size : (width, height) or None
        Pixels; the sensor's own when absent. The field of view stays.
    plots, harvested : int
        Ground plots of 1 m2, and how many of them are cut.
    plots_within : (width, height) or None
        Metres around the site's centre in which plots lie; the block of camera positions when absent.
    control_points, check_every : int
        Surveyed points written to gcp_list.txt, and which of them are check points: every third.
    targets : int
        Grey targets of known reflectance laid on the meadow and written to reference_targets.csv; not together with
        plots, which know nothing of them.
    ppk : bool
        Write post-processed positions (2 cm horizontally, 4 cm vertically) to geo.txt.
    gps_noise_m : (horizontal, vertical) or None
        Standard deviation of independent errors of the tagged positions on each axis; a receiver that drifts slowly
        when absent.
    altitude_drift_m : float
        Rise or fall of the tagged altitude from the first photo to the last, beside its noise.
    focal_tag_error : float or None
        Tagged focal length over the true one, minus 1; drawn within 2 % when absent.
    texel_m : float or None
        Texel of the scene; 0.005 m up to 2.5 cm GSD when absent, of built ground never below 0.0125 m.
    """

    sensor: str = "rgb"
    landscape: str = "meadow"
    captures: int = 24
    gsd_cm: float = 1.5
    seed: int = 1
    scene_seed: int | None = None
    sky: Sky = Sky.CLEAR
    plots: int = 20
    harvested: int = 12
    plots_within: tuple[float, float] | None = None
    control_points: int = 0
    check_every: int = 3
    targets: int = 0
    ppk: bool = False
    gps_noise_m: tuple[float, float] | None = None
    altitude_drift_m: float = 0.0
    focal_tag_error: float | None = None
    image_size: tuple[int, int] | None = None
    forward_overlap: float = 0.80
    side_overlap: float = 0.75
    texel_m: float | None = None
    workers: int = 2

    def __post_init__(self) -> None:
        if self.sensor not in SENSORS:
            raise UsageError(f"no simulated sensor '{self.sensor}'; there are {', '.join(SENSORS)}")
        if self.landscape not in SCENERIES:
            raise UsageError(f"no scene '{self.landscape}'; there are {', '.join(SCENERIES)}")
        if self.plots and self.landscape != "meadow":
            raise UsageError("ground plots are laid on the meadow alone; ask for no plots on another scene")
        if self.plots and self.targets:
            raise UsageError("plots and reference targets don't go together; ask for no plots")
        if not 0.2 <= self.gsd_cm <= 20:
            raise UsageError(f"GSD {self.gsd_cm:g} cm is outside what the scene can show (0.2 - 20 cm)")
        if abs(0.05 / self.texel - round(0.05 / self.texel)) > 1e-6:
            raise UsageError(f"texel of {self.texel:g} m: 5 cm must be a whole number of them, such as 0.025 or 0.01")
        if self.captures < 1:
            raise UsageError("a flight needs at least one capture")
        if not 0 <= self.harvested <= self.plots:
            raise UsageError(f"{self.harvested} harvested plots of {self.plots} plots is impossible")

    @property
    def scene(self) -> int:
        """Seed of the scene."""
        return self.seed if self.scene_seed is None else self.scene_seed

    @property
    def texel(self) -> float:
        """Side of a texel, metres: a whole number of them makes 5 cm."""
        if self.texel_m is not None:
            return self.texel_m
        if self.landscape == "built":
            return 0.0125 if self.gsd_cm <= 2.5 else 0.025
        return 0.005 if self.gsd_cm <= 2.5 else 0.01 if self.gsd_cm <= 5 else 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSummary:
    """What was made: shares of the scene, errors put into the tags, time spent."""

    out: Path
    sensor: str
    captures: int
    megapixel_bands: float
    shares: Mapping[str, float]
    """Of the scene: mixed pixels at 2 cm, each class, cover and height ranges, steepest slope."""
    errors: Mapping[str, float]
    """Largest error of every kind of tag and of every kind of ground observation."""
    cpu_s_per_megapixel_band: float
    facts: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Plain dictionary for JSON."""
        return {
            "out": str(self.out),
            "sensor": self.sensor,
            "captures": self.captures,
            "megapixel_bands": round(self.megapixel_bands, 3),
            "shares": {key: round(value, 4) for key, value in self.shares.items()},
            "errors": {key: round(value, 4) for key, value in self.errors.items()},
            "cpu_s_per_megapixel_band": round(self.cpu_s_per_megapixel_band, 3),
            **self.facts,
        }
