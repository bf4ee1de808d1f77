"""Flights and maps written for a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import box

from uav_workflow.domain.flight import Flight, FlightDetails, FlightGeometry, InputFile, SensorProfile
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import VARIABLES, GroundObservation, Plot
from uav_workflow.rasters.writer import cog

CRS = "EPSG:32647"
CORNER = (5e5, 4.2e6)
DAY = date(2026, 7, 20)


@pytest.fixture
def write_raster(tmp_path: Path) -> Callable[..., Path]:
    """Write bands, named, as a raster whose upper left corner is `CORNER`, and return its path."""

    def write(
        name: str,
        bands: Mapping[str, np.ndarray],
        pixel_m: float = 0.1,
        dtype: str = "float32",
        tags: dict[str, str] | None = None,
    ) -> Path:
        cube = np.stack(list(bands.values()))
        grid = Grid(CRS, *CORNER, pixel_m, cube.shape[2], cube.shape[1])
        with cog(tmp_path / name, grid, list(bands), dtype=dtype, tags=tags) as sink:
            for block in grid.blocks():
                sink.write(block, cube[:, *block.slices])
        return tmp_path / name

    return write


@pytest.fixture
def square() -> Callable[..., Plot]:
    """Square plot with its upper left corner right and down from `CORNER`, metres."""

    def make(plot_id: str, right: float, down: float, side: float = 1.0, **more: object) -> Plot:
        x, y = CORNER[0] + right, CORNER[1] - down
        return Plot(plot_id=plot_id, geometry=box(x, y - side, x + side, y), crs=CRS, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def observed() -> Callable[..., GroundObservation]:
    """Observation in its house unit."""

    def make(
        plot_id: str, variable: str, value: float | None, day: date | None = DAY, **more: object
    ) -> GroundObservation:
        unit = VARIABLES[variable]
        return GroundObservation(
            plot_id=plot_id,
            variable=variable,
            date=day,
            value=value,
            unit=unit,
            raw_value=str(value),
            raw_unit=unit,
            **more,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture
def flown(tmp_path: Path) -> Callable[..., Flight]:
    """Flight with plots and observations; its photos play no part here."""

    def make(plots: Sequence[Plot], observations: Sequence[GroundObservation] = (), day: date | None = DAY) -> Flight:
        nan = float("nan")
        return Flight(
            flight_id="20260720-abc",
            folder=tmp_path,
            details=FlightDetails(site="Arou", campaign="Heihe", date=day),
            sensor=SensorProfile(name="generic_rgb", title="RGB", kind="rgb", bands=()),
            captures=(),
            panel_captures=(),
            geometry=FlightGeometry(
                crs=CRS,
                height_above_ground_m=nan,
                gsd_m=nan,
                forward_overlap=nan,
                side_overlap=nan,
                area_m2=nan,
                sun_elevation_deg=nan,
            ),
            photo_digests={},
            inputs=(InputFile(role="observations", path=tmp_path / "observations.csv", sha256="f00d"),),
            plots=tuple(plots),
            observations=tuple(observations),
        )

    return make
