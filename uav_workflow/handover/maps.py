"""Maps of a flight on satellite cells: the files, and what the catalog says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, info
from uav_workflow.handover.aggregation import Cells, aggregate, conservation_error
from uav_workflow.handover.grids import label, satellite_grid
from uav_workflow.handover.stac import COG, FileEntry
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

TRAINING_COVERAGE = 0.75
"""Share of a cell that must be covered to train on it; Orndahl's scripts mask 1 m and 30 m pixels at the same share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """A band to hand over, and the bands beside it that become shares or means of the cell."""

    name: str
    title: str
    path: Path
    companions: Mapping[str, str]
    """Band of the file -> band of the cell."""


_TITLES = {
    "fvc_green": "Green vegetation cover",
    "fvc_total": "Total vegetation cover",
    "agb_dry": "Dry above-ground biomass",
}
_COMPANIONS: dict[str, dict[str, str]] = {
    "fvc": {"shadow": "shadow_fraction"},
    "agb": {"sd": "model_sd", "flags": "flagged_fraction"},
}
_DESCRIPTIONS = {
    "value": "area-weighted mean of the flight's valid pixels",
    "sd_within": "standard deviation of the flight's pixels within the cell",
    "coverage_fraction": "share of the cell's area with valid pixels",
    "n": "valid pixels with their centre in the cell",
    "shadow_fraction": "share of the cell's area in shadow, not counted as covered",
    "model_sd": "mean model standard deviation of the pixels: their errors are taken as one, not averaged away",
    "flagged_fraction": "share of the cell's area with a quality flag of the biomass model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMaps:
    """The files on one grid, facts by variable, and findings."""

    grid: Grid
    files: tuple[FileEntry, ...]
    facts: Mapping[str, Json]
    findings: tuple[Finding, ...]


def make_cell_maps(maps: Sequence[Path], cells_m: Sequence[float], out: Path) -> list[CellMaps]:
    """Write ``<variable>_<cell>.tif`` for the vegetation bands of the maps; each map is read once.

    Raises
    ------
    RasterError
        A map can't be read, or is not in UTM on WGS84.
    UsageError
        A cell is no positive number.
    """
    variables = [variable for path in maps for variable in _variables(path)]
    if not variables:
        return []
    grids = _satellite_grids(variables, cells_m)
    cells: dict[Path, list[dict[str, Cells]]] = {}
    for path in dict.fromkeys(variable.path for variable in variables):
        bands = [band for v in variables if v.path == path for band in (v.name, *v.companions)]
        cells[path] = aggregate(path, tuple(dict.fromkeys(bands)), grids, flags=("shadow", "flags"))
    made = []
    for index, grid in enumerate(grids):
        facts = {v.name: _facts(cells[v.path][index], v.name, grid) for v in variables}
        files = tuple(_write(v, cells[v.path][index], grid, out) for v in variables)
        findings = tuple(_findings(label(grid.pixel_m), facts))
        made.append(CellMaps(grid=grid, files=files, facts=dict(facts), findings=findings))
    return made


def _variables(path: Path) -> Iterator[_Variable]:
    with Raster(path) as raster:
        names = raster.bands
    for name in names:
        if name in _TITLES:
            companions = {band: cell for band, cell in _COMPANIONS[name[:3]].items() if band in names}
            yield _Variable(name=name, title=_TITLES[name], path=path, companions=companions)


def _satellite_grids(variables: Sequence[_Variable], cells_m: Sequence[float]) -> list[Grid]:
    """Satellite grids over all the maps together, each once."""
    boxes, crs = [], ""
    for path in dict.fromkeys(variable.path for variable in variables):
        with Raster(path) as raster:
            boxes.append(raster.grid.bounds)
            crs = crs or raster.grid.crs
    low_x, low_y, high_x, high_y = zip(*boxes, strict=True)
    bounds = (min(low_x), min(low_y), max(high_x), max(high_y))
    return [satellite_grid(bounds, cell_m, crs) for cell_m in dict.fromkeys(map(float, cells_m))]


def _write(variable: _Variable, cells: Mapping[str, Cells], grid: Grid, out: Path) -> FileEntry:
    cell = label(grid.pixel_m)
    planes = _planes(variable, cells)
    path = out / f"{variable.name}_{cell}.tif"
    units = [_unit(variable.name, name) for name in planes]
    with cog(path, grid, tuple(planes), units=units, tags={"variable": variable.name}) as target:
        for block in grid.blocks():
            target.write(block, np.stack([plane[block.slices] for plane in planes.values()]))
    return FileEntry(
        key=variable.name,
        path=path,
        title=f"{variable.title}, {grid.pixel_m:g} m cells",
        media_type=COG,
        roles=("data",),
        bands=[_band(name, plane, unit) for (name, plane), unit in zip(planes.items(), units, strict=True)],
    )


def _planes(variable: _Variable, cells: Mapping[str, Cells]) -> dict[str, NDArray[np.float64]]:
    """Bands of the cell file. Shares of area are of the whole cell, so that shadow, cover and gaps add up to one."""
    main = cells[variable.name]
    planes = {"value": main.mean, "sd_within": main.sd_within, "coverage_fraction": main.coverage, "n": main.n}
    for band, name in variable.companions.items():
        other = cells[band]
        if name == "model_sd":
            planes[name] = other.mean
        else:
            planes[name] = np.nan_to_num(other.mean) * other.coverage
    return planes


def _unit(variable: str, band: str) -> str:
    return VARIABLES[variable] if band in ("value", "sd_within", "model_sd") else "1"


def _band(name: str, plane: NDArray[np.float64], unit: str) -> dict[str, Json]:
    found = plane[np.isfinite(plane)]
    band: dict[str, Json] = {
        "name": name,
        "description": _DESCRIPTIONS[name],
        "data_type": "float32",
        "nodata": "nan",
        "unit": unit,
    }
    if found.size:
        band["statistics"] = {
            "minimum": float(found.min()),
            "maximum": float(found.max()),
            "mean": float(found.mean()),
            "stddev": float(found.std()),
            "valid_percent": 100.0 * found.size / plane.size,
        }
    return band


def _facts(cells: Mapping[str, Cells], name: str, grid: Grid) -> dict[str, Json]:
    main = cells[name]
    area = float(main.coverage.sum())
    return {
        "cells": int((main.coverage > 0).sum()),
        "cells_for_training": int((main.coverage >= TRAINING_COVERAGE).sum()),
        "mean": float((np.nan_to_num(main.mean) * main.coverage).sum()) / area if area > 0 else None,
        "conservation_error": conservation_error(main, grid),
    }


def _findings(cell: str, facts: Mapping[str, Mapping[str, Json]]) -> Iterator[Finding]:
    for name, rows in facts.items():
        if rows["cells_for_training"] == 0:
            yield info(
                "handover-cells-partial",
                f"{name}_{cell}.tif",
                f"no {cell} cell is covered by {TRAINING_COVERAGE:.0%}: none should train a model",
                "fly an area of three cells a side or more",
            )
