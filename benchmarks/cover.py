"""``python -m benchmarks cover``: green cover of square metres against the truth, by camera, pixel and method."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cover_scenes import SIDE_M, orthomosaic, paint
from benchmarks.figures import Figure
from benchmarks.reached import digest_of_code
from benchmarks.small_seeds import add_seeds, measure_small
from uav_workflow.errors import NotMade
from uav_workflow.rasters.reader import Raster
from uav_workflow.simulation.sky import Sky
from uav_workflow.vegetation.cover import OPINIONS_TIF, SD_BAND, CoverSettings, make_cover

Floats = NDArray[np.float64]
Figures = dict[str, list[float]]

MADE_BY = digest_of_code("benchmarks/cover.py")
SKIES = tuple(Sky)
GSD_M = (0.01, 0.03)
RMSE = {0.01: 0.03, 0.03: 0.06}
BIAS = 0.02
LEAST_SCORED = 0.9
CAMERAS = {
    "rgb": (
        ("auto", "auto"),
        ("a_star_otsu", "pure"),
        ("gli_otsu", "auto"),
        ("a_star_hagfvc", "auto"),
        ("exgr", "auto"),
        ("a_star_dimidiate", "auto"),
    ),
    "rig": (
        ("auto", "auto"),
        ("a_star_otsu", "pure"),
        ("ndvi_otsu", "auto"),
        ("ndvi_otsu", "pure"),
        ("a_star_hagfvc", "auto"),
        ("exgr", "auto"),
    ),
}
"""Camera -> (method, reading of pixels); the first is the default and has bounds."""


def measure_cover(seeds: Sequence[int], keep: Path, say: Callable[[str], None]) -> list[Figure]:
    """Every figure; those of a finished meadow are remembered in ``keep`` by the code's digest."""
    found = [_remembered(seed, keep, say) for seed in seeds]
    figures: list[Figure] = []
    for camera, methods in CAMERAS.items():
        for gsd in GSD_M:
            for method, reading in methods:
                key = _key(camera, gsd, method, reading)
                errors = np.array([value for each in found for value in each.get(key, [])])
                bounded = method == "auto"
                figures += _rows(f"{_title(camera)}, {100 * gsd:g} cm, {method}{_as(reading)}", errors, gsd, bounded)
                if bounded:
                    sds = np.array([value for each in found for value in each.get(f"{key} sd", [])])
                    figures.append(_held(errors, sds))
    return figures


def _rows(what: str, errors: Floats, gsd: float, bounded: bool) -> list[Figure]:
    scored = errors[np.isfinite(errors)]
    # a square metre in shadow is rightly left empty; many empty ones are a failure
    enough = scored.size >= LEAST_SCORED * errors.size and scored.size > 0
    rmse, bias = (float(np.sqrt(np.mean(scored**2))), float(scored.mean())) if enough else (math.nan, math.nan)
    return [
        Figure(
            what=f"{what}: RMSE of {scored.size} of {errors.size} m2",
            value=rmse,
            unit="1",
            bound=RMSE[gsd] if bounded else None,
        ),
        Figure(what="… bias", value=bias, unit="1"),
        *([Figure(what="… bias in size", value=abs(bias), unit="1", bound=BIAS)] if bounded else []),
    ]


def _held(errors: Floats, sds: Floats) -> Figure:
    """Share of errors inside 1.645 of the uncertainty that the plot table states."""
    known = np.isfinite(errors) & np.isfinite(sds)
    inside = float(np.mean(np.abs(errors) <= 1.645 * sds, where=known)) if known.any() else math.nan
    return Figure(what="… inside 1.645 x the stated uncertainty", value=inside, unit="1")


def _remembered(seed: int, keep: Path, say: Callable[[str], None]) -> Figures:
    place = keep / "results" / f"cover-{MADE_BY}" / f"{seed}.json"
    if place.exists():
        say(f"cover {seed}: remembered")
        known: Figures = json.loads(place.read_text(encoding="utf-8"))
        return known
    sky = SKIES[seed % len(SKIES)]
    say(f"cover {seed}: a meadow under a sky that is {sky}")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        meadow = paint(seed, scratch, sky)
        for camera, methods in CAMERAS.items():
            for gsd in GSD_M:
                mosaic = orthomosaic(meadow, camera, gsd, scratch, seed)
                for method, reading in methods:
                    key = _key(camera, gsd, method, reading)
                    cover, sd = _cover(mosaic, scratch, method, reading)
                    figures[key] = (cover - meadow.fvc_green).ravel().tolist()
                    figures[f"{key} sd"] = sd.ravel().tolist()
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".draft")
    draft.write_text(json.dumps(figures), encoding="utf-8")
    draft.rename(place)
    return figures


def _cover(mosaic: Path, out: Path, method: str, reading: str) -> tuple[Floats, Floats]:
    """Cover of every square metre and its uncertainty as the plot table has it; NaN where the method made none."""
    try:
        make_cover(mosaic, out, settings=CoverSettings(method=method, reading=reading))
    except NotMade:
        none = np.full((SIDE_M, SIDE_M), np.nan)
        return none, none
    with Raster(out / "cover.tif") as raster:
        cover = _square_metres(raster.band("fvc_green"))
    with Raster(out / OPINIONS_TIF) as raster:
        said = {band: _square_metres(raster.band(band)) for band in raster.bands}
    fitted = said.pop(SD_BAND)
    second = next(iter(said.values()), cover)
    return cover, np.hypot(fitted, (cover - second) / math.sqrt(2))


def _square_metres(plane: NDArray[np.float32]) -> Floats:
    """Means of pixels whose centres lie in each square metre."""
    edges = np.ceil(np.arange(SIDE_M + 1) * plane.shape[0] / SIDE_M - 0.5).astype(int)
    lit = np.isfinite(plane)
    total, count = (
        np.add.reduceat(np.add.reduceat(part, edges[:-1], 0), edges[:-1], 1)
        for part in (np.where(lit, plane, 0).astype(np.float64), lit.astype(np.float64))
    )
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _key(camera: str, gsd: float, method: str, reading: str) -> str:
    return f"{camera} {gsd:g} {method} {reading}"


def _title(camera: str) -> str:
    return "RGB" if camera == "rgb" else "rig"


def _as(reading: str) -> str:
    return "" if reading == "auto" else f" with {reading} pixels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m benchmarks cover``."""
    add_seeds(parser, [1, 2, 3])


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 4 when a bound is missed."""
    return measure_small(arguments, measure_cover)
