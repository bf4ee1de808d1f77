"""Sensors that can fly: what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.cameras import BandCamera
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.scene import Scene
from uav_workflow.simulation.survey import Survey


class Sensor(Protocol):
    """A camera or rig with the flight it makes."""

    @property
    def survey(self) -> Survey:
        """Stations, light, clock, GPS."""

    @property
    def bands(self) -> Sequence[BandCamera]:
        """Cameras, the truth beside the tags."""

    @property
    def reference(self) -> BandCamera:
        """Camera in whose photos ground points are marked."""

    @property
    def channels(self) -> int:
        """Bands a camera takes at once."""

    @property
    def measures(self) -> Sequence[str]:
        """Names of the bands in which its photos show reflectance."""

    def photograph(self, out: Path, scene: Scene, progress: Callable[[float], None]) -> list[tuple[str, Shot]]:
        """Take and write every photo; returns (path below ``out``, true pose) of the survey's images."""

    def tag_errors(self) -> dict[str, float]:
        """Largest error of every kind of tag."""


def make_sensor(options: SimulationOptions) -> Sensor:
    """Sensor of the options' name."""
    if options.sensor == "rgb":
        from uav_workflow.simulation.rgb_flight import RgbFlight

        return RgbFlight(options)
    from uav_workflow.simulation.rig_flight import RigFlight

    return RigFlight(options)
