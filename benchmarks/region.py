"""A simulated region: cover and biomass at 2.5 m, flights that hand cells over, a satellite's scene of the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from uav_workflow.domain.grid import Grid
from uav_workflow.rasters.writer import cog

Floats = NDArray[np.float64]

SIDE, FINE = 500, 4
"""Cells of 10 m a side; parts of a cell a side."""
FLIGHTS, CELLS = 24, 12
COVER_BIAS, COVER_SD = 0.015, 0.02
BIOMASS_BIAS, BIOMASS_SD = 0.08, 0.08
"""Errors of a drone: of a whole flight, and of a cell; of biomass relative."""
BANDS = ("blue", "green", "red", "red_edge", "nir", "swir")
SOIL = np.array([0.08, 0.12, 0.16, 0.20, 0.24, 0.32])
PLANT = np.array([0.03, 0.07, 0.04, 0.22, 0.46, 0.18])
WATER = np.array([0.05, 0.05, 0.03, 0.02, 0.01, 0.005])
ROCK = np.array([0.22, 0.25, 0.28, 0.30, 0.32, 0.46])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Truth of the cells, and where flights were.

    Attributes
    ----------
    truth : mapping of variable to float64 (rows, columns)
    handed : mapping of variable to float64 (rows, columns)
        What a drone would hand over, were every block of `CELLS` flown: intervals are of these.
    flown : bool (rows, columns)
    """

    grid: Grid
    scene: Path
    dem: Path
    samples: Path
    truth: dict[str, Floats]
    handed: dict[str, Floats]
    flown: NDArray[np.bool_]


def make_region(folder: Path, seed: int) -> Region:
    """Write scene.tif, dem.tif and samples.parquet.

    Lakes and bare rock, a tenth of the region, are flown over by nobody. The scene is blurred by a point spread of 1.1
    pixels' width, has noise, a haze that differs by band, and soil that is brighter here than there.
    """
    draw = np.random.default_rng((seed, 71))
    grid = Grid("EPSG:32647", 600000.0, 4200000.0, 10.0, SIDE, SIDE)
    height = 3200 + 250 * _field(draw, 40 * FINE)
    meadow = 0.9 * _field(draw, 25 * FINE) + 0.5 * _field(draw, 6 * FINE) + 0.5 * _field(draw, 1.5 * FINE)
    cover = 1 / (1 + np.exp(-1.6 * (meadow - 0.001 * (height - 3200))))
    sward = 0.12 * np.exp(0.35 * _field(draw, 20 * FINE) + 0.8 * (cover - 0.5))
    biomass = 2300 * sward * cover
    lake, rock = _field(draw, 12 * FINE) < -1.75, _field(draw, 12 * FINE) > 1.75
    for plane in (cover, biomass):
        plane[lake] = 0.0
        plane[rock] *= 0.2
    scene = _scene(draw, cover, sward, lake, rock & ~lake)
    truth = {"fvc_green": _cells(cover), "agb_dry": _cells(biomass)}
    strange = _cells((lake | rock).astype(float)) > 0
    samples, flown = _flights(draw, grid, truth, strange)
    samples.to_parquet(folder / "samples.parquet")
    for name, planes, bands in (("scene", scene, BANDS), ("dem", _cells(height)[None], ("height",))):
        with cog(folder / f"{name}.tif", grid, bands) as target:
            for block in grid.blocks():
                target.write(block, planes[:, *block.slices])
    return Region(
        grid=grid,
        scene=folder / "scene.tif",
        dem=folder / "dem.tif",
        samples=folder / "samples.parquet",
        truth=truth,
        handed=_handed(draw, truth),
        flown=flown,
    )


def _field(draw: np.random.Generator, reach: float) -> Floats:
    """A smooth field of mean 0 and sd 1 at the fine cells."""
    side = SIDE * FINE
    step = max(1, int(reach / 4))
    coarse = gaussian_filter(draw.normal(size=(side // step + 8,) * 2), reach / step, mode="wrap")
    whole = coarse.repeat(step, 0).repeat(step, 1)[:side, :side]
    smooth = gaussian_filter(whole, step / 2) if step > 1 else whole
    return np.asarray((smooth - smooth.mean()) / smooth.std())


def _cells(plane: Floats) -> Floats:
    return np.asarray(plane.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3)))


def _handed(draw: np.random.Generator, truth: dict[str, Floats]) -> dict[str, Floats]:
    """Truth with the errors of a drone: of each flight, and of each cell."""
    blocks = (-(-SIDE // CELLS),) * 2
    errors = {
        name: np.kron(draw.normal(0, flight, blocks), np.ones((CELLS, CELLS)))[:SIDE, :SIDE]
        + draw.normal(0, cell, (SIDE, SIDE))
        for name, flight, cell in (("fvc_green", COVER_BIAS, COVER_SD), ("agb_dry", BIOMASS_BIAS, BIOMASS_SD))
    }
    return {
        "fvc_green": np.clip(truth["fvc_green"] + errors["fvc_green"], 0, 1),
        "agb_dry": np.maximum(truth["agb_dry"] * (1 + errors["agb_dry"]), 0),
    }


def _scene(
    draw: np.random.Generator, cover: Floats, sward: Floats, lake: NDArray[np.bool_], rock: NDArray[np.bool_]
) -> Floats:
    """Reflectance of the cells: mixed below the pixel, blurred, hazy and noisy."""
    bright = 1 + 0.15 * _field(draw, 15 * FINE)
    # near infrared rises with the depth of the sward and saturates
    depth = 1 - np.exp(-sward / 0.08)
    planes = []
    for band, (soil, plant, water, stone) in enumerate(zip(SOIL, PLANT, WATER, ROCK, strict=True)):
        leaf = plant * (0.7 + 0.35 * depth) if BANDS[band] in ("nir", "red_edge") else plant * (1.2 - 0.25 * depth)
        fine = cover * leaf + (1 - cover) * soil * bright
        fine = np.where(lake, water, np.where(rock, stone, fine))
        seen = _cells(gaussian_filter(fine, 1.1 * FINE / 2.355))
        planes.append(seen * (1 + draw.normal(0, 0.01)) + draw.normal(0, 0.004) + draw.normal(0, 0.004, seen.shape))
    return np.stack(planes)


def _flights(
    draw: np.random.Generator, grid: Grid, truth: dict[str, Floats], strange: NDArray[np.bool_]
) -> tuple[Any, NDArray[np.bool_]]:
    """Cells of flights with the errors of a drone, its own of each flight among them."""
    import geopandas as gpd
    from shapely import box

    flown, rows = np.zeros(grid.shape, bool), []
    while len({row["site_id"] for row in rows}) < FLIGHTS:
        top, left = (int(one) for one in draw.integers(0, SIDE - CELLS, 2))
        there = slice(top, top + CELLS), slice(left, left + CELLS)
        if strange[there].any() or flown[there].any():
            continue
        flown[there] = True
        number = len({row["site_id"] for row in rows})
        bias = {"fvc_green": draw.normal(0, COVER_BIAS), "agb_dry": draw.normal(0, BIOMASS_BIAS)}
        for row in range(top, top + CELLS):
            for col in range(left, left + CELLS):
                edge = row == top or col == left
                x, y = grid.x_min + 10 * col, grid.y_max - 10 * row
                cover = truth["fvc_green"][row, col] + bias["fvc_green"] + draw.normal(0, COVER_SD)
                biomass = truth["agb_dry"][row, col] * (1 + bias["agb_dry"] + draw.normal(0, BIOMASS_SD))
                values = {"fvc_green": min(max(cover, 0.0), 1.0), "agb_dry": max(biomass, 0.0)}
                for variable, value in values.items():
                    rows.append(
                        {
                            "cell_id": f"{row}/{col}",
                            "geometry": box(x, y - 10, x + 10, y),
                            "variable": variable,
                            "value": value,
                            "sd": 0.025 if variable == "fvc_green" else 0.11 * value,
                            "coverage": draw.uniform(0.3, 1.0) if edge else 1.0,
                            "weight": 1.0,
                            "fold_id": f"{(row - top) // 6}{(col - left) // 6}",
                            "flight_id": f"F{number:02d}",
                            "site_id": f"S{number:02d}",
                            "date": "2024-07-15",
                        }
                    )
    return gpd.GeoDataFrame(rows, crs=grid.crs), flown
