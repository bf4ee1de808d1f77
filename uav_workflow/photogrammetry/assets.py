"""From what a node handed back to our products."""

from uav_workflow.photogrammetry.band_values import check_band_shift, check_reflectance
from uav_workflow.photogrammetry.flight_grid import flight_grid
from uav_workflow.photogrammetry.orthomosaic import make_orthomosaic
from uav_workflow.photogrammetry.overlap_inputs import placed_photos, surface_heights
from uav_workflow.photogrammetry.point_cloud import make_point_cloud
from uav_workflow.photogrammetry.poses import make_reconstruction
from uav_workflow.photogrammetry.surface import make_surface
from uav_workflow.photogrammetry.survey import SurveyLimits, make_survey
from uav_workflow.photogrammetry.survey_heights import compare_heights
from uav_workflow.photogrammetry.verification import Thresholds, verify_placement

__all__ = [
    "SurveyLimits",
    "Thresholds",
    "check_band_shift",
    "check_reflectance",
    "compare_heights",
    "flight_grid",
    "make_orthomosaic",
    "make_point_cloud",
    "make_reconstruction",
    "make_surface",
    "make_survey",
    "placed_photos",
    "surface_heights",
    "verify_placement",
]
