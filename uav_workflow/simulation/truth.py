"""The truth beside the photos: rasters of what was photographed, and shares of the scene."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.rasters.writer import cog
from uav_workflow.simulation.ground import biomass_of
from uav_workflow.simulation.light import DIRECT_SCALE, SHADOW_BELOW, SKY_SCALE
from uav_workflow.simulation.materials import BANDS, GREEN, VEGETATION, Cover, cover_table, reflectance_table
from uav_workflow.simulation.painting import UNIT_M
from uav_workflow.simulation.scene import DIRECT, MATERIAL, SKY, TONE, Scene, Tile
from uav_workflow.simulation.site import Site

FloatArray = NDArray[np.float64]
Maps = dict[str, NDArray[np.float32]]

CELL_M = 0.05
"""Cell of every truth raster but biomass."""
BIOMASS_CELL_M = 0.25
BARE_M, TALL_M, CLEAR_M = 0.01, 0.5, 0.5
"""See `ground_seen`."""
MIXED_PIXEL_M = 0.02
MIXED_BELOW = 0.9
"""A pixel is mixed when its main class fills less than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTruth:
    """Area means of the scene's texels.

    Attributes
    ----------
    maps : mapping
        surface, terrain, height (m); ground (see `ground_seen`); fvc_green, fvc_total, shadow (share); class; biomass
        (g/m2); one reflectance a band, apparent: pi x radiance / irradiance on open level ground under the flight's
        mean sky.
    shares : mapping
        Of the scene: every class, mixed pixels at 2 cm.
    """

    maps: Maps
    shares: Mapping[str, float]


def measure_scene(scene: Scene, direct_share: FloatArray, workers: int = 2) -> SceneTruth:
    """Average the texels of the scene over cells."""
    rows, columns = scene.height.shape
    texel = scene.spec.texel_m
    cells = {False: round(CELL_M / texel), True: round(BIOMASS_CELL_M / texel)}
    names = ["surface", "terrain", "height", "fvc_green", "fvc_total", "shadow", "class", *BANDS]
    maps = {name: np.zeros((rows // cells[False], columns // cells[False]), np.float32) for name in names}
    maps["biomass"] = np.zeros((rows // cells[True], columns // cells[True]), np.float32)
    counts = np.zeros(len(Cover) + 1)
    mixed = np.zeros(2)

    def one(tile: Tile) -> tuple[FloatArray, FloatArray]:
        part, seen, mix = _measure_tile(scene, tile, direct_share)
        for name, values in part.items():
            cell = cells[name == "biomass"]
            r, c = tile.row // cell, tile.col // cell
            maps[name][r : r + values.shape[0], c : c + values.shape[1]] = values
        return seen, mix

    with ThreadPoolExecutor(max_workers=workers) as pool:
        for seen, mix in pool.map(one, list(scene.tiles())):
            counts += seen
            mixed += mix
    maps["ground"] = ground_seen(maps["surface"] - maps["terrain"])
    shares = {cover.name.lower(): float(counts[cover] / counts.sum()) for cover in Cover}
    shares["mixed_at_2cm"] = float(mixed[0] / mixed[1])
    return SceneTruth(maps=maps, shares=shares)


def ground_seen(above_ground: NDArray[np.float32]) -> NDArray[np.float32]:
    """2 where ground is open, 1 where it is bare but something stands near, 0 where something stands on it.

    Bare: nothing higher than `BARE_M` on the cell and its neighbours. Open: besides, nothing higher than `TALL_M`
    within `CLEAR_M`.
    """
    bare = cv2.dilate(above_ground, np.ones((3, 3), np.uint8)) < BARE_M
    side = 2 * round(CLEAR_M / CELL_M) + 1
    clear = cv2.dilate(above_ground, np.ones((side, side), np.uint8)) < TALL_M
    return np.asarray(bare * (1 + clear), np.float32)


def _measure_tile(scene: Scene, tile: Tile, direct_share: FloatArray) -> tuple[Maps, FloatArray, FloatArray]:
    looks, height = scene.looks[tile.slices], scene.height[tile.slices]
    texel = scene.spec.texel_m
    cell, coarse = round(CELL_M / texel), round(BIOMASS_CELL_M / texel)
    classes = cover_table()[looks[..., MATERIAL]]
    direct, sky = looks[..., DIRECT] / np.float32(DIRECT_SCALE), looks[..., SKY] / np.float32(SKY_SCALE)
    share = float(direct_share.mean())
    shadow = (share * direct + (1 - share) * sky) < SHADOW_BELOW
    green = np.isin(classes, GREEN)
    y, x = np.meshgrid(
        -(np.arange(tile.row, tile.row + tile.height) + scene.row0 + 0.5) * texel,
        (np.arange(tile.col, tile.col + tile.width) + scene.col0 + 0.5) * texel,
        indexing="ij",
    )
    ground_y, ground_x = y[cell // 2 :: cell, :1], x[:1, cell // 2 :: cell]
    half = 0.5 * texel * (cell % 2 == 0)
    terrain = scene.terrain.height(*np.meshgrid(ground_x.ravel() - half, ground_y.ravel() + half))
    seen = np.where(shadow, np.uint8(Cover.SHADOW), classes)
    maps: Maps = {
        "terrain": terrain.astype(np.float32),
        "surface": (terrain + _mean(height * np.float32(UNIT_M), cell)).astype(np.float32),
        "height": _mean(height * np.float32(UNIT_M) * green, cell),
        "fvc_green": _mean(green, cell),
        "fvc_total": _mean(np.isin(classes, VEGETATION), cell),
        "shadow": _mean(shadow, cell),
        "class": _majority(seen, cell)[0].astype(np.float32),
        "biomass": _mean(biomass_of(looks[..., MATERIAL], height, x, y, scene.spec.seed), coarse),
    }
    table = reflectance_table()
    tone = 0.5 + looks[..., TONE] / np.float32(255)
    for index, band in enumerate(BANDS):
        light = np.float32(direct_share[index]) * direct + np.float32(1 - direct_share[index]) * sky
        maps[band] = _mean(table[index][looks[..., MATERIAL]] * tone * light, cell)
    pixel = max(1, round(MIXED_PIXEL_M / texel))
    purity = _majority(seen[: seen.shape[0] // pixel * pixel, : seen.shape[1] // pixel * pixel], pixel)[1]
    counts = np.bincount(seen.ravel(), minlength=len(Cover) + 1).astype(float)
    return maps, counts, np.array([(purity < MIXED_BELOW).sum(), purity.size], float)


def _blocks(values: NDArray[np.generic], cell: int) -> NDArray[np.generic]:
    rows, columns = values.shape
    return values.reshape(rows // cell, cell, columns // cell, cell)


def _mean(values: NDArray[np.generic], cell: int) -> NDArray[np.float32]:
    return np.asarray(_blocks(values, cell).mean(axis=(1, 3), dtype=np.float64), np.float32)


def _majority(classes: NDArray[np.uint8], cell: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Main class of every cell and its share."""
    best = np.zeros((classes.shape[0] // cell, classes.shape[1] // cell), np.uint8)
    share = np.zeros(best.shape, np.float32)
    for cover in Cover:
        part = _mean(classes == cover, cell)
        best = np.where(part > share, np.uint8(cover), best)
        share = np.maximum(part, share)
    return best, share


def write_rasters(folder: Path, scene: Scene, truth: SceneTruth, site: Site) -> None:
    """surface, terrain, height, class, cover, biomass, reflectance as COGs in the site's CRS."""
    files: dict[str, tuple[list[str], list[str], str]] = {
        "surface": (["surface"], ["m"], "average"),
        "terrain": (["terrain"], ["m"], "average"),
        "height": (["height"], ["m"], "average"),
        "class": (["class"], ["1"], "mode"),
        "ground": (["ground"], ["1"], "mode"),
        "cover": (["fvc_green", "fvc_total", "shadow"], ["1"] * 3, "average"),
        "biomass": (["biomass"], ["g/m2"], "average"),
        "reflectance": (list(BANDS), ["1"] * len(BANDS), "average"),
    }
    x_min, _, _, y_max = scene.bounds
    for name, (bands, units, overviews) in files.items():
        layers = np.stack([truth.maps[band] for band in bands])
        cell = BIOMASS_CELL_M if name == "biomass" else CELL_M
        grid = Grid(site.crs, site.centre[0] + x_min, site.centre[1] + y_max, cell, layers.shape[2], layers.shape[1])
        legend = {f"class_{cover.value}": cover.name.lower() for cover in Cover} if name == "class" else None
        dtype, nodata = {"class": ("uint8", 0), "ground": ("uint8", 255)}.get(name, ("float32", math.nan))
        path = folder / f"{name}.tif"
        with cog(
            path, grid, bands, dtype=dtype, nodata=nodata, overviews=overviews, tags=legend, units=units
        ) as writer:
            writer.write(Block(0, 0, grid.height, grid.width), layers)
