"""Where the reconstruction puts the surveyed points: marks intersected through the placed cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.reconstruction import Camera, FloatArray, Reconstruction, Shot

MARK_SD_PX = 0.5
"""Standard deviation of a mark set by hand, pixels: what the precision of an intersection is told for."""

MARK_OFF_PX = 3.0
"""Distance between a mark and where the others of its point meet, beyond which the mark is taken for a slip."""

_STEP_M = 1e-3
_ITERATIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkResidual:
    """A mark in one photo minus where the reconstruction shows the point there, pixels (x right, y down).

    Attributes
    ----------
    placed : bool
        The photo is part of the reconstruction. Residuals of others are NaN.
    used : bool
        It took part in the intersection.
    from_survey : (x, y)
        Against the surveyed position.
    from_rays : (x, y)
        Against the intersection of the point's own rays: what is large here is the mark, not the block.
    """

    image: str
    x: float
    y: float
    placed: bool
    used: bool
    from_survey: tuple[float, float] = (np.nan, np.nan)
    from_rays: tuple[float, float] = (np.nan, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyedPoint:
    """A surveyed point and what the reconstruction makes of it.

    Attributes
    ----------
    surveyed : (3,) float array
        In the reconstruction's CRS, height as written, metres.
    found : (3,) float array or None
        Intersection of the rays through its marks; None with fewer than two rays that meet.
    sd_m : (3,) float array
        Standard deviation of `found` for marks good to `MARK_SD_PX`; NaN without `found`.
    angle_deg : float
        Largest angle between two rays.
    """

    name: str
    is_check: bool
    surveyed: FloatArray
    found: FloatArray | None
    sd_m: FloatArray
    angle_deg: float
    marks: tuple[MarkResidual, ...]

    @property
    def difference(self) -> FloatArray:
        """Found minus surveyed: east, north, up, metres; NaN where there is no intersection."""
        return np.full(3, np.nan) if self.found is None else self.found - self.surveyed

    @property
    def survey_px(self) -> float:
        """RMS length of the used marks' residuals against the survey, pixels; NaN without any."""
        return _rms([mark.from_survey for mark in self.marks if mark.used])

    @property
    def rays_px(self) -> float:
        """RMS length of the used marks' residuals against the intersection, pixels."""
        return _rms([mark.from_rays for mark in self.marks if mark.used])


@dataclass(frozen=True, slots=True)
class _View:
    """One mark in a placed photo."""

    camera: Camera
    shot: Shot
    pixel: FloatArray

    def project(self, points: FloatArray) -> FloatArray:
        return self.camera.project(self.shot.to_camera(points))


def locate_points(
    reconstruction: Reconstruction, points: Sequence[GroundControlPoint], names: Mapping[str, str] | None = None
) -> list[SurveyedPoint]:
    """Intersect the marks of each point and compare with the survey.

    Least squares of the image residuals through the full Brown model, cameras held (McGlone, Manual of Photogrammetry,
    2013, section 11.1). Nothing of the survey enters, so check points and control points are measured alike. A mark
    that three others or more contradict by `MARK_OFF_PX` and twice their own disagreement takes no part.

    Parameters
    ----------
    points : sequence of GroundControlPoint
    names : mapping, optional
        Image name in the flight folder to name on the node; as they are when absent.
    """
    shots = {shot.image: shot for shot in reconstruction.shots}
    return [_locate(reconstruction, shots, point, names or {}) for point in points]


def surveyed_in(point: GroundControlPoint, crs: str) -> FloatArray:
    """Surveyed position in another horizontal CRS, (3,); the height stays as written, as every node leaves it."""
    from uav_workflow.flights.crs import transformer

    east, north = transformer(point.crs, crs).transform(point.x, point.y)
    return np.array([east, north, point.z], float)


def _locate(
    reconstruction: Reconstruction, shots: Mapping[str, Shot], point: GroundControlPoint, names: Mapping[str, str]
) -> SurveyedPoint:
    offset = np.array([*reconstruction.offset, 0.0])
    surveyed = surveyed_in(point, reconstruction.crs)
    views: dict[str, _View] = {}
    for mark in point.marks:
        shot = shots.get(names.get(mark.image, mark.image))
        if shot is not None:
            views[mark.image] = _View(reconstruction.cameras[shot.camera_id], shot, np.array([mark.x, mark.y]))
    slip = _slip(views)
    kept = {image: view for image, view in views.items() if image != slip}
    found, sd = _intersect(list(kept.values()))
    plain = (
        MarkResidual(image=mark.image, x=mark.x, y=mark.y, placed=mark.image in views, used=mark.image in kept)
        for mark in point.marks
    )
    residuals = (_residual(mark, views.get(mark.image), surveyed - offset, found) for mark in plain)
    return SurveyedPoint(
        name=point.name,
        is_check=point.is_check,
        surveyed=surveyed,
        found=None if found is None else found + offset,
        sd_m=sd,
        angle_deg=_widest_angle(list(kept.values()), found),
        marks=tuple(residuals),
    )


def _slip(views: Mapping[str, _View]) -> str | None:
    """The one photo whose mark is off while the others, three or more, agree; None when there is no such mark."""
    if len(views) < 4:
        return None
    met, _ = _intersect(list(views.values()))
    if met is not None and max(_distance(view, met) for view in views.values()) < MARK_OFF_PX / 2:
        return None
    best: tuple[float, float, str] | None = None
    for image in views:
        others = [view for name, view in views.items() if name != image]
        found, _ = _intersect(others)
        if found is None:
            continue
        rest = max(_distance(view, found) for view in others)
        if best is None or rest < best[0]:
            best = rest, _distance(views[image], found), image
    return best[2] if best is not None and best[1] > max(MARK_OFF_PX, 2 * best[0]) else None


def _distance(view: _View, found: FloatArray) -> float:
    """Between a mark and where its camera sees a point, pixels."""
    return float(np.linalg.norm(view.pixel - view.project(found[None])[0]))


def _residual(plain: MarkResidual, view: _View | None, surveyed: FloatArray, found: FloatArray | None) -> MarkResidual:
    if view is None:
        return plain
    from_survey = view.pixel - view.project(surveyed[None])[0]
    from_rays = np.full(2, np.nan) if found is None else view.pixel - view.project(found[None])[0]
    return replace(
        plain,
        from_survey=(float(from_survey[0]), float(from_survey[1])),
        from_rays=(float(from_rays[0]), float(from_rays[1])),
    )


def _intersect(views: Sequence[_View]) -> tuple[FloatArray | None, FloatArray]:
    """Point of least squared image residuals and its standard deviations; None when the rays do not meet in front."""
    unknown = np.full(3, np.nan)
    if len(views) < 2:
        return None, unknown
    point = _nearest_to_rays(views)
    if point is None:
        return None, unknown
    normal = np.eye(3)
    for _ in range(_ITERATIONS):
        residuals, slopes = _linearised(views, point)
        if not np.isfinite(residuals).all():
            return None, unknown
        normal = slopes.T @ slopes
        step = np.linalg.solve(normal, slopes.T @ residuals)
        point = point + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return point, MARK_SD_PX * np.sqrt(np.diag(np.linalg.inv(normal)))


def _linearised(views: Sequence[_View], point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Image residuals (2 n,) and derivatives of the projections (2 n, 3), by central differences."""
    around = np.concatenate([point[None], point + _STEP_M * np.eye(3), point - _STEP_M * np.eye(3)])
    seen = np.stack([view.project(around) for view in views])
    residuals = np.stack([view.pixel for view in views]) - seen[:, 0]
    slopes = (seen[:, 1:4] - seen[:, 4:7]) / (2 * _STEP_M)
    return residuals.reshape(-1), slopes.transpose(0, 2, 1).reshape(-1, 3)


def _nearest_to_rays(views: Sequence[_View]) -> FloatArray | None:
    """Point with the least sum of squared distances to the rays; None when they are parallel."""
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for view, ray in zip(views, _rays(views), strict=True):
        across = np.eye(3) - np.outer(ray, ray)
        normal += across
        right += across @ view.shot.centre
    if np.linalg.cond(normal) > 1e12:
        return None
    return np.asarray(np.linalg.solve(normal, right), float)


def _rays(views: Sequence[_View]) -> list[NDArray[np.float64]]:
    """Unit vectors from the camera centres through the marks, in the world."""
    from uav_workflow.engine.adjustment.collinearity import undistort

    rays = [view.shot.rotation.T @ undistort(view.camera, view.pixel[None])[0] for view in views]
    return [ray / np.linalg.norm(ray) for ray in rays]


def _widest_angle(views: Sequence[_View], found: FloatArray | None) -> float:
    if found is None:
        return float("nan")
    ways = np.array([found - view.shot.centre for view in views])
    rays = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    return float(np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1)).max()))


def _rms(pairs: Sequence[tuple[float, float]]) -> float:
    lengths = np.hypot(*np.array(pairs, float).reshape(-1, 2).T)
    known = lengths[np.isfinite(lengths)]
    return float(np.sqrt((known**2).mean())) if known.size else float("nan")
