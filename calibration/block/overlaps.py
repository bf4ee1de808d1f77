"""Overlapping pictures held against each other: how far their reflectance disagrees, and gains that mend it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.block.adjustment import BlockAdjustment, adjust_block, adjusted, disagreement, without_trend
from calibration.block.lean import SensorLean, certain_lean, fit_lean
from calibration.block.sampling import PairSample, pair_ratios, sample_pairs
from calibration.block.ties import PairTies, band_places, tie_captures
from calibration.block.view_fit import fit_view
from calibration.gates import judge
from calibration.planning.factors import BOTH, PANEL, SUN_SENSOR, BandIllumination
from calibration.planning.plan import CalibrationPlan
from calibration.planning.settings import CalibrationSettings
from calibration.planning.view import ViewCorrection, ViewGeometry, ViewModel
from calibration.sun.series import Moments
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json
from uav_workflow.domain.quality import Gate
from uav_workflow.flights.geometry import local_positions

_PRIOR_SIGMA = {BOTH: 0.2, SUN_SENSOR: 0.2}
"""Relative trust in single readings of a sun sensor under clouds; without one the light may have been anything."""
_PRIOR_WITHOUT_SENSOR = 0.5

_Images = Mapping[str, Sequence[BandImage | None]]


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
    look, view_wanted = _asked(plan, settings), settings.view_correction != "off"
    if not look and not view_wanted:
        return plan
    if ties is None:
        ties = tie_captures(plan.captures, workers=workers)
    beside = band_places(plan.captures, list(plan.light))
    images = {name: _band_of(plan, name) for name in plan.light}
    geometry = _geometry_of(plan, images) if view_wanted else {}
    models: dict[str, ViewModel] = {}
    places = local_positions(plan.captures)
    blocks: dict[str, BlockAdjustment] = {}
    for name, row in images.items():  # a band at a time: places of a long flight fill a hundred megabytes
        samples = sample_pairs(plan, row, ties, beside[name], workers)
        model = _view_of(plan, row, samples, geometry)
        if model is not None:
            models[name] = model
            view = ViewCorrection(models, geometry)
            samples = [sample.corrected(row, view) for sample in samples]
        prior = _PRIOR_SIGMA.get(plan.light[name].basis, _PRIOR_WITHOUT_SENSOR)
        ratios = pair_ratios(samples) if look else []
        block = adjust_block(len(row), ratios, prior)
        if block is not None:  # there are ratios
            watched = plan.light[name].basis in {BOTH, SUN_SENSOR}
            blocks[name] = without_trend(block, ratios, places) if watched else block
    if view_wanted:
        plan = replace(plan, view=ViewCorrection(models, geometry))
    return _adjusted(plan, settings, images, blocks) if blocks else plan


def _adjusted(
    plan: CalibrationPlan, settings: CalibrationSettings, images: _Images, blocks: Mapping[str, BlockAdjustment]
) -> CalibrationPlan:
    """The plan with gains of single pictures where the light changed, and its gates about overlaps."""
    sky = plan.sky.with_overlaps(float(np.median([np.std(np.log(block.gains)) for block in blocks.values()])))
    mend = settings.block_adjustment == "on" or sky.changing
    gates = [gate for name, block in blocks.items() for gate in _gates(name, block, settings, mended=mend)]
    if not mend:
        return replace(plan, sky=sky, gates=(*plan.gates, *gates))
    lean = _lean_of(plan, blocks, images)
    light = {
        name: _mended(before, blocks[name], images[name], lean, _beside(plan, name, images[name], lean))
        if name in blocks
        else before
        for name, before in plan.light.items()
    }
    return replace(plan, sky=sky, light=light, gates=(*plan.gates, *gates))


def _geometry_of(plan: CalibrationPlan, images: _Images) -> dict[str, ViewGeometry]:
    """Geometry of every survey picture; empty where attitude, focal length or sun of any is unknown."""
    every = [image for row in images.values() for image in row if image is not None]
    known = {image.name: own for image in every if (own := ViewGeometry.of(image, plan.model)) is not None}
    return known if len(known) == len(every) else {}


def _view_of(
    plan: CalibrationPlan,
    images: Sequence[BandImage | None],
    samples: Sequence[PairSample],
    geometry: Mapping[str, ViewGeometry],
) -> ViewModel | None:
    """Walthall's model of one band; None without geometry or overlaps."""
    views = [two for sample in samples if (two := sample.views(geometry, images)) is not None]
    return fit_view(len(images), views, steady=not (plan.sky.changing or plan.sky.unwatched))


def _asked(plan: CalibrationPlan, settings: CalibrationSettings) -> bool:
    """Whether overlaps are looked at."""
    if settings.block_adjustment == "off" or len(plan.captures) < 2:
        return False
    return settings.block_adjustment == "on" or plan.sky.changing or plan.sky.unwatched


def _lean_of(plan: CalibrationPlan, blocks: Mapping[str, BlockAdjustment], images: _Images) -> SensorLean | None:
    """Lean of the sun sensor, from the bands that have both sensor and panel and a picture in every capture."""
    fits = []
    for name, block in blocks.items():
        flown = [image for image in images[name] if image is not None]
        if plan.light[name].basis == BOTH and len(flown) == len(images[name]):
            fits.append(fit_lean(flown, np.log(block.gains), plan.model))
    return certain_lean([fit for fit in fits if fit is not None])


def _beside(
    plan: CalibrationPlan, band: str, images: Sequence[BandImage | None], lean: SensorLean | None
) -> dict[str, float]:
    """Log error that a leaning sensor left in a band's panel factor, at every survey picture."""
    pictured = {image.name: image for capture in plan.panel_pictures for image in capture.images}
    at_panel = [pictured[reading.image] for reading in plan.panels if reading.band == band and reading.albedo]
    if lean is None or plan.light[band].basis != BOTH or not at_panel:
        return {}
    errors = lean.beside(at_panel, plan.model)
    if errors is None:
        return {}
    flown = [image for image in images if image is not None]
    seconds = Moments.of([*flown, *at_panel]).seconds
    if not np.isfinite(seconds).all():
        return dict.fromkeys((image.name for image in flown), float(errors.mean()))
    ranks = np.argsort(seconds[len(flown) :])
    along = np.interp(seconds[: len(flown)], seconds[len(flown) :][ranks], errors[ranks])
    return {image.name: float(error) for image, error in zip(flown, along, strict=True)}


def _mended(
    light: BandIllumination,
    block: BlockAdjustment,
    images: Sequence[BandImage | None],
    lean: SensorLean | None,
    beside: Mapping[str, float],
) -> BandIllumination:
    names = ["" if image is None else image.name for image in images]
    start = light.irradiance or dict.fromkeys((name for name in names if name), math.pi)
    # what the sensor read too much beside the panel made the factor too small by as much
    start = {name: value * math.exp(beside.get(name, 0.0)) for name, value in start.items()}
    return replace(
        light,
        irradiance=adjusted(start, names, block.gains),
        uncertainty=uncertainty_after(light, block),
        adjustment=_json(block) | {"sun_sensor_lean": lean.to_json() if lean and beside else None},
    )


def uncertainty_after(light: BandIllumination, block: BlockAdjustment) -> dict[str, float]:
    """Relative uncertainties of a band's light once its pictures have the gains of the block; none where it had none.

    Where a sun sensor watched, its neighbours decide about a picture and no longer a single reading. Without one the
    overlaps tell how the light went between the visits to the panel, but not its mean over the flight: that is known
    from the visits alone, each a moment like any other (``level``).
    """
    parts = dict(light.uncertainty)
    if not parts:
        return {}
    for name in ("combined", "sun_sensor", *(("drift", "drift_assumed") if light.basis == PANEL else ())):
        parts.pop(name, None)
    parts["block"] = block.relative_error
    if light.basis == PANEL:
        parts["level"] = float(np.std(np.log(block.gains))) / math.sqrt(max(1, len(light.visits)))
    return parts | {"combined": math.sqrt(sum(value**2 for value in parts.values()))}


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
    samples = sample_pairs(plan, _band_of(plan, band), ties, band_places(plan.captures, [band])[band], 2)
    ratios = pair_ratios(samples)
    return disagreement(ratios, np.zeros(len(plan.captures))) if ratios else math.nan


def _band_of(plan: CalibrationPlan, band: str) -> list[BandImage | None]:
    """Picture of a band in every capture."""
    return [next((image for image in c.images if image.band.name == band), None) for c in plan.captures]
