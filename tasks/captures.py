"""Captures before the node: digital numbers to reflectance."""

from __future__ import annotations

from tasks.product import ProductTask
from tasks.scope import Scope
from uav_workflow.store import Draft


class CalibratedCaptures(ProductTask):
    """Reflectance images of a multispectral flight, one file an input image."""

    kind = "calibrated_captures"
    version = 5
    sections = ("calibration",)

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """RGB photos stay as they are; so do all when the recipe says so."""
        if scope.record.sensor_kind != "multispectral":
            return "photos of an RGB camera are calibrated on the mosaic, relatively"
        if scope.recipe.calibration.image_domain == "off":
            return "the recipe switches calibration of captures off"
        return None

    def make(self, draft: Draft) -> None:
        """Calibrate every survey capture."""
        from calibration.captures import calibrate_captures
        from calibration.planning.settings import CalibrationSettings

        settings = CalibrationSettings.of(self.scope.recipe.calibration)
        draft.note(calibrate_captures(self.read_flight(), draft.path, settings=settings, progress=self.report))
