"""Where the pixels of a panchromatic picture lie in those of the other bands of its rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.pan.ratio import Footprint
from calibration.pictures.panchromatic import pan_of
from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.adjustment.collinearity import undistort
from uav_workflow.engine.inputs.priors import lens_prior
from uav_workflow.engine.inputs.rig_prior import RigBand
from uav_workflow.engine.structure.rig import RigSettings, align_band

_FAR_M = 1e6
"""The height is not known here: the ground counts as far away, and the angles take up the mean parallax."""
_MESH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PanBand:
    """One band beside the panchromatic one.

    Attributes
    ----------
    pan : Camera
    band : RigBand
        Fitted to pictures of the flight.
    """

    pan: Camera
    band: RigBand

    @property
    def aligned(self) -> bool:
        """False where no picture had the texture to be laid over the other, and the tags alone speak."""
        return self.band.matches > 0

    @property
    def is_finer(self) -> bool:
        """Whether the panchromatic band has the smaller pixels."""
        return self.band.camera.fx < self.pan.fx

    def footprint(self) -> Footprint:
        """Of the panchromatic pixels in the band's; worked out on a mesh of 16 pixels, linear between."""
        import cv2

        columns, rows = (-(-side // _MESH) + 2 for side in (self.pan.width, self.pan.height))
        nodes = (np.mgrid[:rows, :columns][::-1].reshape(2, -1).T - 0.5) * _MESH
        places = self.band.pixels(undistort(self.pan, nodes), _FAR_M).reshape(rows, columns, 2).astype(np.float32)
        inner = (slice(_MESH, _MESH + self.pan.height), slice(_MESH, _MESH + self.pan.width))

        def full(values: NDArray[np.float32]) -> NDArray[np.float32]:
            size = (columns * _MESH, rows * _MESH)
            wide = cv2.resize(np.ascontiguousarray(values), size, interpolation=cv2.INTER_LINEAR)
            return np.ascontiguousarray(np.asarray(wide, np.float32)[inner])

        camera = self.band.camera
        return Footprint(
            x=full(places[..., 0]),
            y=full(places[..., 1]),
            side=camera.fx / self.pan.fx,
            shape=(camera.height, camera.width),
        )


def align_to_pan(captures: Sequence[Capture], band: str) -> PanBand:
    """Lay a band over the panchromatic one.

    Lens and angles of the tags are the start; pictures of several captures say how far they are off (engine's rig).

    Parameters
    ----------
    captures : sequence of Capture
        With both bands, of one body; at least one.
    """
    pairs = [_pair(capture, band) for capture in captures]
    pan = _camera(pairs[0].images[0])
    fitted = align_band(pairs, pairs[0].images[1].band.name, pan, [_FAR_M] * len(pairs), RigSettings())
    return PanBand(pan=pan, band=fitted)


def _pair(capture: Capture, band: str) -> Capture:
    """The panchromatic picture first, and the other under a name by which no capture calls its primary one."""
    pan = pan_of(capture)
    other = next(image for image in capture.images if image.band.name == band)
    if pan is None:
        raise ValueError(f"{capture.capture_id}: no panchromatic band")
    beside = replace(other, band=replace(other.band, name=f"{band} beside the panchromatic band"))
    return Capture(capture_id=capture.capture_id, images=(pan, beside))


def _camera(image: BandImage) -> Camera:
    focal_px, cx, cy, k1, k2, k3, p1, p2 = (float(value) for value in lens_prior(image))
    return Camera(
        camera_id=image.band.name, width=image.width, height=image.height,
        fx=focal_px, fy=focal_px, cx=cx, cy=cy, k1=k1, k2=k2, k3=k3, p1=p1, p2=p2,
    )  # fmt: skip
