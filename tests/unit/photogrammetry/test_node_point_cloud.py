from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest

from uav_workflow.errors import NotMade, RasterError
from uav_workflow.photogrammetry.point_cloud import make_point_cloud


def test_a_las_is_compressed_and_a_laz_copied(tmp_path: Path) -> None:
    folder = tmp_path / "odm_georeferencing"
    folder.mkdir()
    cloud = laspy.create(point_format=7, file_version="1.4")
    cloud.header.scales = [0.001] * 3
    xyz = np.random.default_rng(2).uniform(0, 10, (1000, 3))
    cloud.x, cloud.y, cloud.z = xyz.T
    cloud.write(folder / "odm_georeferenced_model.las")
    made = make_point_cloud(tmp_path, tmp_path)
    again = laspy.read(tmp_path / "cloud.laz")
    assert made.facts["points"] == 1000
    assert again.xyz == pytest.approx(xyz, abs=0.0006)
    (tmp_path / "cloud.laz").rename(folder / "odm_georeferenced_model.laz")
    make_point_cloud(tmp_path, tmp_path)
    assert (tmp_path / "cloud.laz").read_bytes() == (folder / "odm_georeferenced_model.laz").read_bytes()


def test_missing_and_broken_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotMade):
        make_point_cloud(tmp_path, tmp_path)
    (tmp_path / "odm_georeferencing").mkdir()
    (tmp_path / "odm_georeferencing/odm_georeferenced_model.laz").write_bytes(b"nothing")
    with pytest.raises(RasterError, match="can't be read"):
        make_point_cloud(tmp_path, tmp_path)


@pytest.mark.shared
def test_a_real_cloud_keeps_its_points(shared_data: Path, tmp_path: Path) -> None:
    made = make_point_cloud(shared_data / "odm_products/node_task", tmp_path)
    assert made.facts["points"] == 210278
