"""The files of a flight beside a satellite scene."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.handover.bridge import BandPair, Bridge, write_bridge
from uav_workflow.handover.maps import float_band
from uav_workflow.handover.stac import COG, CSV, FileEntry
from uav_workflow.rasters.writer import cog

_COMMON_NAMES = {
    "blue": "blue",
    "green": "green",
    "red": "red",
    "rededge": "rededge",
    "red_edge": "rededge",
    "red edge": "rededge",
    "nir": "nir",
    "pan": "pan",
}
"""STAC's common names by the drone's band, in lower case."""


def bridge_files(made: Bridge, out: Path) -> list[FileEntry]:
    """Write ``reflectance_<scene>.tif`` (the drone's bands, then coverage_fraction) and ``bridge_<scene>.csv``."""
    table = out / f"bridge_{made.scene.name}.csv"
    write_bridge([made], table)
    columns: list[Json] = [{"name": column.name} for column in fields(BandPair)]
    return [
        _reflectance(made, out),
        FileEntry(
            key=table.stem,
            path=table,
            title=f"{made.scene.name} regressed on the drone's bands; nothing is corrected by it",
            media_type=CSV,
            roles=("metadata",),
            fields={"table:columns": columns},
        ),
    ]


def _reflectance(made: Bridge, out: Path) -> FileEntry:
    planes = {name: cells.mean for name, cells in made.drone.items()}
    planes["coverage_fraction"] = np.min([cells.coverage for cells in made.drone.values()], axis=0)
    path = out / f"reflectance_{made.scene.name}.tif"
    with cog(path, made.grid, tuple(planes), units=["1"] * len(planes)) as target:
        for block in made.grid.blocks():
            target.write(block, np.stack([plane[block.slices] for plane in planes.values()]))
    bands = [{"name": name, **_spectral(made, name), **float_band(plane, "1")} for name, plane in planes.items()]
    return FileEntry(
        key=path.stem,
        path=path,
        title=f"The drone's bands on cells of {made.scene.name}: not the satellite's own reflectance",
        media_type=COG,
        roles=("data", "reflectance"),
        bands=bands,
    )


def _spectral(made: Bridge, name: str) -> dict[str, Json]:
    """STAC's eo fields of a band, micrometres; those that are known."""
    found: dict[str, Json] = {}
    if common := _COMMON_NAMES.get(name.lower()):
        found["eo:common_name"] = common
    pair = next((pair for pair in made.pairs if pair.drone_band == name), None)
    if pair is not None and pair.drone_centre_nm > 0:
        found["eo:center_wavelength"] = round(pair.drone_centre_nm / 1000, 6)
    if pair is not None and pair.drone_fwhm_nm > 0:
        found["eo:full_width_half_max"] = round(pair.drone_fwhm_nm / 1000, 6)
    return found
