"""Green vegetation cover and shadow of a flight, with a second opinion and an uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.vegetation.cover_fitting import IndexCover
from uav_workflow.vegetation.cover_forest import COLOURS, train_forest
from uav_workflow.vegetation.cover_index import COVER_TIF, MUCH_MIXED, Borrowed, FittedIndexCover
from uav_workflow.vegetation.cover_methods import FOREST, FittedCover, Reading, choose_method, second_opinion
from uav_workflow.vegetation.cover_record import FIT_JSON, write_fit
from uav_workflow.vegetation.cover_sample import CoverSample, pooled_sample, widened
from uav_workflow.vegetation.cover_training import TrainingShapes
from uav_workflow.vegetation.end_members import EndMembers

FloatArray = NDArray[np.float32]

MUCH_SHADOW = 0.25
DISAGREE = 0.05
"""Difference of two opinions on the flight's cover that is reported."""
OPINIONS_TIF = "cover_opinions.tif"
SD_BAND = "sd"
"""Band of cover_opinions.tif beside the one named after a method."""
TOTAL_SD_BAND = "sd_total"
"""The same of fvc_total, where the method tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverSettings:
    """How cover is made.

    Attributes
    ----------
    method : str
        A name of `cover_methods.METHODS`, ``forest``, or ``auto``: a* where blue, green and red exist, NDVI otherwise.
    reading : str
        ``auto``, ``pure``, ``mixed``: see `cover_fitting.IndexCover`.
    ends : EndMembers, ``interior`` or ``percentiles``
        End members of mixed pixels.
    borrowed : Borrowed or None
        Threshold of another flight.
    training : TrainingShapes or None
        Of the forest.
    sample_pixels : int
        About so many pixels, spread over every block, make the pooled histogram.
    shadow_ratio : float
        Share of its class's median brightness below which a pixel lies in shadow.
    """

    method: str = "auto"
    reading: str = Reading.AUTO
    ends: EndMembers | str = "interior"
    borrowed: Borrowed | None = None
    training: TrainingShapes | None = None
    sample_pixels: int = 250_000
    shadow_ratio: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverFit:
    """What was fitted on a flight: the method, and the one that is asked beside it.

    Attributes
    ----------
    second : FittedIndexCover or None
        Another index where the bands allow one, else the first one's pixels read the other way.
    """

    first: FittedCover
    second: FittedIndexCover | None


def make_cover(reflectance: Path, out: Path, *, settings: CoverSettings) -> Made:
    """Write ``cover.tif`` and ``cover_opinions.tif``.

    cover.tif: bands fvc_green (0 - 1, NaN where missing or in shadow), fvc_total where the method tells it, and shadow
    (0/1, NaN where missing). One threshold for the whole flight: a threshold a tile would make seams.
    cover_fit.json: how other pictures of the flight are read the same way (not of a forest).
    cover_opinions.tif: fvc_green by another method, and ``sd``, what the fit leaves unsure.

    Parameters
    ----------
    reflectance : Path
        Raster with named bands, linear in radiance; relative will do.

    Raises
    ------
    NotMade
        The bands allow no method, there is nothing to tell apart, or the histogram has one hump and no threshold was
        borrowed.
    """
    with Raster(reflectance) as source:
        fit = fit_cover(source, out, settings=settings)
        tally = _write(source, out, fit)
        if isinstance(fit.first, FittedIndexCover):
            write_fit(fit.first, frozenset(band.lower() for band in source.bands), out / FIT_JSON)
    shadow_share = tally.shaded / tally.seen if tally.seen else 0.0
    facts: dict[str, Json] = {
        **fit.first.facts,
        "bands": list(fit.first.bands),
        "pixels": tally.seen,
        "shadow_share": shadow_share,
        "green_share_of_lit": tally.mean(),
        "second_opinion": None
        if fit.second is None
        else {"method": fit.second.name, "green_share_of_lit": tally.mean(fit.second.name)},
    }
    return Made(findings=(*fit.first.findings, *_findings(fit, tally, shadow_share)), facts=facts)


def fit_cover(source: Raster, out: Path, *, settings: CoverSettings) -> CoverFit:
    """Fit the method and the one beside it.

    Parameters
    ----------
    out : Path
        Folder; a forest is saved there.

    Raises
    ------
    NotMade
        See `make_cover`.
    """
    names = {band.lower(): band for band in source.bands}
    bands = frozenset(names)
    sample = pooled_sample(source, tuple(names[band] for band in names if band in _USED), settings.sample_pixels)
    if settings.method == FOREST:
        first: FittedCover = train_forest(source, settings.training, out)
    else:
        first = _first(sample, bands, settings)
    return CoverFit(first=first, second=_second(first, sample, bands, settings))


_USED = ("blue", "green", "red", "nir")


def _first(sample: CoverSample, bands: frozenset[str], settings: CoverSettings) -> FittedIndexCover:
    """Fit the named method; ``auto`` takes NDVI where colours show one hump and the infrared two.

    Raises
    ------
    NotMade
        See `make_cover`; what the first method said.
    """

    def fitted(name: str) -> FittedIndexCover:
        return IndexCover(
            method=choose_method(name, bands),
            shadow_ratio=settings.shadow_ratio,
            reading=settings.reading,
            ends=settings.ends,
            borrowed=settings.borrowed,
        ).fit(sample)

    try:
        return fitted(settings.method)
    except NotMade as reason:
        if settings.method != "auto" or not bands.issuperset((*COLOURS, "nir")):
            raise
        try:
            return replace(fitted("ndvi_otsu"), instead_of=choose_method("auto", bands).name)
        except NotMade:
            raise reason from None


def _second(
    first: FittedCover, sample: CoverSample, bands: frozenset[str], settings: CoverSettings
) -> FittedIndexCover | None:
    method = second_opinion(first.name, bands)
    if method is not None:
        try:
            return IndexCover(method=method, shadow_ratio=settings.shadow_ratio).fit(sample)
        except NotMade:
            pass
    if isinstance(first, FittedIndexCover) and first.ends is not None:
        return first.read(mixed=not first.mixed)
    return None


@dataclass(slots=True)
class _Tally:
    """Pixels counted over the blocks."""

    seen: int = 0
    shaded: int = 0
    lit: dict[str, int] = field(default_factory=dict)
    green: dict[str, float] = field(default_factory=dict)

    def add_shadow(self, shadow: FloatArray) -> None:
        self.seen += int(np.count_nonzero(np.isfinite(shadow)))
        self.shaded += int(np.count_nonzero(shadow == 1))

    def add(self, name: str, green: FloatArray) -> None:
        self.lit[name] = self.lit.get(name, 0) + int(np.count_nonzero(np.isfinite(green)))
        self.green[name] = self.green.get(name, 0.0) + float(np.nansum(green, dtype=np.float64))

    def mean(self, name: str = "") -> float | None:
        """Mean green cover of lit pixels."""
        return self.green[name] / self.lit[name] if self.lit.get(name) else None


def _write(source: Raster, out: Path, fit: CoverFit) -> _Tally:
    """Write both rasters, block by block."""
    names = {band.lower(): band for band in source.bands}
    layers = ("fvc_green", "fvc_total", "shadow") if fit.first.tells_total else ("fvc_green", "shadow")
    sds = (SD_BAND, TOTAL_SD_BAND) if fit.first.tells_total else (SD_BAND,)
    opinions = sds if fit.second is None else (fit.second.name, *sds)
    tags = {"method": fit.first.name, "threshold": str(fit.first.facts.get("threshold", ""))}
    tally = _Tally()
    with ExitStack() as stack:
        sink = stack.enter_context(cog(out / COVER_TIF, source.grid, layers, tags=tags, units=["1"] * len(layers)))
        beside = stack.enter_context(
            cog(out / OPINIONS_TIF, source.grid, opinions, tags={"first": fit.first.name}, units=["1"] * len(opinions))
        )
        for block in source.grid.blocks():
            wide, inner = widened(block, source.grid, fit.first.halo)
            found = fit.first.classify(source.read(wide, tuple(names[band] for band in fit.first.bands)))
            planes = [found.green, found.shadow] if found.total is None else [found.green, found.total, found.shadow]
            cover = np.stack(planes)[:, *inner]
            sink.write(block, cover)
            tally.add_shadow(cover[-1])
            tally.add("", cover[0])
            said = [found.sd[inner]] if found.total_sd is None else [found.sd[inner], found.total_sd[inner]]
            if fit.second is not None:
                green = fit.second.classify(source.read(block, tuple(names[band] for band in fit.second.bands))).green
                if found.total_sd is not None and fit.second.mixed:
                    said[-1] = _with_mixtures(said[-1], cover[0], green)
                said.insert(0, np.where(np.isfinite(cover[0]), green, np.float32(np.nan)))
                tally.add(fit.second.name, said[0])
            beside.write(block, np.stack(said))
    return tally


def _with_mixtures(sd: FloatArray, whole: FloatArray, mixed: FloatArray) -> FloatArray:
    """Uncertainty of total cover that names mixtures whole: beside ``sd``, how far green does so from its mixtures.

    Nothing measures mixtures of dead plants and soil; those of green and the rest are as common among the same pixels.
    """
    apart = np.abs(whole - mixed) / np.float32(np.sqrt(2))
    return np.asarray(np.where(np.isfinite(apart), np.hypot(sd, apart), sd), np.float32)


def _findings(fit: CoverFit, tally: _Tally, shadow_share: float) -> Sequence[Finding]:
    found = []
    if shadow_share > MUCH_SHADOW:
        text = f"{shadow_share:.0%} of the pixels lie in shadow and have no cover"
        found.append(warning("much-shadow", COVER_TIF, text, "fly nearer to noon or under an even sky"))
    if fit.second is not None and fit.first.name == FOREST and fit.second.mixed_share > MUCH_MIXED:
        text = f"{fit.second.mixed_share:.0%} of the lit pixels are mixtures, and a forest names each pixel whole"
        hint = "its accuracy on drawn shapes says nothing of mixtures: use an index, or fly lower"
        found.append(warning("forest-on-mixed-pixels", COVER_TIF, text, hint))
    name = fit.second.name if fit.second else ""
    mine, theirs = tally.mean(), tally.mean(name) if name else None
    if mine is not None and theirs is not None and abs(mine - theirs) > DISAGREE:
        text = f"{fit.first.name} finds {mine:.0%} green, {name} {theirs:.0%}: they differ by more than 5 points"
        found.append(warning("cover-disagreement", COVER_TIF, text, "compare with ground plots before using the cover"))
    return found
