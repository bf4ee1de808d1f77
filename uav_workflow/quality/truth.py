"""The truth folder of a simulated flight: poses, cameras, rasters, and where the flight sees well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Field:
    """A raster as a function of place."""

    grid: Grid
    values: Layer

    def at(self, x: FloatArray, y: FloatArray, order: int = 1) -> FloatArray:
        """Values at places (metres), linear between the centres of cells (order 0: of the cell); NaN outside."""
        row = (self.grid.y_max - y) / self.grid.pixel_m - 0.5
        col = (x - self.grid.x_min) / self.grid.pixel_m - 0.5
        found = map_coordinates(self.values, [row, col], np.float64, order, cval=np.nan, prefilter=False)
        return np.asarray(found, float)

    def centres(self, step: int = 1) -> tuple[FloatArray, FloatArray]:
        """X and y (rows, columns) of the centres of every ``step``-th cell."""
        x = self.grid.x_min + (np.arange(0, self.grid.width, step) + 0.5) * self.grid.pixel_m
        y = self.grid.y_max - (np.arange(0, self.grid.height, step) + 0.5) * self.grid.pixel_m
        east, north = np.meshgrid(x, y)
        return east, north


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known of a simulated flight."""

    folder: Path
    poses: Mapping[str, Any]
    summary: Mapping[str, Any]
    cameras: Mapping[str, Camera] = field(default_factory=dict)

    @classmethod
    def read(cls, flight_folder: Path) -> Truth:
        """Read ``truth/`` of a simulated flight folder."""
        folder = flight_folder / "truth"
        poses = json.loads((folder / "poses.json").read_text(encoding="utf-8"))
        return cls(
            folder=folder,
            poses=poses,
            summary=json.loads((folder / "summary.json").read_text(encoding="utf-8")),
            cameras={name: Camera(**values) for name, values in poses["cameras"].items()},
        )

    @property
    def gsd_m(self) -> float:
        """Nominal ground sampling distance, metres."""
        return float(self.summary["gsd_cm"]) / 100

    @cached_property
    def shots(self) -> dict[str, Shot]:
        """Base name of an image -> true pose, its centre in the projected CRS itself."""
        offset = np.array([*self.poses["offset"], 0.0])
        return {
            Path(row["path"]).name: Shot(
                image=row["image"],
                camera_id=row["camera_id"],
                rotation=np.asarray(row["rotation"], float),
                centre=np.asarray(row["centre"], float) + offset,
            )
            for row in self.poses["shots"]
        }

    @property
    def reference(self) -> str:
        """Camera whose photos carry the geometry."""
        return str(self.poses["reference"])

    def centres(self) -> dict[str, FloatArray]:
        """Base name of an image -> camera centre (easting, northing, height), metres."""
        return {name: shot.centre for name, shot in self.shots.items()}

    def tagged_centres(self) -> dict[str, FloatArray]:
        """Base name of an image -> position in its tags (easting, northing, height), metres."""
        offset = np.array([*self.poses["offset"], 0.0])
        return {Path(row["path"]).name: np.asarray(row["tagged"], float) + offset for row in self.poses["shots"]}

    def raster(self, name: str) -> tuple[Raster, Layer]:
        """Grid and values (bands, rows, columns) of a truth raster."""
        with Raster(self.folder / f"{name}.tif") as raster:
            return raster, raster.read()

    @cached_property
    def surface(self) -> Field:
        """Height of the highest surface, mean of each cell, metres."""
        raster, values = self.raster("surface")
        return Field(raster.grid, values[0])

    @cached_property
    def terrain(self) -> Field:
        """Height of the bare ground, metres."""
        raster, values = self.raster("terrain")
        return Field(raster.grid, values[0])

    @cached_property
    def above_ground(self) -> Layer:
        """What stands above the ground, metres."""
        return self.surface.values - self.terrain.values

    @cached_property
    def ground(self) -> Field:
        """2 on open ground, 1 where the ground is seen but something stands near, 0 elsewhere."""
        raster, values = self.raster("ground")
        return Field(raster.grid, values[0])

    def in_block(self, x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
        """Whether places lie in the hull of the camera positions."""
        from shapely import MultiPoint, contains_xy

        hull = MultiPoint([tuple(centre[:2]) for centre in self.centres().values()]).convex_hull
        return np.asarray(contains_xy(hull, x, y), bool)
