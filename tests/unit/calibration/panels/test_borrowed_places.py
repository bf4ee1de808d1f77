"""A band in which the panel's code can't be read takes the panel's place from another band of the capture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from test_panel_markers import LIGHT, OWN, PANEL, SHAPE, _scene

from calibration.captures import calibrate_captures
from calibration.panels.albedo import PanelCode, PanelTable
from calibration.panels.markers import shipped_markers
from calibration.panels.search import OTHER_BAND, PanelSearch, _agrees, find_panels
from calibration.panels.shift import moved_region
from calibration.planning.settings import CalibrationSettings
from uav_workflow.domain.flight import Capture
from uav_workflow.errors import CalibrationError

MOVED = (23, -14)
"""Columns and rows by which the second camera of the rig sees the panel elsewhere."""


def _two_bands(shoot, *, other=None):
    """A capture whose green band shows a readable marker; in NIR it lies elsewhere and a glint runs over it."""
    scene = _scene("DICT_6X6_250", 23, side=140, offset=(130, 0), panel=110)
    glinting = scene.copy()
    cv2.line(glinting, (105, 300), (245, 180), 0.9, 34)
    seen = np.roll(glinting, MOVED[::-1], (0, 1)) if other is None else other
    images = tuple(
        shoot(f"p_{band}.tif", values, LIGHT, band=band, after_s=-30)
        for band, values in (("Green", scene), ("NIR", seen))
    )
    return Capture(capture_id="p", images=images, is_panel=True)


def _search():
    return PanelSearch(table=PanelTable.load(values=OWN), markers=shipped_markers())


def test_the_place_is_borrowed_and_moved(rededge, shoot):
    green, nir = find_panels([_two_bands(shoot)], rededge, _search())
    assert (green.found_by, nir.found_by) == ("marker", OTHER_BAND)
    assert nir.serial == green.serial
    np.testing.assert_allclose(np.array(nir.corners) - green.corners, np.tile(MOVED, (4, 1)), atol=2)
    assert nir.irradiance == pytest.approx(LIGHT, rel=0.02)


def test_it_is_said(shoot, flight_of, tmp_path):
    ground = np.full(SHAPE, 0.2)
    survey = Capture(
        capture_id="s", images=tuple(shoot(f"s_{band}.tif", ground, LIGHT, band=band) for band in ("Green", "NIR"))
    )
    settings = CalibrationSettings(panels=OWN)
    made = calibrate_captures(flight_of([survey], (_two_bands(shoot),)), tmp_path / "out", settings=settings)
    said = {finding.code: finding for finding in made.findings}
    assert said["panel-place-borrowed"].where == "p_NIR.tif"
    assert said["panel-place-borrowed"].level == "info"
    assert [band["basis"] for band in made.facts["bands"]] == ["panel", "panel"]


def test_where_the_other_band_shows_something_else_nothing_is_borrowed(rededge, shoot):
    other = np.random.default_rng(8).uniform(0.2, 0.4, SHAPE)
    (green,) = find_panels([_two_bands(shoot, other=other)], rededge, _search())
    assert green.band == "Green"


def test_nothing_alike_is_no_place():
    rng = np.random.default_rng(5)
    one, two = (rng.uniform(0.1, 0.5, SHAPE).astype(np.float32) for _ in range(2))
    corners = np.array([(200.0, 200.0), (240.0, 200.0), (240.0, 240.0), (200.0, 240.0)])
    assert moved_region(one, two, corners) is None
    np.testing.assert_allclose(moved_region(one, np.roll(one, (3, 5), (0, 1)), corners), corners + np.array([5, 3]))


def test_a_square_of_another_size_or_place_is_not_the_code_that_was_seen_but_not_read(rededge, shoot):
    (green, *_) = find_panels([_two_bands(shoot)], rededge, _search())
    known = replace(green, code=PanelCode(serial="RP06-2607001-OB", version=6, line=None), pixels=700)
    assert _agrees(replace(known, pixels=800), [known], [])
    assert not _agrees(replace(known, pixels=107), [known], [])
    assert not _agrees(replace(known, pixels=107), [], [known])
    far = tuple((x + 200, y) for x, y in known.corners)
    assert not _agrees(replace(known, corners=far), [known], [])
    assert _agrees(replace(known, corners=far), [], [known])


def test_a_panel_of_unknown_reflectance_stays_an_error_when_borrowed(shoot, flight_of, tmp_path):
    survey = Capture(capture_id="s", images=(shoot("s.tif", np.full(SHAPE, PANEL), LIGHT, band="NIR"),))
    with pytest.raises(CalibrationError, match="SENTERA-23"):
        calibrate_captures(flight_of([survey], (_two_bands(shoot),)), tmp_path / "out")
