"""Which flights the engine is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.sky import Sky

SKIES = tuple(Sky)
SCENES = ("meadow",)
SENSORS = ("rgb", "rededge")
CAPTURES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A flight over a scene."""

    scene: str
    sensor: str
    seed: int
    options: SimulationOptions

    @property
    def name(self) -> str:
        """Folder of the flight."""
        return f"{self.scene}-{self.sensor}-{self.options.captures}-{self.seed}"

    @property
    def megapixels(self) -> float:
        """Pixels of all photos, every band of a rig counted, in millions."""
        width, height = self.options.image_size or (0, 0)
        bands = 5 if self.sensor == "rededge" else 1
        return width * height * self.options.captures * bands * 1e-6


def scenario(scene: str, sensor: str, seed: int, captures: int = CAPTURES, sky: str | None = None) -> Scenario:
    """One flight; the three skies take turns over the seeds unless one is named."""
    size = {"rgb": (1280, 960), "rededge": (960, 720)}[sensor]
    gsd, texel = {"meadow": (2.5, 0.01)}[scene]
    options = SimulationOptions(
        sensor=sensor,
        captures=captures,
        gsd_cm=gsd,
        seed=seed,
        sky=Sky(sky) if sky else SKIES[seed % len(SKIES)],
        plots=0,
        harvested=0,
        image_size=size,
        texel_m=texel,
    )
    return Scenario(scene=scene, sensor=sensor, seed=seed, options=options)


def scenarios(
    scenes: Sequence[str],
    sensors: Sequence[str],
    seeds: Sequence[int],
    captures: int = CAPTURES,
    sky: str | None = None,
) -> list[Scenario]:
    """Every combination."""
    return [scenario(scene, sensor, seed, captures, sky) for scene in scenes for sensor in sensors for seed in seeds]
