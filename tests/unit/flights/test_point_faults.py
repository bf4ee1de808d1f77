"""Control points, positions and targets: every fault is made, and its code is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_flight import CRS, LAT0, LON0, Checker, FlightFolder, read


def gcp_lines(count: int, names: FlightFolder, **changes: str) -> str:
    from pyproj import Transformer

    east, north = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(LON0, LAT0)
    lines = [changes.get("crs", CRS)]
    for point in range(count):
        for photo in range(3):
            x, y = east + 3 * point, north + 2 * point
            image = Path(names.name(photo)).name
            extra = " check" if point == 0 else ""
            lines.append(f"{x:.3f} {y:.3f} 3000.0 {20 + point} {30 + photo} {image} gcp{point}{extra}")
    return "\n".join(lines) + "\n"


def test_control_points_and_check_points(ground: FlightFolder, checked: Checker) -> None:
    ground.text("gcp_list.txt", gcp_lines(4, ground))
    assert checked(ground.path) == {}
    points = read(ground.path).control_points
    assert [point.is_check for point in points] == [True, False, False, False]
    assert len(points[0].marks) == 3
    assert points[1].marks[2].image == ground.name(2)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (CRS, "local grid", "control-points-invalid"),
        (CRS, "EPSG:2264", "control-points-unit"),
        (CRS, "EPSG:32630", "control-points-outside-flight"),
        ("DJI_0001.JPG gcp1", "dji_0001.jpg gcp1", "control-point-photo"),
        ("21 30 DJI_0001.JPG", "2100 30 DJI_0001.JPG", "control-point-mark"),
        ("3000.0 21", "3000,0 21", "control-point-line"),
        ("DJI_0003.JPG gcp1", "DJI_0002.JPG gcp9", "control-point-marks"),
        ("gcp2\n", "gcp2 check\n", "control-points-few"),
    ],
)
def test_faults_of_control_points(ground: FlightFolder, checked: Checker, old: str, new: str, code: str) -> None:
    text = gcp_lines(4, ground)
    assert old in text
    ground.text("gcp_list.txt", text.replace(old, new))
    assert code in checked(ground.path)


def test_positions_stand_above_the_photos_own(ground: FlightFolder, checked: Checker) -> None:
    lines = [f"{Path(ground.name(i)).name} {LON0 + i * 5e-5} {LAT0} 3041.5 nan nan nan 0.02 0.04" for i in range(12)]
    ground.text("geo.txt", "\n".join(["EPSG:4326", *lines]))
    (ground.path / "plots.geojson").unlink()
    assert {"positions-partly", "positions-invalid"}.isdisjoint(checked(ground.path))
    position = read(ground.path).captures[3].position
    assert position is not None
    assert (position.lon, position.alt_m) == (pytest.approx(LON0 + 3 * 5e-5), 3041.5)
    assert (position.sigma_h_m, position.sigma_v_m) == (0.02, 0.04)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "positions-invalid"),
        ("somewhere\nDJI_0001.JPG 1 2\n", "positions-invalid"),
        ("EPSG:4326\nOTHER.JPG 1 2 3\n", "positions-invalid"),
        ("EPSG:4326\nOTHER.JPG 1 2 3\n", "positions-photo"),
        (f"EPSG:4326\nDJI_0001.JPG {LON0} {LAT0} 3040\n", "positions-partly"),
        (f"EPSG:4326\nDJI_0001.JPG east {LAT0} 3040\n", "positions-line"),
        ("EPSG:4326\nDJI_0001.JPG 500000 4260000 3040\n", "crs-metres-as-degrees"),
    ],
)
def test_faults_of_positions(ground: FlightFolder, checked: Checker, content: str, code: str) -> None:
    ground.text("geo.txt", content)
    assert code in checked(ground.path)


def test_targets(ground: FlightFolder, checked: Checker) -> None:
    rows = f"grey,{LON0},{LAT0},square,1,red,0.31,0.01\ngrey,{LON0},{LAT0},square,1,rededge,0.33,\n"
    ground.text("reference_targets.csv", "target_id,lon,lat,shape,size_m,band,reflectance,sd\n" + rows)
    assert checked(ground.path) == {}
    red, edge = read(ground.path).targets
    assert (red.band, red.reflectance, red.sd) == ("Red", 0.31, 0.01)
    assert (edge.band, edge.sd) == ("Red edge", None)
    assert red.geometry.area == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (f"grey,{LON0},{LAT0},square,1,red,31", "impossible-value"),
        (f"grey,{LON0},{LAT0},square,,red,0.3", "target-geometry-invalid"),
        (f"grey,{LON0 + 1},{LAT0},square,1,red,0.3", "targets-outside-flight"),
        ("grey,500000,4260000,square,1,red,0.3", "crs-metres-as-degrees"),
    ],
)
def test_faults_of_targets(ground: FlightFolder, checked: Checker, row: str, code: str) -> None:
    ground.text("reference_targets.csv", f"target_id,lon,lat,shape,size_m,band,reflectance\n{row}\n")
    assert code in checked(ground.path)
