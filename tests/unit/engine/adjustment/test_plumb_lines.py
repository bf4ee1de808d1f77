"""How far plumb lines are trusted against altitudes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from uav_workflow.engine.adjustment.plumb_lines import agreed_sigma

NADIR = np.diag([1.0, -1.0, -1.0])
"""World to camera of a photo whose top is north."""
ALONG_THE_VIEW = np.tile([0.0, 0.0, 1.0], (400, 1))
UNKNOWN = np.radians(15)


def flown(headings_deg: tuple[float, ...], mount_deg: float = 0.0, swing_deg: float = 0.0) -> np.ndarray:
    """Rotations of 400 photos: a camera leaning forward by ``mount_deg``, the aircraft swinging about both axes."""
    draw = np.random.default_rng(4)
    heading = np.resize(headings_deg, 400)
    body = Rotation.from_euler("z", -heading[:, None], degrees=True).inv()
    swing = Rotation.from_rotvec(np.radians(draw.normal(0, swing_deg, (400, 3))) * (1, 1, 0))
    mount = Rotation.from_euler("x", mount_deg, degrees=True)
    return np.asarray((swing * mount * Rotation.from_matrix(NADIR) * body).as_matrix())


@pytest.mark.parametrize(("swing", "expected"), [(1.0, 2.0), (4.0, 4.0), (30.0, 15.0)])
def test_plumb_lines_are_as_sure_as_they_agree(swing: float, expected: float) -> None:
    found = agreed_sigma(flown((10, 190), swing_deg=swing), ALONG_THE_VIEW, UNKNOWN)
    assert np.degrees(found) == pytest.approx(expected, rel=0.08)


def test_a_camera_mounted_askew_disagrees_with_itself_once_the_aircraft_turns() -> None:
    there_and_back = agreed_sigma(flown((10, 190), mount_deg=20), ALONG_THE_VIEW, UNKNOWN)
    assert np.degrees(there_and_back) == pytest.approx(20 / np.sqrt(2), rel=0.05)
    one_way = agreed_sigma(flown((10, 12), mount_deg=20), ALONG_THE_VIEW, UNKNOWN)
    assert one_way == UNKNOWN
