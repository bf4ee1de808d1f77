"""Overlapping pictures held against each other: how far their reflectance disagrees, and gains that mend it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.block import BlockAdjustment, PairRatio, adjust_block, adjusted, disagreement
from calibration.factors import BOTH, PANEL, SUN_SENSOR, BandIllumination
from calibration.gates import judge
from calibration.image_file import read_picture
from calibration.plan import CalibrationPlan
from calibration.response import response
from calibration.settings import CalibrationSettings
from calibration.ties import PairTies, Points, band_shifts, tie_captures
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.errors import CalibrationError

_PATCHES_ACROSS = 32
"""Light is averaged over a square of this share of the picture's width: 41 pixels of 1280. Half of it leaves the views'
own differences in (garfield, four captures over twenty minutes: residual 5 - 7 % against 3.5 - 4.5 %)."""
_EDGE = 0.9
"""Share of the half diagonal beyond which vignetting is trusted least."""
_PRIOR_SIGMA = {BOTH: 0.2, SUN_SENSOR: 0.2}
"""Relative trust in single readings of a sun sensor under clouds; without one the light may have been anything."""
_PRIOR_WITHOUT_SENSOR = 0.5


@dataclass(frozen=True, slots=True)
class _Task:
    """One band picture to be sampled, at points of every pair its capture is in."""

    image: BandImage
    places: Mapping[int, Points]


def adjust_plan(
    plan: CalibrationPlan,
    settings: CalibrationSettings,
    *,
    workers: int = 2,
    ties: Sequence[PairTies] | None = None,
) -> CalibrationPlan:
    """The plan with the light of its survey pictures mended from their overlaps.

    ``block_adjustment`` ``auto``: where the light changed, as the sun sensor saw; where no sun sensor watched, the
    overlaps themselves tell whether it did. Bands without any overlap stay as they are.

    Parameters
    ----------
    ties : sequence of PairTies, optional
        Of the plan's survey captures; found by `tie_captures` when absent.

    A picture that can't be read stays as it is.
    """
    if not _asked(plan, settings):
        return plan
    if ties is None:
        ties = tie_captures(plan.captures, workers=workers)
    shifts = band_shifts(plan.captures, list(plan.light))
    images = {name: _band_of(plan, name) for name in plan.light}
    blocks: dict[str, BlockAdjustment] = {}
    for name, before in plan.light.items():
        ratios = _ratios(plan, images[name], ties, shifts[name], workers)
        block = adjust_block(len(images[name]), ratios, _PRIOR_SIGMA.get(before.basis, _PRIOR_WITHOUT_SENSOR))
        if block is not None:
            blocks[name] = block
    if not blocks:
        return plan
    sky = plan.sky.with_overlaps(float(np.median([np.std(np.log(block.gains)) for block in blocks.values()])))
    mend = settings.block_adjustment == "on" or sky.changing
    gates = [gate for name, block in blocks.items() for gate in _gates(name, block, settings, mended=mend)]
    if not mend:
        return replace(plan, sky=sky, gates=(*plan.gates, *gates))
    light = {
        name: _mended(before, blocks[name], images[name]) if name in blocks else before
        for name, before in plan.light.items()
    }
    return replace(plan, sky=sky, light=light, gates=(*plan.gates, *gates))


def _asked(plan: CalibrationPlan, settings: CalibrationSettings) -> bool:
    """Whether overlaps are looked at."""
    if settings.block_adjustment == "off" or len(plan.captures) < 2:
        return False
    return settings.block_adjustment == "on" or plan.sky.changing or plan.sky.unwatched


def _ratios(
    plan: CalibrationPlan,
    images: Sequence[BandImage | None],
    ties: Sequence[PairTies],
    shift: tuple[float, float],
    workers: int,
) -> list[PairRatio]:
    """Log ratios of one band; every picture is opened once, for all its pairs."""
    places: list[dict[int, Points]] = [{} for _ in images]
    for number, pair in enumerate(ties):
        places[pair.first][number] = pair.first_points + shift
        places[pair.second][number] = pair.second_points + shift
    tasks = [_Task(image, at) if image is not None and at else None for image, at in zip(images, places, strict=True)]
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        sampled = list(pool.map(lambda task: {} if task is None else _sample(plan, task), tasks))
    found = []
    for number, pair in enumerate(ties):
        one, two = sampled[pair.first].get(number), sampled[pair.second].get(number)
        if one is not None and two is not None:
            found.append(PairRatio.of(pair.first, pair.second, np.column_stack([one, two])))
    return [ratio for ratio in found if ratio is not None]


def _sample(plan: CalibrationPlan, task: _Task) -> dict[int, NDArray[np.float64]]:
    """Mean of a patch round every point; NaN at edges, and where a pixel is saturated or defective.

    Nothing of a picture that can't be read, which is said when its turn comes to be calibrated.
    """
    import cv2

    try:
        own = response(plan.model, task.image)
        picture = read_picture(task.image.path)
    except CalibrationError:
        return {}
    light, invalid = replace(own, scale=own.scale / plan.divisor(task.image)).apply(picture.dn)
    height, width = light.shape
    half = max(2, width // _PATCHES_ACROSS // 2)
    side = (2 * half + 1, 2 * half + 1)
    mean = cv2.boxFilter(light, -1, side)
    bad = cv2.dilate(invalid.astype(np.uint8), np.ones(side, np.uint8))
    values = {}
    for number, points in task.places.items():
        columns, rows = np.rint(points).astype(int).T
        radius = np.hypot(columns - width / 2, rows - height / 2) / (math.hypot(width, height) / 2)
        good = (columns >= half) & (rows >= half) & (columns < width - half) & (rows < height - half) & (radius < _EDGE)
        columns, rows = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
        values[number] = np.where(good & (bad[rows, columns] == 0), mean[rows, columns], np.nan).astype(np.float64)
    return values


def _mended(light: BandIllumination, block: BlockAdjustment, images: Sequence[BandImage | None]) -> BandIllumination:
    names = ["" if image is None else image.name for image in images]
    start = light.irradiance or dict.fromkeys((name for name in names if name), math.pi)
    uncertainty = dict(light.uncertainty)
    if uncertainty:
        # a single reading of the sensor no longer decides about a picture, its neighbours do
        uncertainty.pop("sun_sensor", None)
        uncertainty.pop("combined")
        uncertainty["block"] = block.relative_error
        if light.basis == PANEL:
            # the panel saw the light of a moment, and nothing ties that moment to the mean of the flight
            uncertainty["level"] = float(np.std(np.log(block.gains)))
        uncertainty["combined"] = math.sqrt(sum(value**2 for value in uncertainty.values()))
    return replace(
        light,
        irradiance=adjusted(start, names, block.gains),
        uncertainty=uncertainty,
        adjustment=_json(block),
    )


def _json(block: BlockAdjustment) -> dict[str, Json]:
    return {
        "pairs": block.pairs,
        "ties": block.ties,
        "unlinked": block.unlinked,
        "residual_before": block.before,
        "residual_after": block.after,
        "largest_gain": float(np.exp(np.abs(np.log(block.gains)).max())),
    }


def _gates(band: str, block: BlockAdjustment, settings: CalibrationSettings, *, mended: bool) -> list[Gate]:
    residual = judge("overlap-residual", block.after if mended else block.before, settings.limits, about=band)
    if not mended:
        return [residual]
    largest = float(np.exp(np.abs(np.log(block.gains)).max()))
    return [residual, judge("block-gain", largest, settings.limits, about=band)]


def overlap_residual(plan: CalibrationPlan, ties: Sequence[PairTies], band: str) -> float:
    """Median of |ratio - 1| over the common places of a band, as the plan's light stands; NaN without overlap."""
    ratios = _ratios(plan, _band_of(plan, band), ties, band_shifts(plan.captures, [band])[band], 2)
    return disagreement(ratios, np.zeros(len(plan.captures))) if ratios else math.nan


def _band_of(plan: CalibrationPlan, band: str) -> list[BandImage | None]:
    """Picture of a band in every capture."""
    return [next((image for image in c.images if image.band.name == band), None) for c in plan.captures]
