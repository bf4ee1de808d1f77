from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import odm_files
import pytest

from uav_workflow.engine.products.reconstruction_io import read_reconstruction
from uav_workflow.errors import NotMade
from uav_workflow.photogrammetry.poses import make_reconstruction, read_poses

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
CENTRES = np.array([[0, 0, 50], [3, 0, 51], [3, -2, 50], [0, -2, 52.0]]) + odm_files.ORIGIN


def test_shots_and_cameras_alone_give_the_poses(tmp_path: Path) -> None:
    odm_files.poses(tmp_path, NAMES, CENTRES)
    reconstruction, source = read_poses(tmp_path)
    assert source == "shots.geojson"
    assert reconstruction.crs == "EPSG:32632"
    assert reconstruction.offset == (odm_files.X0, odm_files.Y0)
    camera = reconstruction.cameras["cam 400 300 brown 0.8"]
    assert (camera.fx, camera.cx, camera.cy) == pytest.approx((320, 204, 142))
    for shot, centre in zip(reconstruction.shots, CENTRES, strict=True):
        assert shot.centre + odm_files.ORIGIN == pytest.approx(centre)
        below = shot.to_camera(shot.centre[None] + [0, 0, -50.0])
        assert below[0] == pytest.approx([0, 0, 50])


def test_written_form_is_read_back_by_the_engine(tmp_path: Path) -> None:
    odm_files.poses(tmp_path, NAMES[:3], CENTRES[:3], bands=dict.fromkeys(NAMES, "RGB"))
    made = make_reconstruction(tmp_path, tmp_path)
    again = read_reconstruction(tmp_path / "reconstruction.json")
    assert again.missing == ("d.jpg",)
    assert made.facts["missing"] == ["d.jpg"]
    assert made.facts["reprojection_error_pixels"] == 0.5
    shots = json.loads((tmp_path / "shots.geojson").read_text())["features"]
    lon, lat, _ = shots[0]["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx((9.787, 46.799), abs=2e-3)


def test_shots_of_a_rig_are_those_of_its_primary_band(tmp_path: Path) -> None:
    from uav_workflow.engine.products.reconstruction_io import write_reconstruction

    odm_files.poses(tmp_path, NAMES, CENTRES)
    whole, _ = read_poses(tmp_path)
    write_reconstruction(whole, tmp_path / "opensfm/reconstruction.json")
    odm_files.poses(tmp_path, NAMES[:2], CENTRES[:2])
    make_reconstruction(tmp_path, tmp_path)
    assert len(read_reconstruction(tmp_path / "reconstruction.json").shots) == 4
    listed = json.loads((tmp_path / "shots.geojson").read_text())["features"]
    assert [feature["properties"]["filename"] for feature in listed] == ["a.jpg", "b.jpg"]


def test_a_reconstruction_left_in_its_own_frame_is_passed_over(tmp_path: Path) -> None:
    """ODM before its export, and older ones after it: metres about the first photo, no easting and northing."""
    from dataclasses import replace

    from uav_workflow.engine.products.reconstruction_io import write_reconstruction

    odm_files.poses(tmp_path, NAMES, CENTRES)
    utm, _ = read_poses(tmp_path)
    own = replace(utm, shots=[replace(shot, centre=shot.centre - [1.5, -1.0, 1800]) for shot in utm.shots])
    path = tmp_path / "opensfm/reconstruction.json"
    write_reconstruction(own, path)
    document = json.loads(path.read_text())
    del document[0]["uav_workflow"]
    path.write_text(json.dumps(document))
    found, source = read_poses(tmp_path)
    assert source == "shots.geojson"
    assert [shot.centre.tolist() for shot in found.shots] == [shot.centre.tolist() for shot in utm.shots]


def test_no_poses_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match=r"neither reconstruction\.json nor"):
        make_reconstruction(tmp_path, tmp_path)
    odm_files.poses(tmp_path, NAMES, CENTRES)
    (tmp_path / "odm_georeferencing/coords.txt").unlink()
    with pytest.raises(NotMade, match="no place on the ground"):
        make_reconstruction(tmp_path, tmp_path)
    (tmp_path / "opensfm").mkdir()
    (tmp_path / "opensfm/reconstruction.json").write_text("[{")
    with pytest.raises(NotMade, match="can't be read"):
        make_reconstruction(tmp_path, tmp_path)


@pytest.mark.shared
def test_both_sources_of_a_real_run_agree(shared_data: Path, tmp_path: Path) -> None:
    assets = shared_data / "odm_products/brighton_beach"
    full, source = read_poses(assets)
    assert source == "reconstruction.json.gz"
    for name in ("odm_report", "odm_georeferencing", "cameras.json", "images.json"):
        (tmp_path / name).symlink_to(assets / name)
    bare, other = read_poses(tmp_path)
    assert other == "shots.geojson"
    assert len(full.shots) == len(bare.shots) == 18
    for shot in bare.shots:
        twin = full.shot(shot.image)
        assert shot.centre == pytest.approx(twin.centre, abs=1e-6)
        assert shot.rotation == pytest.approx(twin.rotation, abs=1e-9)
        camera, theirs = bare.cameras[shot.camera_id], full.cameras[twin.camera_id]
        assert camera.matrix == pytest.approx(theirs.matrix)
    assert next(iter(full.cameras.values())).fx == pytest.approx(2238, abs=1)


@pytest.mark.shared
def test_sparse_points_of_a_real_run_project_into_their_photos(shared_data: Path) -> None:
    full, _ = read_poses(shared_data / "odm_products/brighton_beach")
    shot = full.shots[0]
    camera = full.cameras[shot.camera_id]
    pixels = camera.project(shot.to_camera(full.points))
    inside = ((pixels > 0) & (pixels < [camera.width, camera.height])).all(axis=1)
    assert 0.2 < inside.mean() < 0.9
