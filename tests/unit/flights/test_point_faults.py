"""Control points, positions and targets: every fault is made, and its code is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_flight import CRS, LAT0, LON0, Checker, FlightFolder, Photo, read, write_photo


def gcp_lines(count: int, names: FlightFolder, **changes: str) -> str:
    from pyproj import Transformer

    east, north = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(LON0, LAT0)
    lines = [changes.get("crs", CRS)]
    for point in range(count):
        for photo in range(3):
            x, y = east + 3 * point, north + (2 * point if changes.get("places") == "in line" else 7 * (point % 2))
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


def test_the_part_a_node_adjusts_to_has_a_digest_of_its_own(ground: FlightFolder) -> None:
    def digests(text: str) -> dict[str, str]:
        ground.text("gcp_list.txt", text)
        return {file.role: file.sha256 for file in read(ground.path).inputs}

    text = gcp_lines(5, ground)
    first = digests(text)
    for change in (text.replace("20 30 DJI_0001.JPG gcp0", "21 30 DJI_0001.JPG gcp0"), text + "# seen twice\n"):
        assert change != text
        again = digests(change)
        assert again["control_points"] != first["control_points"]
        assert again["adjusting_points"] == first["adjusting_points"]
    assert digests(text.replace("21 30", "21.5 30"))["adjusting_points"] != first["adjusting_points"]
    assert "adjusting_points" not in digests(
        "\n".join(line for line in text.splitlines() if "gcp" not in line or "check" in line)
    )


@pytest.mark.parametrize(
    "line",
    [
        "EPSG:32647",
        "epsg:32647",
        "32647",
        "WGS84 UTM 47N",
        "WGS84 UTM 47 N",
        "WGS 84 / UTM zone 47N",
        "+proj=utm +zone=47 +datum=WGS84 +units=m +no_defs",
        "+proj=utm +zone=47 +datum=WGS84 +units=m +no_defs +type=crs",
        "urn:ogc:def:crs:EPSG::32647",
    ],
)
def test_the_first_line_names_the_crs_in_many_ways(ground: FlightFolder, checked: Checker, line: str) -> None:
    from uav_workflow.photogrammetry.survey_points import surveyed_in

    ground.text("gcp_list.txt", gcp_lines(4, ground, crs=line))
    assert checked(ground.path) == {}
    point = read(ground.path).control_points[1]
    assert surveyed_in(point, CRS) == pytest.approx([point.x, point.y, point.z], abs=1e-6)


@pytest.mark.parametrize("line", ["EPSG:6360", "EPSG:2264", "+proj=utm +zone=47 +datum=WGS84 +units=us-ft"])
def test_lengths_that_are_no_metres_are_refused(ground: FlightFolder, checked: Checker, line: str) -> None:
    ground.text("gcp_list.txt", gcp_lines(4, ground, crs=line))
    assert {"control-points-unit", "control-points-invalid"} & checked(ground.path).keys()


@pytest.mark.parametrize(
    ("z", "code", "level"),
    [
        ("3012.5", None, ""),
        ("3140.0", None, ""),
        ("9842.5", "control-points-feet", "error"),
        ("30.0", "control-points-height", "warning"),
        ("0", "control-points-height", "warning"),
    ],
)
def test_heights_in_another_unit_or_of_another_place(
    ground: FlightFolder, checked: Checker, z: str, code: str | None, level: str
) -> None:
    """The photos lie at 3040 m, 40 m above the ground; geoid and ellipsoid are up to 106 m apart."""
    ground.text("gcp_list.txt", gcp_lines(4, ground).replace(" 3000.0 ", f" {z} "))
    found = checked(ground.path)
    assert {name: finding.level for name, finding in found.items()} == ({code: level} if code else {})


def test_control_points_in_one_line(ground: FlightFolder, checked: Checker) -> None:
    ground.text("gcp_list.txt", gcp_lines(4, ground, places="in line"))
    assert set(checked(ground.path)) == {"control-points-in-line"}


def test_no_check_point_is_said(ground: FlightFolder, checked: Checker) -> None:
    ground.text("gcp_list.txt", gcp_lines(5, ground).replace(" check", ""))
    assert {name: finding.level for name, finding in checked(ground.path).items()} == {"check-points-none": "info"}


@pytest.mark.parametrize("without", [12, 3])
def test_photos_without_gps_are_placed_by_control_points(ground: FlightFolder, checked: Checker, without: int) -> None:
    for index in range(without):
        ground.change(index, gps=False)
    ground.write()
    ground.text("gcp_list.txt", gcp_lines(4, ground))
    found = checked(ground.path)
    assert found["no-gps"].level == "warning"
    assert not [finding for finding in found.values() if finding.level == "error"]
    flight = read(ground.path)
    assert sum(capture.position is None for capture in flight.captures) == without
    assert flight.geometry.crs == CRS


@pytest.mark.parametrize(("old", "new"), [("gcp3\n", "gcp3 check\n"), ("DJI_0003.JPG gcp2", "DJI_0002.JPG gcp9")])
def test_too_few_control_points_do_not_place_a_flight_without_gps(
    ground: FlightFolder, checked: Checker, old: str, new: str
) -> None:
    ground.change_all(gps=False)
    ground.write()
    text = gcp_lines(4, ground)
    assert old in text
    ground.text("gcp_list.txt", text.replace(old, new))
    found = checked(ground.path)["no-gps"]
    assert found.level == "error"
    assert "2 are marked in 3 photos" in found.message
    assert "gcp_list.txt" in found.hint


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
        ("3000.0 21 30", "3001.0 21 30", "control-point-places"),
        ("DJI_0002.JPG gcp1", "DJI_0001.JPG gcp1", "control-point-mark"),
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


def test_panel_pictures_need_no_position_of_their_own(ground: FlightFolder, checked: Checker) -> None:
    lines = [f"{Path(ground.name(i)).name} {LON0 + i * 5e-5} {LAT0} 3041.5" for i in range(12)]
    ground.text("geo.txt", "\n".join(["EPSG:4326", *lines]))
    (ground.path / "plots.geojson").unlink()
    write_photo(ground.path / "panels/DJI_0900.JPG", Photo(altitude_m=3000.0, seed=90))
    assert "positions-partly" not in checked(ground.path)
    ground.text("geo.txt", "\n".join(["EPSG:4326", *lines[1:]]))
    assert checked(ground.path)["positions-partly"].message.startswith("1 of 12 images")


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
