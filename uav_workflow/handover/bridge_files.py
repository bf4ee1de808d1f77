"""The files of a flight beside a satellite scene."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.handover.bridge import BandPair, Bridge, write_bridge
from uav_workflow.handover.maps import float_band
from uav_workflow.handover.stac import COG, CSV, FileEntry
from uav_workflow.handover.tables import csv_fields
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

_TYPES = {"str": "string", "int": "int64", "float": "double"}
"""Arrow's names of Python's types."""
_MEANINGS = {
    "scene": "scene, as the recipe names it",
    "scene_date": "its date",
    "days": "scene minus flight, days",
    "drone_band": "band of the flight",
    "drone_centre_nm": "its nominal centre, nm",
    "drone_fwhm_nm": "its nominal full width at half maximum, nm",
    "scene_band": "band of the scene",
    "scene_centre_nm": "its nominal centre, nm",
    "scene_fwhm_nm": "its nominal full width at half maximum, nm",
    "drone_quantity": "reflectance, or relative: then slope and bias hold an unknown scale",
    "n": "cells compared",
    "slope": "of scene = intercept + slope x drone, ordinary least squares",
    "slope_se": "standard error of the slope",
    "intercept": "of the same line",
    "intercept_se": "standard error of the intercept",
    "r": "Pearson's correlation",
    "bias": "mean of drone - scene",
    "bias_low": "lower end of its 95 % interval, cells taken as independent",
    "bias_high": "upper end of the same",
    "rmse": "root mean square of drone - scene",
    "least_coverage": "share of a cell the flight covers at least",
    "psf_fwhm_cells": "full width at half maximum of the point spread in cells; empty when weighted by area",
}
"""Columns of the table."""


def bridge_files(made: Bridge, out: Path) -> list[FileEntry]:
    """Write ``reflectance_<scene>.tif`` (the drone's bands, then coverage_fraction) and ``bridge_<scene>.csv``."""
    table = out / f"bridge_{made.scene.name}.csv"
    write_bridge([made], table)
    types = {column.name: _TYPES[str(column.type)] for column in fields(BandPair)}
    return [
        _reflectance(made, out),
        FileEntry(
            key=table.stem,
            path=table,
            title=f"{made.scene.name} regressed on the drone's bands; nothing is corrected by it",
            media_type=CSV,
            roles=("metadata",),
            fields=csv_fields(table, _MEANINGS, types),
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
    band = made.bands.get(name)
    if band is not None and band.centre_nm:
        found["eo:center_wavelength"] = round(band.centre_nm / 1000, 6)
    if band is not None and band.fwhm_nm:
        found["eo:full_width_half_max"] = round(band.fwhm_nm / 1000, 6)
    return found
