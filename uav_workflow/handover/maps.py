"""Maps of a flight on satellite cells: the files, and what the catalog says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uav_workflow.domain.ground import VARIABLES
from uav_workflow.domain.product import Json
from uav_workflow.findings import Finding, info
from uav_workflow.handover.cells import BANDS, FLAGS, NO_CELL, TRAINING_COVERAGE, CellMap, Float64, cell_maps
from uav_workflow.handover.grids import Bounds, SatelliteGrid, satellite_grids
from uav_workflow.handover.lattice import lattice_findings
from uav_workflow.handover.stac import COG, FileEntry
from uav_workflow.handover.variables import Variable
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

_OF_THE_VARIABLE = ("value", "sd_within", "p10", "p90", "model_sd")
"""Bands in the variable's unit; the others are shares and counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """What cells are wanted.

    Attributes
    ----------
    cells_m : sequence of float
        Sides: 30 is Landsat's grid, others Sentinel-2's.
    named : sequence of str
        MODIS' grids (`modis.CELLS_A_TILE`).
    templates : mapping
        Name to a raster whose pixels are the cells.
    psf_fwhm : float or None
        Full width at half maximum of a Gaussian point spread, in cells; by area when None.
    """

    cells_m: Sequence[float] = (10.0, 30.0)
    named: Sequence[str] = ()
    templates: Mapping[str, Path] | None = None
    psf_fwhm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMaps:
    """The flight on one grid."""

    place: SatelliteGrid
    maps: tuple[CellMap, ...]
    files: tuple[FileEntry, ...]
    findings: tuple[Finding, ...]

    @property
    def facts(self) -> dict[str, Json]:
        """For the manifest."""
        return {"grid": dict(self.place.grid.to_json()), **{m.variable.name: dict(m.facts) for m in self.maps}}


def make_grid_maps(variables: Sequence[Variable], settings: GridSettings, out: Path) -> Iterator[GridMaps]:
    """Write ``<variable>_<grid>.tif`` and ``<variable>_flags_<grid>.tif`` for every variable and grid.

    Raises
    ------
    RasterError
        A map can't be read, or is not in UTM on WGS84 though a satellite's grid is asked for.
    UsageError
        A cell is no positive number.
    """
    if not variables:
        return
    bounds, crs = extent([variable.value.path for variable in variables])
    for place in satellite_grids(bounds, crs, settings.cells_m, settings.templates or {}, settings.named):
        if settings.psf_fwhm is not None and place.grid.crs != crs:
            text = f"its cells were left out: they are not in the flight's CRS ({crs}), which point-spread weights need"
            hint = "run again with a recipe without handover.psf_fwhm to have them by area; both packages are kept"
            finding = info("handover-psf-crs", place.name, text, hint)
            yield GridMaps(place=place, maps=(), files=(), findings=(finding,))
            continue
        maps = tuple(cell_maps(variables, place.grid, settings.psf_fwhm))
        fwhm = settings.psf_fwhm
        files = tuple(
            file for made in maps for file in (_write(made, place, out, fwhm), _write_flags(made, place, out))
        )
        yield GridMaps(place=place, maps=maps, files=files, findings=tuple(_findings(place, maps)))


def extent(paths: Sequence[Path]) -> tuple[Bounds, str]:
    """Box around rasters of one flight, and their CRS."""
    boxes, crs = [], ""
    for path in dict.fromkeys(paths):
        with Raster(path) as raster:
            boxes.append(raster.grid.bounds)
            crs = crs or raster.grid.crs
    low_x, low_y, high_x, high_y = zip(*boxes, strict=True)
    return (min(low_x), min(low_y), max(high_x), max(high_y)), crs


def _write(made: CellMap, place: SatelliteGrid, out: Path, fwhm_cells: float | None) -> FileEntry:
    variable, grid = made.variable, place.grid
    path = out / f"{variable.name}_{place.name}.tif"
    units = [VARIABLES[variable.name] if name in _OF_THE_VARIABLE else "1" for name in made.planes]
    weights = "area" if fwhm_cells is None else f"Gaussian point spread, FWHM {fwhm_cells:g} cells"
    tags = {"variable": variable.name, "weights": weights}
    with cog(path, grid, tuple(made.planes), units=units, tags=tags) as target:
        for block in grid.blocks():
            target.write(block, np.stack([plane[block.slices] for plane in made.planes.values()]))
    return FileEntry(
        key=path.stem,
        path=path,
        title=f"{variable.title}, {grid.pixel_m:g} m cells, weighted by {weights}",
        media_type=COG,
        roles=("data",),
        bands=[_band(name, plane, unit) for (name, plane), unit in zip(made.planes.items(), units, strict=True)],
    )


def _write_flags(made: CellMap, place: SatelliteGrid, out: Path) -> FileEntry:
    variable, grid = made.variable, place.grid
    path = out / f"{variable.name}_flags_{place.name}.tif"
    flags = made.flags
    with cog(path, grid, ("flags",), dtype="uint8", nodata=NO_CELL, overviews="mode", units=["1"]) as target:
        for block in grid.blocks():
            target.write(block, flags[block.slices])
    return FileEntry(
        key=path.stem,
        path=path,
        title=f"{variable.title}: what to know before a cell is used",
        media_type=COG,
        roles=("metadata", "quality"),
        bands=[{"name": "flags", "description": "bits", "data_type": "uint8", "nodata": NO_CELL, "unit": "1"}],
        fields={"classification:bitfields": [_bitfield(name, *FLAGS[name]) for name in FLAGS]},
    )


def _bitfield(name: str, value: int, meaning: str) -> Json:
    classes: list[Json] = [{"value": 0, "name": "no"}, {"value": 1, "name": "yes"}]
    return {
        "name": name,
        "description": meaning,
        "offset": value.bit_length() - 1,
        "length": 1,
        "classes": classes,
    }


def _band(name: str, plane: Float64, unit: str) -> dict[str, Json]:
    return {"name": name, "description": BANDS[name], **float_band(plane, unit)}


def float_band(plane: Float64, unit: str) -> dict[str, Json]:
    """What STAC says of a float32 band: type, nodata, unit, statistics of its finite values."""
    found = plane[np.isfinite(plane)]
    band: dict[str, Json] = {"data_type": "float32", "nodata": "nan", "unit": unit}
    if found.size:
        band["statistics"] = {
            "minimum": float(found.min()),
            "maximum": float(found.max()),
            "mean": float(found.mean()),
            "stddev": float(found.std()),
            "valid_percent": 100.0 * found.size / plane.size,
        }
    return band


def _findings(place: SatelliteGrid, maps: Sequence[CellMap]) -> Iterator[Finding]:
    yield from lattice_findings(place.name, place.grid)
    for made in maps:
        if made.facts["cells_for_training"] == 0:
            yield info(
                "handover-cells-partial",
                f"{made.variable.name}_{place.name}.tif",
                f"no {place.name} cell is covered by {TRAINING_COVERAGE:.0%}: none should train a model",
                "fly an area of three cells a side or more",
            )
