"""Which flights the engine is measured on, and with which files beside the photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from uav_workflow.simulation.options import SCENERIES, SimulationOptions
from uav_workflow.simulation.sky import Sky

SKIES = tuple(Sky)
SCENES = SCENERIES
SENSORS = ("rgb", "rededge")
BANDS = {"rgb": 1, "rededge": 5}
CAPTURES = 30
FILES = {"gps": (), "rtk": ("geo.txt",), "control": ("gcp_list.txt",)}
"""Variants: positions of a consumer's receiver alone; post-processed ones; 5 control points and 5 check points."""
SIZES = {
    ("meadow", "rgb"): (1280, 960),
    ("meadow", "rededge"): (960, 720),
    ("built", "rgb"): (1600, 1200),
    ("built", "rededge"): (960, 720),
}
GSD_CM = {"meadow": 2.5, "built": 3.65}
TEXEL_M = {"meadow": 0.01, "built": 0.025}
FOCAL_ERROR = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A flight over a scene, and the variant in which it is processed."""

    variant: str
    options: SimulationOptions

    @property
    def flight(self) -> str:
        """Name of the flight, the same for its variants."""
        options = self.options
        return f"{options.landscape}-{options.sensor}-{options.captures}-{options.seed}"

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.flight}-{self.variant}"

    @property
    def group(self) -> str:
        """Flights of one row of the table."""
        return f"{self.options.landscape} {self.options.sensor} {self.variant}"

    @property
    def megapixels(self) -> float:
        """Pixels of all photos, every band of a rig counted, in millions."""
        width, height = self.options.image_size or (0, 0)
        return width * height * self.options.captures * BANDS[self.options.sensor] * 1e-6

    @property
    def engine_options(self) -> dict[str, object]:
        """What is asked of the engine: products at the photos' resolution, and no picture where only places count."""
        gsd = self.options.gsd_cm
        wanted: dict[str, object] = {"dsm": True, "dtm": True, "orthophoto-resolution": gsd, "dem-resolution": 2 * gsd}
        return wanted if self.variant == "gps" else {**wanted, "skip-orthophoto": True}

    def but(self, **changes: Any) -> Scenario:
        """The same with other options of the flight; None changes nothing."""
        wanted = {name: value for name, value in changes.items() if value is not None}
        return replace(self, options=replace(self.options, **wanted))


def scenario(scene: str, sensor: str, seed: int, *, variant: str = "gps", sky: str | None = None) -> Scenario:
    """One flight; the three skies take turns over the seeds unless one is named.

    GPS errors are those of a consumer's receiver (1.0 m, 1.5 m), the tagged focal length is 2 % too long or too short.
    """
    options = SimulationOptions(
        landscape=scene,
        sensor=sensor,
        captures=CAPTURES,
        gsd_cm=GSD_CM[scene],
        seed=seed,
        sky=Sky(sky) if sky else SKIES[seed % len(SKIES)],
        plots=0,
        harvested=0,
        image_size=SIZES[scene, sensor],
        texel_m=TEXEL_M[scene],
        ppk=True,
        control_points=10,
        check_every=2,
        gps_noise_m=(1.0, 1.5),
        focal_tag_error=FOCAL_ERROR if seed % 2 else -FOCAL_ERROR,
    )
    return Scenario(variant=variant, options=options)


def scenarios(
    scenes: Sequence[str],
    sensors: Sequence[str],
    seeds: Sequence[int],
    variants: Sequence[str] = ("gps",),
    sky: str | None = None,
) -> list[Scenario]:
    """Every combination, grouped as the table is."""
    return [
        scenario(scene, sensor, seed, variant=variant, sky=sky)
        for scene in scenes
        for sensor in sensors
        for variant in variants
        for seed in seeds
    ]
