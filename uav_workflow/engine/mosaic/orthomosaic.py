"""The orthomosaic: photos projected on the surface, tile by tile, one source a pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.inputs.photo_cache import LeastRecent, read_pixels
from uav_workflow.engine.mosaic.plan import plan_mosaic
from uav_workflow.engine.mosaic.sampling import PhotoShelf, picture_reduction
from uav_workflow.engine.mosaic.seam_steps import SeamSteps, seam_steps
from uav_workflow.engine.mosaic.sources import BandLayer, Source, sources_of
from uav_workflow.engine.mosaic.tiles import TileMaker
from uav_workflow.engine.mosaic.visibility import DepthBuffer, Lookout, depth_buffer
from uav_workflow.engine.mosaic.writer import MosaicWriter, mosaic_files
from uav_workflow.engine.surface.model import Surface
from uav_workflow.rasters.band_shift import BandShift, band_shifts
from uav_workflow.rasters.cache import bounded_cache

TILE = 1024
_NEAR = 4 * TILE
Progress = Callable[[float], None]

_PLAN_SHARE, _TILES_SHARE = 0.3, 0.65
"""Shares of the time until the plan stands, and for the tiles; the rest goes to looking at what was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicFacts:
    """What was rendered, and how it was found to be.

    Attributes
    ----------
    captures : tuple of str
        In the order of source_index.tif: index 1 is the first.
    covered_share : float
        Share of the grid that has content.
    hidden_share : float
        Share of that which no photo sees unhidden.
    seams : SeamSteps
        Steps across seams, in the mosaic's own values.
    band_shifts : tuple of BandShift
        Of every band against the reference band, pixels; empty for a picture.
    """

    orthomosaic: Path
    source_index: Path
    views: Path
    captures: tuple[str, ...]
    bands: tuple[str, ...]
    covered_share: float
    hidden_share: float
    seams: SeamSteps
    band_shifts: tuple[BandShift, ...]


def render_orthomosaic(
    reconstruction: Reconstruction,
    bands: Sequence[BandLayer],
    surface: Surface,
    grid: Grid,
    out: Path,
    *,
    cache_mib: int = 512,
    progress: Progress | None = None,
) -> MosaicFacts:
    """Render the photos over ``surface.filled`` and write ``out``, source_index.tif and views.tif beside it.

    Seams are laid once for the whole mosaic, on cells of some pixels (`plan_mosaic`): ground is taken from the photo
    that looks down on it most steeply, in few pieces that meet where the photos look alike. One layer of 8-bit
    three-channel photos is a picture: exposure is evened and tones pass into each other; a pixel hidden in every photo
    takes the best of them and has 0 in views.tif. All else is measurement: every band of a pixel is a bilinear sample
    of one capture, nothing is changed; a pixel that is no number or saturated in any band is taken from the next best
    capture, and one hidden everywhere is left out.

    Parameters
    ----------
    bands : sequence of BandLayer
        First the band on which the choice of view is made (the one the surface was made from).
    grid : Grid
        Pixels to render, in the reconstruction's CRS.
    out : Path
        GeoTIFF: the bands in the source's dtype, then alpha (255 where every band has content, else 0).
    cache_mib : int
        Memory for decoded photos.

    Raises
    ------
    EngineError
        No capture has all bands placed, or a photo is of another kind than the first.
    """
    sources, report = sources_of(reconstruction, bands), progress or (lambda share: None)
    captures = tuple(source.name for source in sources)
    example = read_pixels(sources[0].paths[0])
    names = ("red", "green", "blue") if example.ndim == 3 else tuple(layer.name for layer in bands)
    picture = len(bands) == 1 and example.ndim == 3 and example.dtype == np.uint8
    lookout = _lookout(sources, surface, grid, cache_mib)
    plan = plan_mosaic(sources, lookout, grid, picture=picture)
    report(_PLAN_SHARE)
    shelf = PhotoShelf(cache_mib, example, picture_reduction(grid.pixel_m / lookout.reach[1]) if picture else 1)
    maker = TileMaker(sources, plan, lookout, grid, shelf, picture=picture)
    files = out, out.with_name("source_index.tif"), out.with_name("views.tif")
    with bounded_cache():
        with mosaic_files(files, grid, names, str(example.dtype), captures) as mosaic:
            _render(maker, grid, mosaic, lambda share: report(_PLAN_SHARE + _TILES_SHARE * share))
        return MosaicFacts(
            orthomosaic=files[0],
            source_index=files[1],
            views=files[2],
            captures=captures,
            bands=names,
            covered_share=mosaic.covered / (grid.width * grid.height),
            hidden_share=mosaic.hidden / max(mosaic.covered, 1),
            seams=seam_steps(files[0], files[1]),
            band_shifts=tuple(band_shifts(files[0])) if len(bands) > 1 else (),
        )


def _render(maker: TileMaker, grid: Grid, mosaic: MosaicWriter, report: Progress) -> None:
    # tiles of one neighbourhood after another: they share photos, which are decoded once
    blocks = sorted(grid.blocks(TILE), key=lambda block: (block.row // _NEAR, block.col // _NEAR))
    for k, block in enumerate(blocks, start=1):
        tile = maker.tile(block)
        if tile is not None:
            mosaic.write(block, tile)
        report(k / len(blocks))


def _lookout(sources: Sequence[Source], surface: Surface, grid: Grid, cache_mib: int) -> Lookout:
    buffers: LeastRecent[DepthBuffer] = LeastRecent(cache_mib << 19, lambda buffer: buffer.depths.nbytes)
    return Lookout(
        relief=surface.relief,
        offset=surface.offset,
        reach=np.array([3.0 * surface.grid.pixel_m + 6.0 * grid.pixel_m, _usual_gsd(sources, surface)]),
        depths=lambda view: buffers.get(view.image, lambda: depth_buffer(view, surface.relief)),
    )


def _usual_gsd(sources: Sequence[Source], surface: Surface) -> float:
    """Median ground sampling distance of the first band's photos, metres."""
    ground = float(np.nanmedian(surface.filled[::16, ::16]))
    each = [(source.views[0].centre[2] - ground) / source.views[0].focal for source in sources]
    return max(float(np.median(each)), 1e-4)
