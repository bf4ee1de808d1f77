"""Green vegetation cover and shadow of a flight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.findings import warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.vegetation.cover_methods import choose_method

MUCH_SHADOW = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverSettings:
    """How cover is made.

    Attributes
    ----------
    method : str
        ``a_star_otsu``, ``ndvi_otsu``, or ``auto``: a* where blue, green and red exist, NDVI otherwise. Each pixel is
        green or not. ``a_star_dimidiate``, ``ndvi_dimidiate``: each pixel is a mixture, for pixels larger than leaves.
    sample_pixels : int
        About so many pixels, spread over every block, make the pooled histogram.
    shadow_ratio : float
        Share of its class's median brightness below which a pixel lies in shadow.
    """

    method: str = "auto"
    sample_pixels: int = 1_000_000
    shadow_ratio: float = 0.3


def make_cover(reflectance: Path, out: Path, *, settings: CoverSettings) -> Made:
    """Write ``cover.tif``: bands fvc_green (0 - 1, NaN where missing or in shadow) and shadow (0/1, NaN where missing).

    One threshold for the whole flight: a threshold a tile would make seams.

    Parameters
    ----------
    reflectance : Path
        Raster with named bands, linear in radiance; relative will do.

    Raises
    ------
    NotMade
        The bands allow no method, or there is nothing to tell apart.
    """
    with Raster(reflectance) as source:
        names = {band.lower(): band for band in source.bands}
        method = choose_method(settings.method, frozenset(names), shadow_ratio=settings.shadow_ratio)
        bands = tuple(names[band] for band in method.bands)
        fitted = method.fit(_pooled_sample(source, bands, settings.sample_pixels))
        seen = shaded = 0
        green = 0.0
        tags = {"method": method.name, "threshold": str(fitted.facts.get("threshold", ""))}
        layers = fitted.layers
        with cog(out / "cover.tif", source.grid, layers, tags=tags, units=["1"] * len(layers)) as sink:
            for block in source.grid.blocks():
                cover = fitted.classify(source.read(block, bands))
                sink.write(block, cover)
                shadow = cover[layers.index("shadow")]
                seen += int(np.count_nonzero(np.isfinite(shadow)))
                shaded += int(np.count_nonzero(shadow == 1))
                green += float(np.nansum(cover[layers.index("fvc_green")], dtype=np.float64))
    lit = seen - shaded
    shadow_share = shaded / seen if seen else 0.0
    facts: dict[str, Json] = {
        **fitted.facts,
        "bands": list(method.bands),
        "pixels": seen,
        "shadow_share": shadow_share,
        "green_share_of_lit": green / lit if lit else None,
    }
    findings = fitted.findings
    if shadow_share > MUCH_SHADOW:
        findings += (
            warning(
                "much-shadow",
                "cover.tif",
                f"{shadow_share:.0%} of the pixels lie in shadow and have no cover",
                "fly nearer to noon or under an even sky",
            ),
        )
    return Made(findings=findings, facts=facts)


def _pooled_sample(source: Raster, bands: tuple[str, ...], wanted: int) -> NDArray[np.float32]:
    """Pixels of every block on a lattice, its corner drawn at random per block, as (bands, n) without missing ones."""
    step = max(1, math.isqrt(source.grid.width * source.grid.height // max(wanted, 1)))
    draw = np.random.default_rng(0)
    parts = []
    for block in source.grid.blocks():
        row, col = draw.integers(0, step, size=2)
        part = source.read(block, bands)[:, row::step, col::step].reshape(len(bands), -1)
        parts.append(part[:, np.isfinite(part).all(axis=0)])
    return np.concatenate(parts, axis=1)
