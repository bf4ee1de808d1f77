"""Real photos, the whole chain, the embedded node."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rio_cogeo import cog_validate

from tests.end_to_end.conftest import Run, run_uav
from uav_workflow.domain.product import Product
from uav_workflow.quality.comparison import camera_centres, covered_share
from uav_workflow.rasters.reader import Raster

pytestmark = pytest.mark.shared

FLIGHTS = {"brighton_beach": (18, (2155, 2400)), "caliterra_block": (13, (2820, 3020))}
"""Photos, and the range of the focal length in pixels (reference: lens data and OpenDroneMap)."""

MAPS = ("orthomosaic", "dsm", "dtm", "reflectance", "indices", "canopy_height", "cover")


def product(run: Run, kind: str) -> Product:
    manifest = run.manifest(kind)
    return Product(
        kind=kind,
        fingerprint=manifest["fingerprint"],
        path=Path(run.document["products"][kind]["path"]),
        manifest=manifest,
    )


@pytest.fixture(params=sorted(FLIGHTS))
def run(request: pytest.FixtureRequest, real_run: Callable[[str], Run]) -> Run:
    return real_run(request.param)


def test_the_run_is_complete(run: Run) -> None:
    assert run.status == 0, run.log
    assert run.document["status"] == "complete"
    assert {"report", "handover", "point_cloud", *MAPS} <= run.document["products"].keys()


def test_all_photos_are_placed_with_a_sane_focal_length(run: Run) -> None:
    photos, (low, high) = FLIGHTS[run.folder.name]
    facts = run.manifest("reconstruction")["facts"]
    assert facts["registered"] == facts["total"] == photos
    for camera in facts["cameras"].values():
        assert low <= camera["focal_px"] <= high


def test_the_orthomosaic_covers_the_flight(run: Run) -> None:
    assert covered_share(product(run, "orthomosaic"), camera_centres(product(run, "reconstruction"))) >= 0.9


def test_maps_share_one_grid_in_utm(run: Run) -> None:
    grids = []
    for kind in MAPS:
        with Raster(run.file(kind, f"{kind}.tif")) as raster:
            grids.append(raster.grid)
    assert len(set(grids)) == 1
    assert grids[0].crs.startswith("EPSG:326")


def test_maps_are_cloud_optimized(run: Run) -> None:
    for kind in MAPS:
        valid, errors, warnings = cog_validate(run.file(kind, f"{kind}.tif"), strict=True)
        assert valid, (kind, errors, warnings)


def test_what_was_not_made_is_said_with_its_reason(run: Run) -> None:
    assert run.document["not_made"].keys() == {"plot_predictors", "biomass", "plots", "match"}
    assert "plots" in run.document["not_made"]["plots"]
    assert "allometry" in run.document["not_made"]["biomass"]


def test_every_file_is_what_its_manifest_says(run: Run) -> None:
    for kind in run.document["products"]:
        for name, facts in run.manifest(kind)["files"].items():
            digest = hashlib.sha256(run.file(kind, name).read_bytes()).hexdigest()
            assert digest == facts["sha256"], (kind, name)


def test_the_report_stands_alone(run: Run) -> None:
    page = run.file("report", "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"data:image/(?:png|jpeg);base64,", page)) >= 6
    assert "http://" not in page.replace("http://www.w3.org", "").split("<h2>How it was made</h2>")[0]
    assert "Not made" in page


def test_a_second_run_makes_nothing(run: Run) -> None:
    manifests = sorted((run.workspace / "products").rglob("manifest.json"))
    before = {path: path.stat().st_mtime_ns for path in manifests}
    again = run_uav(run.folder, run.workspace)
    assert again.status == 0, again.log
    assert {path: path.stat().st_mtime_ns for path in manifests} == before
    assert again.document["products"] == run.document["products"]


def test_latest_points_at_the_products(run: Run) -> None:
    pointer = run.workspace / "products" / run.document["flight"] / "latest.json"
    names = json.loads(pointer.read_text(encoding="utf-8"))
    assert {kind: Path(entry["path"]).name for kind, entry in run.document["products"].items()} == names
