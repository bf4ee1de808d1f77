"""Which pictures a mosaic's pixels come from, and what the calibration says of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from calibration.mosaic.budget import Photos
from calibration.mosaic.repeatability import Repeatability, measure_evened, measure_repeatability
from calibration.mosaic.sightings import PatchReader, Places, look, places_on, views_of
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.errors import CalibrationError, RasterError
from uav_workflow.rasters.reader import Raster

_WHITE = 0.99
"""Linear light from which an RGB photo is saturated."""
_THINNED = 250_000
"""Pixels that tell the usual height of a surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicInputs:
    """Files a reflectance mosaic is made from; all but the first may be absent.

    Attributes
    ----------
    orthomosaic : Path
        source_index.tif is looked for beside it.
    captures : Path or None
        Folder of `captures.calibrate_captures`; None when the captures were not calibrated.
    reconstruction : Reconstruction or None
        Placed photos. With them and the surface the photos are compared where they overlap.
    surface : Path or None
        Heights in metres.
    photos : mapping
        RGB photos as they were taken, by name; they are compared in place of calibrated captures.
    """

    orthomosaic: Path
    captures: Path | None = None
    reconstruction: Reconstruction | None = None
    surface: Path | None = None
    photos: Mapping[str, Path] = field(default_factory=dict)

    def calibration(self) -> Mapping[str, Any]:
        """calibration.json; empty when the captures were not calibrated.

        Raises
        ------
        CalibrationError
            It can't be read.
        """
        if self.captures is None:
            return {}
        path = self.captures / "calibration.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            document["bands"], document["quantity"], document["cap"]
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise CalibrationError(f"{path}: not a calibration.json ({exc!r}); calibrate the captures again") from exc
        found: Mapping[str, Any] = document
        return found

    def sources(self) -> SourceIndex:
        """The sources of the mosaic's pixels; none where the node does not tell."""
        path = self.orthomosaic.with_name("source_index.tif")
        if not path.is_file():
            return SourceIndex(path=None, names=())
        try:
            with rasterio.open(path) as dataset:
                names = json.loads(dataset.tags().get("sources", "[]"))
        except (rasterio.errors.RasterioIOError, ValueError) as exc:
            raise RasterError(f"{path}: can't be read ({exc})") from exc
        return SourceIndex(path=path if names else None, names=tuple(names))

    def source_places(self) -> NDArray[np.float64]:
        """`SourceReader.places` of every source; NaN where its photo was not placed."""
        names, poses = self.sources().names, self.reconstruction
        places = np.full((len(names) + 1, 3), np.nan)
        if poses is None or self.surface is None:
            return places
        ground = _usual_height(self.surface)
        shots = {shot.image: shot for shot in poses.shots}
        for number, name in enumerate(names, start=1):
            if name in shots:
                centre = shots[name].centre
                places[number] = centre[0] + poses.offset[0], centre[1] + poses.offset[1], centre[2] - ground
        return places

    def repeatability(
        self, known: Mapping[str, Any], patch_at: PatchReader, *, correct: bool
    ) -> dict[str, Repeatability]:
        """What the photos of each band say differently about the same ground; empty where it can't be told.

        RGB photos are compared in green, apart from their exposures, and answer for all their bands under the name
        ``RGB``. Photos are read one at a time.

        Parameters
        ----------
        patch_at : callable
            See `LinearMosaic.patch_at`.
        correct : bool
            Whether what slanted views do to calibrated captures may be taken out of the mosaic; photos of unknown
            exposure don't tell it apart from their levels.
        """
        poses = self.reconstruction
        if poses is None or self.surface is None:
            return {}
        cap = float(known.get("cap", math.inf)) if known else _WHITE
        found = {}
        places: Places | None = None
        for band, pictures in self._pictures(known).items():
            views = views_of(poses, pictures)
            if len(views) < 2:
                continue
            if places is None:  # cameras of a rig fly together: the first band's places do for all
                places = places_on(self.surface, views, poses.offset, patch_at)
            seen = look(views, places, cap)
            measured = measure_repeatability(seen, correct=correct) if known else measure_evened(seen, places)
            if measured is not None:
                found[band] = measured
        return found

    def _pictures(self, known: Mapping[str, Any]) -> dict[str, dict[str, Path]]:
        """Band to pictures by name."""
        if not known:
            return {"RGB": dict(self.photos)}
        folder = self.captures or Path()
        of_band: dict[str, dict[str, Path]] = {str(row["band"]): {} for row in known["bands"]}
        for name, facts in (known.get("images") or {}).items():
            if facts.get("band") in of_band and (folder / name).is_file():
                of_band[facts["band"]][name] = folder / name
        return of_band


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIndex:
    """source_index.tif and the names of its sources, number 1 first; no path where there is none."""

    path: Path | None
    names: Sequence[str]

    def photos(self, known: Mapping[str, Any], band: str) -> Photos:
        """What calibration.json says of every source's picture in a band; of all pictures where sources are unknown."""
        images: Mapping[str, Mapping[str, Any]] = known.get("images") or {}
        of_band = {facts.get("capture"): facts for facts in images.values() if facts.get("band") == band}
        if self.path is None:
            return Photos(facts=tuple(of_band.values()))
        capture_of = {sent: facts.get("capture") for name, facts in images.items() for sent in _sent_names(name)}
        return Photos(facts=tuple(of_band.get(capture_of.get(name), {}) for name in self.names))


def _usual_height(surface: Path) -> float:
    """Median height of a surface, from a thinned-out reading of it."""
    with rasterio.open(surface) as dataset:
        step = max(1, math.isqrt(dataset.width * dataset.height // _THINNED))
        shape = (max(1, dataset.height // step), max(1, dataset.width // step))
        heights = dataset.read(1, out_shape=shape, masked=True).filled(np.nan)
    return float(np.nanmedian(heights)) if np.isfinite(heights).any() else math.nan


def _sent_names(name: str) -> tuple[str, str]:
    """Names a picture may have on the node: its base name, or its path with underscores."""
    return name.replace("/", "_"), name.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReader:
    """Numbers of the sources, block by block, and from where they see.

    Attributes
    ----------
    raster : Raster or None
        Without an index all numbers are 0.
    places : float32 (sources + 1, 3)
        Easting, northing and height above ground of every source's camera; NaN where unknown, as for number 0.
    usual : float
        Tangent of the angle from nadir where a source's place is unknown, split evenly over both directions.
    """

    raster: Raster | None
    places: NDArray[np.float64]
    usual: float

    def read(self, grid: Grid, block: Block) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers (rows, columns), and directions (2, rows, columns): metres east and north a metre up."""
        even = np.float32(self.usual / math.sqrt(2))
        if self.raster is None:
            return np.zeros((block.height, block.width), np.int64), np.full((2, block.height, block.width), even)
        numbers = np.nan_to_num(self.raster.read(block)[0]).astype(np.int64)
        numbers = np.where((numbers > 0) & (numbers < len(self.places)), numbers, 0)
        # offsets from the block's corner stay exact in single precision
        window = grid.window(block)
        east, north, high = (self.places - (window.x_min, window.y_max, 0.0)).astype(np.float32).T
        x = ((np.arange(block.width) + 0.5) * grid.pixel_m).astype(np.float32)
        y = ((np.arange(block.height) + 0.5) * -grid.pixel_m).astype(np.float32)
        direction = np.stack([east[numbers] - x, north[numbers] - y[:, None]]) / high[numbers]
        return numbers, np.where(np.isfinite(direction), direction, even)
