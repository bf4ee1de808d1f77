"""What calibration.json tells of a picture so that later steps can weigh it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibration.pictures.response import response
from calibration.planning.plan import CalibrationPlan
from uav_workflow.domain.flight import BandImage
from uav_workflow.domain.product import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFacts:
    """Facts of a plan's pictures.

    Attributes
    ----------
    captures : mapping
        Image name to its capture.
    in_utc : bool
        Whether visits to the panel are told in UTC, as `sun.series.Moments` decides it.
    """

    plan: CalibrationPlan
    captures: Mapping[str, str]
    in_utc: bool

    @classmethod
    def of(cls, plan: CalibrationPlan) -> PictureFacts:
        """Facts of every picture of a plan."""
        pairs = [(image, c.capture_id) for c in (*plan.captures, *plan.panel_pictures) for image in c.images]
        return cls(
            plan=plan,
            captures={image.name: capture for image, capture in pairs},
            in_utc=all(image.time_utc is not None for image, _ in pairs),
        )

    def weighing(self, image: BandImage) -> dict[str, Json]:
        """``capture``; ``seconds`` on the clock of the panel visits; ``reflectance_per_count``: of a number of 1."""
        time = image.time_utc if self.in_utc else image.time_local
        return {
            "capture": self.captures.get(image.name),
            "seconds": time.timestamp() if time is not None else None,
            "reflectance_per_count": response(self.plan.model, image).scale / self.plan.divisor(image),
        }
