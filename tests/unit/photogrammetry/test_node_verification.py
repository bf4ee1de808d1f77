from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import odm_files
import pytest
from pyproj import Transformer

from uav_workflow.photogrammetry.verification import Thresholds, discard_unasked, verify, verify_placement

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
    found = verify(assets, OPTIONS | options) + verify_placement(assets, names)  # type: ignore[arg-type]
    return {finding.code: finding.level for finding in found}


def test_a_whole_result_has_no_findings(assets: Path) -> None:
    assert codes(assets) == {}


@pytest.mark.parametrize("name", ["odm_orthophoto/odm_orthophoto.tif", "odm_dem/dsm.tif"])
def test_missing_and_broken_products(assets: Path, name: str) -> None:
    (assets / name).write_bytes(b"no tiff")
    assert codes(assets) == {"product-unreadable": "error"}
    (assets / name).unlink()
    assert codes(assets) == {"product-missing": "error"}


def test_a_product_that_was_not_asked_for_is_taken_away(assets: Path) -> None:
    """A restarted task packs what its earlier run left: 7z updates the archive."""
    odm_files.surface(assets, "dtm.tif", np.ones((20, 30)), 0.1)
    odm_files.surface(assets, "dsm.euclideand.tif", np.zeros((20, 30)), 0.1)
    asked = {"dsm": True, "dtm": True, "dem-euclidean-map": True}
    assert discard_unasked(assets, asked) == []
    found = discard_unasked(assets, OPTIONS)
    assert [finding.where for finding in found] == ["odm_dem/dtm.tif", "odm_dem/dsm.euclideand.tif"]
    assert {finding.code for finding in found} == {"product-not-asked-for"}
    assert sorted(path.name for path in (assets / "odm_dem").iterdir()) == ["dsm.tif"]
    assert codes(assets) == {}
    assert codes(assets, dtm=True) == {"product-missing": "error"}


def test_a_dsm_beside_a_dtm_is_no_leftover(assets: Path) -> None:
    assert discard_unasked(assets, {"dtm": True}) == []
    found = discard_unasked(assets, {"skip-orthophoto": True})
    assert [finding.where for finding in found] == ["odm_orthophoto/odm_orthophoto.tif", "odm_dem/dsm.tif"]


def test_a_product_of_an_earlier_run_shows_by_its_date(assets: Path) -> None:
    """The archive keeps an old DSM when a later run made none; dates count against the run's own log."""
    log = assets / "log.json"
    log.write_text(json.dumps({"totalTime": 600.0}))
    ended = log.stat().st_mtime
    os.utime(assets / "odm_dem/dsm.tif", (ended - 500, ended - 500))
    assert codes(assets) == {}
    os.utime(assets / "odm_dem/dsm.tif", (ended - 4320, ended - 4320))
    found = verify(assets, OPTIONS)
    assert [(finding.code, finding.where) for finding in found] == [("product-older-than-run", "odm_dem/dsm.tif")]
    assert "was written 1.0 h before" in found[0].message


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("EPSG:32632", {}),
        ("EPSG:32633", {"product-crs-neighbour": "warning"}),
        ("EPSG:32635", {"product-crs-unexpected": "error"}),
        ("EPSG:32732", {"product-crs-unexpected": "error"}),
    ],
)
def test_products_lie_in_the_zone_of_the_flight(assets: Path, expected: str, found: dict[str, str]) -> None:
    assert {f.code: f.level for f in verify(assets, OPTIONS, crs=expected)} == found


def test_zones_meet_at_the_date_line(assets: Path) -> None:
    odm_files.write(assets / "odm_dem/dsm.tif", np.ones((1, 20, 30), np.float32), (0.1, 0.1), crs="EPSG:32601")
    found = verify(assets, OPTIONS, crs="EPSG:32660")
    assert "product-crs-neighbour" in {finding.code for finding in found if finding.where == "odm_dem/dsm.tif"}


@pytest.mark.parametrize(
    ("there", "asked", "found"),
    [
        (("Red", "Green", "NIR", "Rededge"), ("Green", "Red", "Red edge", "NIR"), {}),
        (("Red", "Green", "NIR"), ("Green", "Red", "Red edge", "NIR"), {"product-band-missing": "error"}),
        (("Red", "Green", "NIR", "LWIR"), ("Green", "Red", "NIR"), {"product-band-unexpected": "info"}),
    ],
)
def test_bands_go_by_their_descriptions(
    assets: Path, there: tuple[str, ...], asked: tuple[str, ...], found: dict[str, str]
) -> None:
    odm_files.orthophoto(assets, "uint16", there)
    assert {f.code: f.level for f in verify(assets, OPTIONS, bands=asked)} == found


def test_an_empty_product_is_none(assets: Path) -> None:
    odm_files.surface(assets, "dsm.tif", np.full((20, 30), np.nan), 0.1)
    assert codes(assets)["product-empty"] == "error"


def test_wrong_crs(assets: Path) -> None:
    odm_files.write(assets / "odm_dem/dsm.tif", np.ones((1, 20, 30), np.float32), (0.1, 0.1), crs="EPSG:3857")
    assert codes(assets)["product-crs-wrong"] == "error"
    odm_files.write(assets / "odm_dem/dsm.tif", np.ones((1, 20, 30), np.float32), (0.1, 0.1), crs="EPSG:32631")
    assert codes(assets)["product-crs-differs"] == "error"


def test_photos_left_out_are_listed(assets: Path) -> None:
    odm_files.poses(assets, NAMES[:3], CENTRES[:3], bands=dict.fromkeys(NAMES, "RGB"))
    found = {finding.code: finding for finding in verify_placement(assets, NAMES)}
    assert found["photo-not-placed"].level == "warning"
    assert "3 of 4 photos placed (75%); left out: d.jpg" in found["photo-not-placed"].message
    strict = verify_placement(assets, NAMES, Thresholds(placed_error=0.8))
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
    found = [finding for finding in verify_placement(assets, NAMES) if finding.code == "coverage-low"]
    assert [finding.where for finding in found] == ["odm_orthophoto/odm_orthophoto.tif"]
    # Hull from x = 0.2 to 2.8, picture from 1.0 on.
    assert f"{1.8 / 2.6:.0%}" in found[0].message
    # The hole is 0.8 m wide and 1.6 m high, its middle 0.6 m east and 1 m south of the corner.
    lon, lat = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True).transform(
        odm_files.X0 + 0.6, odm_files.Y0 - 1.0
    )
    assert f"the largest hole has 1 m2, around {lat:.5f}, {lon:.5f}" in found[0].message


def test_several_models_are_said(assets: Path) -> None:
    stats = {"reconstruction_statistics": {"components": 2}}
    (assets / "odm_report/stats.json").write_text(json.dumps(stats))
    assert codes(assets) == {"reconstruction-in-parts": "warning"}


@pytest.mark.parametrize(
    ("line", "code", "about"),
    [
        ("[WARNING] Multiple reconstructions detected. 2 of 3 partial ones are merged", "reconstruction-in-parts", ""),
        ("[WARNING] DJI_7.JPG seems corrupted and will not be used", "photo-dropped-corrupt", "DJI_7.JPG"),
        ("[WARNING] capture_0012 has only 4 images (instead of 5)", "capture-incomplete", "capture_0012"),
        ("[WARNING] Excluding IMG_0012_3.tif", "photo-excluded", "IMG_0012_3.tif"),
        ("[WARNING] Cannot align IMG_9.tif, no alignment matrix could be computed", "band-not-aligned", "IMG_9.tif"),
        ("[WARNING] GCP line ignored: 1 2 3", "control-line-ignored", ""),
        ("[WARNING] No sun sensor values are available", "sun-sensor-missing", ""),
        ("[WARNING] Maximum resolution set to 1.0 * GSD (4.2 cm / pixel)", "resolution-capped-by-node", "GSD"),
    ],
)
def test_what_only_the_console_says(assets: Path, line: str, code: str, about: str) -> None:
    (assets / "task_output.txt").write_text(f"[INFO] running\n{line}\n[INFO] excluding 3 points\n")
    (found,) = verify(assets, OPTIONS)
    assert found.code == code
    assert about in found.message
    assert found.level == ("info" if code == "resolution-capped-by-node" else "warning")


def test_points_that_are_excluded_are_no_photos(assets: Path) -> None:
    (assets / "task_output.txt").write_text("[INFO] Excluding 312 points outside the boundary\n")
    assert codes(assets) == {}


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
        found = verify(folder / name, options) + verify_placement(folder / name, sent)
        assert [finding for finding in found if finding.where[:7] != "odm_geo"] == []
