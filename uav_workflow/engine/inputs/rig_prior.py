"""Where a rig's bands sit beside the primary one, as the tags have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.inputs.priors import lens_prior

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RigBand:
    """How a band's camera sits beside the primary one.

    Attributes
    ----------
    camera : Camera
    rotation : (3, 3) float array
        Primary camera frame to this band's.
    lever : (3,) float array
        Position of this band's camera in the primary camera frame, metres; 0 where no tag says it.
    matches : int
        Patches used; 0 means that the tags were taken as they are.
    residual_px : float
        RMS distance of the matched patches from the model (noise of single patches included), pixels of the band.
    precision_px : float
        Half the RMS distance, over the frame, between the models of the even and of the odd captures.
    """

    camera: Camera
    rotation: FloatArray
    lever: FloatArray
    matches: int
    residual_px: float
    precision_px: float

    def pixels(self, rays: FloatArray, depth: FloatArray | float) -> FloatArray:
        """Pixels (n, 2) of this band that see what the primary camera sees along `rays` (n, 3; z = 1) at `depth`."""
        return self.camera.project((rays * np.reshape(depth, (-1, 1)) - self.lever) @ self.rotation.T)


def band_image(capture: Capture, band: str) -> BandImage:
    """Image of one band; KeyError when the capture lacks it."""
    for image in capture.images:
        if image.band.name == band:
            return image
    raise KeyError(band)


def prior_from_tags(primary_image: BandImage, image: BandImage, primary: Camera) -> RigBand:
    """Camera and relative pose as the tags have them: RigRelatives, PerspectiveFocalLength, PrincipalPoint, distortion.

    MicaSense's RigRelatives are rotations about x, y, z in degrees from a camera to the rig: R = Rx Ry Rz.
    """
    focal_px, cx, cy, k1, k2, k3, p1, p2 = (float(value) for value in lens_prior(image))
    if "Camera:PerspectiveDistortion" not in image.tags and image.width == primary.width:
        k1, k2, k3, p1, p2 = primary.k1, primary.k2, primary.k3, primary.p1, primary.p2
    camera = Camera(
        camera_id=image.band.name, width=image.width, height=image.height,
        fx=focal_px, fy=focal_px, cx=cx, cy=cy, k1=k1, k2=k2, k3=k3, p1=p1, p2=p2,
    )  # fmt: skip
    rotation = _rig_rotation(image).T @ _rig_rotation(primary_image)
    lever = _rig_rotation(primary_image).T @ (_rig_translation(image) - _rig_translation(primary_image))
    return RigBand(
        camera=camera, rotation=rotation, lever=lever, matches=0, residual_px=float("nan"), precision_px=float("nan")
    )


def _rig_rotation(image: BandImage) -> FloatArray:
    angles = image.tags.numbers("Camera:RigRelatives")
    if len(angles) != 3:
        return np.eye(3)
    return np.asarray(Rotation.from_euler("XYZ", angles, degrees=True).as_matrix())


def _rig_translation(image: BandImage) -> FloatArray:
    """Metres; the tag is in millimetres in some firmwares, and no rig is wider than a metre."""
    values = np.array(image.tags.numbers("Camera:RigTranslations"), float)
    if values.size != 3:
        return np.zeros(3)
    return values / 1000 if np.abs(values).max() > 1 else values
