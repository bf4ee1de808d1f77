"""gcp_list.txt in, errors of the surveyed points out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.domain.flight import Band, BandImage, Capture
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.adjustment.ground_control import PointResidual
from uav_workflow.engine.inputs.project import read_captures, read_control
from uav_workflow.engine.products.odm_report import gcp_errors, write_points
from uav_workflow.errors import FlightDataError


def capture(number: int) -> Capture:
    names = {band: f"{number}_{band}.tif" for band in ("Green", "NIR")}
    images = tuple(
        BandImage(path=Path(name), name=name, size_bytes=1, band=Band(name=band), width=800, height=600, bits=16)
        for band, name in names.items()
    )
    return Capture(capture_id=str(number), images=images)


def test_points_are_read_and_marks_of_other_bands_are_said(tmp_path: Path) -> None:
    lines = [f"5 6 7 100 200 {number}_Green.tif A" for number in range(3)]
    lines += [f"15 6 7 10 20 {number}_Green.tif B check" for number in range(3)]
    (tmp_path / "gcp_list.txt").write_text("\n".join(["EPSG:32633", *lines, "5 6 7 10 20 0_NIR.tif A"]))
    said: list[str] = []
    points, findings = read_control(tmp_path, [capture(number) for number in range(3)], said.append)
    assert [(point.name, point.is_check, len(point.marks)) for point in points] == [("A", False, 3), ("B", True, 3)]
    assert "control-mark-band" in {finding.code for finding in findings}
    assert any("1 marks lie in photos of a band" in line for line in said)


def test_no_file_means_no_points_and_a_broken_one_stops_the_run(tmp_path: Path) -> None:
    assert read_control(tmp_path, [capture(0)], print) == ((), [])
    (tmp_path / "gcp_list.txt").write_text("EPSG:32633\n1 2 3 4 5 nowhere.tif A\n")
    with pytest.raises(FlightDataError, match="control points"):
        read_control(tmp_path, [capture(0)], print)


def test_a_photo_copied_twice_is_used_once(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "images").mkdir()
    for number in range(3):
        picture = np.random.default_rng(number).integers(0, 255, (60, 80), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.jpg"), picture)
    (tmp_path / "images" / "copy of 1.jpg").write_bytes((tmp_path / "images" / "1.jpg").read_bytes())
    captures, findings = read_captures(tmp_path, 3.0, lambda line: None)
    assert [capture.primary.name for capture in captures] == ["0.jpg", "1.jpg", "2.jpg"]
    (finding,) = [finding for finding in findings if finding.code == "photo-copies"]
    assert "copy of 1.jpg of 1.jpg" in finding.message


def residual(name: str, error: tuple[float, float, float], *, used: bool, check: bool = False) -> PointResidual:
    return PointResidual(
        name=name, is_check=check, used=used, place=np.array([0.0, 20.0, 812.0]), error=np.array(error),
        images=("a.jpg", "b.jpg"), reprojection_px=0.4,
    )  # fmt: skip


def test_errors_are_those_of_the_points_adjusted_to() -> None:
    points = [
        residual("A", (0.01, 0.0, 0.02), used=True),
        residual("B", (-0.03, 0.0, 0.02), used=True),
        residual("wrong", (5.0, 0.0, 0.0), used=False),
        residual("C", (0.5, 0.5, 0.5), used=False, check=True),
    ]
    found = gcp_errors(points)
    assert found["mean"] == pytest.approx({"x": -0.01, "y": 0, "z": 0.02})
    assert found["error"] == pytest.approx({"x": np.sqrt(5e-4), "y": 0, "z": 0.02})
    assert [row["name"] for row in found["details"]] == ["A", "B", "wrong", "C"]
    assert [row["check"] for row in found["details"]] == [False, False, False, True]
    assert gcp_errors([]) == {}


def test_control_points_are_written_as_odm_writes_them(tmp_path: Path) -> None:
    made = Reconstruction(
        crs="EPSG:32633", offset=(500_000.0, 4_982_930.0), cameras={}, shots=(), points=np.zeros((0, 3))
    )
    write_points(tmp_path, made, [residual("A", (0.01, 0.0, 0.02), used=True), residual("B", (1, 1, 1), used=False)])
    document = json.loads((tmp_path / "odm_georeferencing" / "ground_control_points.geojson").read_text())
    (feature,) = document["features"]
    lon, lat, height = feature["geometry"]["coordinates"]
    assert (lon, lat) == (pytest.approx(15.0, abs=1e-7), pytest.approx(45.0, abs=1e-5))
    assert height == 812
    assert feature["properties"] == {
        "id": "A", "observations_count": 2, "observations_list": "a.jpg,b.jpg",
        "error_x": 0.01, "error_y": 0.0, "error_z": 0.02,
    }  # fmt: skip
