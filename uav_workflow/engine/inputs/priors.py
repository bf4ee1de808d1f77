"""What is known before the photos are matched: camera positions in UTM and the focal length of the lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.errors import EngineError
from uav_workflow.flights.crs import WGS84, transformer

FloatArray = NDArray[np.float64]

SIGMA_H_M = 3.0
"""Horizontal standard deviation of a consumer receiver when the tags give none."""
SIGMA_V_M = 6.0
"""Vertical standard deviation when the tags give none."""
NO_TAG_FOCAL_FACTOR = 0.8
"""Focal length over the longer side when no tag says it: a 29 mm equivalent lens, usual on drones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPriors:
    """Camera positions of the captures.

    Attributes
    ----------
    crs : str
        UTM WGS84 zone of the mean position.
    offset : (x, y)
        Whole metres subtracted from easting and northing.
    xyz : (n, 3) float array
        Easting, northing minus offset, altitude; NaN where a photo has no position (or no altitude).
    sigma : (n, 3) float array
        Standard deviations, metres.
    """

    crs: str
    offset: tuple[float, float]
    xyz: FloatArray
    sigma: FloatArray

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) True where east and north are known."""
        return np.asarray(np.isfinite(self.xyz[:, 0]))

    def of(self, rows: NDArray[np.int64]) -> PositionPriors:
        """Positions of some of the captures, in the order of `rows`."""
        return PositionPriors(crs=self.crs, offset=self.offset, xyz=self.xyz[rows], sigma=self.sigma[rows])


def position_priors(captures: Sequence[Capture], control: Sequence[GroundControlPoint] = ()) -> PositionPriors:
    """Positions of the captures in the UTM zone of their mean; without any, in that of the control points.

    Raises
    ------
    EngineError
        Fewer than three photos have a position, and fewer than three control points are given.
    """
    from pyproj import Transformer

    positions = [capture.position for capture in captures]
    known = [position for position in positions if position is not None]
    if len(known) < 3 and len(control) < 3:
        raise EngineError(
            f"{len(known)} of {len(captures)} photos have a GPS position and there are {len(control)} control points, "
            "3 of either are needed to place the block on the ground; add positions with geo.txt, mark control points "
            "in gcp_list.txt, or fly with the receiver on"
        )
    places = [(position.lon, position.lat) for position in known]
    if len(known) < 3:
        places = [transformer(point.crs, WGS84).transform(point.x, point.y) for point in control]
    crs = utm_crs(*(float(value) for value in np.mean(places, axis=0)))
    to_utm = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    centre = np.mean([to_utm.transform(*place) for place in places], axis=0)
    xyz = np.full((len(positions), 3), np.nan)
    sigma = np.tile([SIGMA_H_M, SIGMA_H_M, SIGMA_V_M], (len(positions), 1)).astype(float)
    for i, position in enumerate(positions):
        if position is None:
            continue
        xyz[i, :2] = to_utm.transform(position.lon, position.lat)
        xyz[i, 2] = np.nan if position.alt_m is None else position.alt_m
        sigma[i, :2] = position.sigma_h_m or SIGMA_H_M
        sigma[i, 2] = position.sigma_v_m or SIGMA_V_M
    offset = (float(np.round(centre[0])), float(np.round(centre[1])))
    xyz[:, :2] -= offset
    return PositionPriors(crs=crs, offset=offset, xyz=xyz, sigma=sigma)


def utm_crs(lon: float, lat: float) -> str:
    """EPSG code of the WGS84 UTM zone of a place."""
    zone = int((lon + 180) // 6) % 60 + 1
    return f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"


def focal_prior(image: BandImage) -> tuple[float, str]:
    """First guess of the focal length in pixels of the stored image, and where it is from."""
    if image.focal_px is not None and image.focal_px > 0:
        return image.focal_px, image.focal_source or "tags"
    return NO_TAG_FOCAL_FACTOR * max(image.width, image.height), "no tag: a usual drone lens was assumed"


def lens_prior(image: BandImage) -> FloatArray:
    """Expected f, cx, cy (pixels of the stored image), k1, k2, k3, p1, p2; what no tag says is central and 0."""
    focal_px, _ = focal_prior(image)
    cx, cy = image.principal_point_px or (image.width / 2, image.height / 2)
    tagged = image.tags.numbers("Camera:PerspectiveDistortion")
    k1, k2, k3, p1, p2 = tagged if len(tagged) == 5 else (0.0,) * 5
    return np.array([focal_px, cx, cy, k1, k2, k3, p1, p2])


def camera_name(image: BandImage) -> str:
    """Camera id in OpenDroneMap's manner; a band is part of it where there are several."""
    focal_px, _ = focal_prior(image)
    band = "" if image.band.name.upper() == "RGB" else f" {image.band.name.lower()}"
    name = (
        f"v2 {image.make} {image.model} {image.serial} {image.width} {image.height} brown "
        f"{focal_px / max(image.width, image.height):.4f}{band}"
    )
    return " ".join(name.lower().replace("\x00", "").split())
