from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import odm_files
import pytest

from uav_workflow.photogrammetry.verification import Thresholds, verify

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
OPTIONS = {"dsm": True}
# Camera positions in the covered right two thirds of the orthophoto (3 x 2 m).
CENTRES = np.array([[1.2, -0.2, 50], [2.8, -0.2, 51], [2.8, -1.8, 50], [1.2, -1.8, 52.0]]) + odm_files.ORIGIN


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    odm_files.orthophoto(tmp_path, "uint8", ("red", "green", "blue"))
    odm_files.surface(tmp_path, "dsm.tif", np.ones((20, 30)), 0.1)
    odm_files.poses(tmp_path, NAMES, CENTRES)
    (tmp_path / "odm_georeferencing/odm_georeferenced_model.laz").write_bytes(b"")
    return tmp_path


def codes(assets: Path, names: tuple[str, ...] = NAMES, **options: object) -> dict[str, str]:
    return {finding.code: finding.level for finding in verify(assets, names, OPTIONS | options)}  # type: ignore[arg-type]


def test_a_whole_result_has_no_findings(assets: Path) -> None:
    assert codes(assets, (*NAMES, "gcp_list.txt", "geo.txt")) == {}


@pytest.mark.parametrize("name", ["odm_orthophoto/odm_orthophoto.tif", "odm_dem/dsm.tif"])
def test_missing_and_broken_products(assets: Path, name: str) -> None:
    (assets / name).write_bytes(b"no tiff")
    assert codes(assets) == {"product-unreadable": "error"}
    (assets / name).unlink()
    assert codes(assets) == {"product-missing": "error"}


def test_a_product_that_was_not_asked_for_is_no_product(assets: Path) -> None:
    odm_files.surface(assets, "dtm.tif", np.ones((20, 30)), 0.1)
    assert codes(assets) == {"product-not-asked-for": "warning"}
    assert codes(assets, dtm=True) == {}


def test_wrong_crs(assets: Path) -> None:
    odm_files.write(assets / "odm_dem/dsm.tif", np.ones((1, 20, 30), np.float32), (0.1, 0.1), crs="EPSG:3857")
    assert codes(assets)["product-crs-wrong"] == "error"
    odm_files.write(assets / "odm_dem/dsm.tif", np.ones((1, 20, 30), np.float32), (0.1, 0.1), crs="EPSG:32631")
    assert codes(assets)["product-crs-differs"] == "error"


def test_photos_left_out_are_listed(assets: Path) -> None:
    odm_files.poses(assets, NAMES[:3], CENTRES[:3], bands=dict.fromkeys(NAMES, "RGB"))
    found = {finding.code: finding for finding in verify(assets, NAMES, OPTIONS)}
    assert found["photo-not-placed"].level == "warning"
    assert "3 of 4 photos placed (75%); left out: d.jpg" in found["photo-not-placed"].message
    strict = verify(assets, NAMES, OPTIONS, Thresholds(placed_error=0.8))
    assert {finding.code: finding.level for finding in strict}["photo-not-placed"] == "error"


def test_only_the_primary_band_is_expected_to_be_placed(assets: Path) -> None:
    bands = dict.fromkeys(NAMES, "Green") | {f"{name}_nir.tif": "NIR" for name in NAMES}
    odm_files.poses(assets, NAMES, CENTRES, bands=bands)
    assert codes(assets, tuple(bands)) == {}


def test_photos_the_node_dropped_are_listed(assets: Path) -> None:
    assert codes(assets, (*NAMES, "broken.jpg")) == {"photo-dropped": "warning"}


def test_holes_between_the_cameras(assets: Path) -> None:
    centres = CENTRES.copy()
    centres[[0, 3], 0] = odm_files.X0 + 0.2  # the left third of the orthophoto is empty
    odm_files.poses(assets, NAMES, centres)
    found = [finding for finding in verify(assets, NAMES, OPTIONS) if finding.code == "coverage-low"]
    assert [finding.where for finding in found] == ["odm_orthophoto/odm_orthophoto.tif"]
    # Hull from x = 0.2 to 2.8, picture from 1.0 on.
    assert f"{1.8 / 2.6:.0%}" in found[0].message


def test_what_only_the_console_says(assets: Path) -> None:
    (assets / "task_output.txt").write_text("[WARNING] Multiple reconstructions detected\nCannot align NIR\n")
    stats = {"reconstruction_statistics": {"components": 2}}
    (assets / "odm_report/stats.json").write_text(json.dumps(stats))
    assert codes(assets) == {"reconstruction-in-parts": "warning", "band-not-aligned": "warning"}


def test_a_capped_resolution_is_said(assets: Path) -> None:
    assert codes(assets, **{"orthophoto-resolution": 5.0}) == {}
    assert codes(assets, **{"orthophoto-resolution": 2.0}) == {"resolution-capped": "info"}


def test_no_poses(assets: Path) -> None:
    shutil.rmtree(assets / "odm_report")
    assert codes(assets) == {"poses-missing": "error"}


@pytest.mark.shared
def test_real_results_pass(shared_data: Path) -> None:
    folder = shared_data / "odm_products"
    for name, resolution in (("node_task", 8.0), ("brighton_beach", 5.0)):
        sent = [row["filename"] for row in json.loads((folder / name / "images.json").read_text())]
        options = {"dsm": True, "dtm": True, "orthophoto-resolution": resolution}
        found = [finding for finding in verify(folder / name, sent, options) if finding.where[:7] != "odm_geo"]
        assert found == []
