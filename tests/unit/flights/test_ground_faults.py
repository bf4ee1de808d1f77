"""Every fault the ground files can have is made once and must be named by its code."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from synthetic_flight import CRS, LAT0, LON0, TWO_PLOTS, Checker, FlightFolder, plots_geojson, read

from uav_workflow.findings import Level

HEADER = "plot_id,date,variable,value,unit,area_m2,method,operator\n"


def test_good_ground_files_have_no_findings(ground: FlightFolder, checked: Checker) -> None:
    rows = "P01,2024-07-31,agb_dry,60,g,0.25,clip,Li\nP02,2024-07-30,height_mean,12.5,cm,,ruler,Li\n"
    ground.text("observations.csv", HEADER + rows)
    assert checked(ground.path) == {}
    mass, height = read(ground.path).observations
    assert (mass.value, mass.unit, mass.area_m2) == (240.0, "g/m2", 0.25)
    assert (height.value, height.unit, height.raw_value, height.raw_unit) == (0.125, "m", "12.5", "cm")
    assert height.date == date(2024, 7, 30)


def test_inputs_name_the_files_by_role(ground: FlightFolder) -> None:
    ground.text("observations.csv", HEADER + "P01,2024-07-31,fvc_green,0.4,1,,,\n")
    ground.text("flight.yaml", "site: meadow\n")
    (ground.path.parent / "campaign.yaml").write_text("title: Meadows\ncreators:\n  - name: Li\n")
    flight = read(ground.path)
    assert {file.role for file in flight.inputs} == {"flight", "campaign", "plots", "observations"}
    assert flight.site == "meadow"
    assert flight.campaign is not None
    assert flight.campaign.creators[0].name == "Li"


def test_the_flight_id_is_of_the_photos_alone(ground: FlightFolder) -> None:
    before = read(ground.path).flight_id
    ground.text("observations.csv", HEADER + "P01,2024-07-31,fvc_green,0.4,1,,,\n")
    ground.text("flight.yaml", "date: 2024-08-01\nutc_offset: 8\n")
    after = read(ground.path).flight_id
    assert after == before
    assert before.startswith("20240731-")


# -- plots ---------------------------------------------------------------------------------------------------------


def test_one_plot_outside(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plots.geojson", plots_geojson(P01=(5.0, 5.0), P02=(300.0, 10.0)))
    found = checked(ground.path)["plot-outside-flight"]
    assert found.level is Level.WARNING
    assert "P02" in found.message


def test_all_plots_outside(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plots.geojson", plots_geojson(P01=(90_000.0, 5.0)))
    assert checked(ground.path)["plots-outside-flight"].level is Level.ERROR


def test_longitude_and_latitude_swapped(ground: FlightFolder, checked: Checker) -> None:
    rows = f"plot_id,lon,lat,shape,size_m\nP01,{LAT0},{LON0 - 90},square,1\n"
    (ground.path / "plots.geojson").unlink()
    ground.text("plots.csv", rows.replace(str(LON0 - 90), "80"))
    assert "plots-outside-flight" in checked(ground.path)


def metres_as_degrees() -> str:
    from pyproj import Transformer

    east, north = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(LON0, LAT0)
    ring = [[east + u, north + v] for u, v in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
    feature = {
        "type": "Feature",
        "properties": {"plot_id": "P01"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def test_metres_labelled_as_degrees(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plots.geojson", metres_as_degrees())
    found = checked(ground.path)["crs-metres-as-degrees"]
    assert found.level is Level.ERROR
    assert CRS in found.hint


def test_metres_labelled_as_degrees_put_right_in_flight_yaml(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plots.geojson", metres_as_degrees())
    ground.text("flight.yaml", f"crs: {CRS}\n")
    assert set(checked(ground.path)) == {"crs-overridden"}
    (plot,) = read(ground.path).plots
    assert plot.crs == CRS
    assert plot.geometry.area == pytest.approx(1.0)


def test_centres_in_degrees_become_metric_squares_and_circles(ground: FlightFolder, checked: Checker) -> None:
    (ground.path / "plots.geojson").unlink()
    rows = f"A,{LON0},{LAT0},square,2\nB,{LON0},{LAT0},circle,3\n"
    ground.text("plots.csv", "Plot ID,Lon,Lat,Shape,Size_m\n" + rows)
    assert checked(ground.path) == {}
    a, b = read(ground.path).plots
    assert a.crs == b.crs == CRS
    assert a.geometry.area == pytest.approx(4.0)
    assert b.geometry.area == pytest.approx(3.14159 * 1.5**2, rel=2e-3)


def test_what_decides_a_match_travels_with_the_plot(ground: FlightFolder, checked: Checker) -> None:
    (ground.path / "plots.geojson").unlink()
    row = f"A,{LON0},{LAT0},square,2,Arou,field,meadow,0.02,0.03,rtk_fixed\n"
    head = "plot_id,lon,lat,shape,size_m,site_id,parent_plot_id,Vegetation Class,sigma_h_m,sigma_v_m,fix_type\n"
    ground.text("plots.csv", head + row)
    assert checked(ground.path).keys() <= {"observation-without-plot"}
    (plot,) = read(ground.path).plots
    assert (plot.site_id, plot.parent_plot_id, plot.vegetation_class) == ("Arou", "field", "meadow")
    assert (plot.sigma_h_m, plot.sigma_v_m, plot.fix_type) == (0.02, 0.03, "rtk_fixed")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("plot_id,x,y,shape,size_m\nA,500000,4260000,square,1\n", "crs-missing"),
        ("plot_id,note\nA,none\n", "missing-column"),
        ("name,lon,lat\nA,1,2\n", "missing-column"),
        ("", "empty-table"),
        (f"plot_id,lon,lat,shape\nA,{LON0},{LAT0},square\n", "plot-geometry-invalid"),
        (f"plot_id,lon,lat,shape,size_m\nA,{LON0},{LAT0},hexagon,1\n", "plot-geometry-invalid"),
        (f"plot_id,lon,lat,shape,size_m\n,{LON0},{LAT0},square,1\n", "plot-without-id"),
        (f"plot_id,lon,lat,shape,size_m\nA,{LON0},{LAT0},square,1\nA,{LON0},{LAT0},square,1\n", "duplicate-plot"),
        (f"plot_id,lon,lat,shape,size_m,sigma_h_m\nA,{LON0},{LAT0},square,1,3\n", "plot-position-uncertain"),
        ("plot_id,geometry,crs\nA,POLYGON((0 0,EPSG:4326\n", "plot-geometry-invalid"),
    ],
)
def test_faults_of_plots_csv(ground: FlightFolder, checked: Checker, content: str, code: str) -> None:
    (ground.path / "plots.geojson").unlink()
    ground.text("plots.csv", content)
    assert code in checked(ground.path)


@pytest.mark.parametrize("content", ["{", "[]", '{"features": [7]}', "not json at all"])
def test_plots_that_cannot_be_read(ground: FlightFolder, checked: Checker, content: str) -> None:
    ground.text("plots.geojson", content)
    assert checked(ground.path)["plots-unreadable"].level is Level.ERROR


def test_geopackage(ground: FlightFolder, checked: Checker) -> None:
    import geopandas

    frame = geopandas.read_file(ground.path / "plots.geojson").to_crs(CRS)
    (ground.path / "plots.geojson").unlink()
    frame.to_file(ground.path / "plots.gpkg", layer="plots")
    assert checked(ground.path) == {}
    plots = read(ground.path).plots
    assert [plot.plot_id for plot in plots] == ["P01", "P02"]
    assert plots[0].crs == CRS


def test_two_plot_files(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plots.csv", "plot_id,lon,lat\n")
    assert "two-files-of-a-kind" in checked(ground.path)


# -- observations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("P99,2024-07-31,fvc_green,0.4,1,,,", "observation-without-plot"),
        ("P1,2024-07-31,fvc_green,0.4,1,,,", "observation-without-plot"),
        (",2024-07-31,fvc_green,0.4,1,,,", "observation-without-plot"),
        ("P02,2024-07-31,agb_dry,60,g,,,", "harvest-without-area"),
        ("P02,2024-07-31,agb_dry,60,g/quadrat,,,", "harvest-without-area"),
        ("P02,2024-07-31,agb_dry,60,,0.25,,", "missing-unit"),
        ("P02,2024-07-31,fvc_green,45,,,,", "missing-unit"),
        ("P02,2024-07-31,height_mean,45,kg,,,", "wrong-unit"),
        ("P02,2024-07-31,fvc_green,45,1,,,", "impossible-value"),
        ("P02,2024-07-31,height_mean,-3,cm,,,", "impossible-value"),
        ("P02,2024-07-31,agb_dry,90000,g/m2,,,", "impossible-value"),
        ("P02,2024-07-31,agb_dry,60,g,2500,,", "impossible-area"),
        ("P02,2024-07-31,agb_dry,60,g,0,,", "impossible-area"),
        ("P02,2024-07-31,agb_dry,60,g,4,,", "harvest-larger-than-plot"),
        ("P02,2024-07-31,greenness,4,1,,,", "unknown-variable"),
        ("P02,03/04/2024,fvc_green,0.4,1,,,", "invalid-date"),
        ("P02,,fvc_green,0.4,1,,,", "observation-undated"),
        ("P02,2024-08-29,fvc_green,0.4,1,,,", "observation-far-in-time"),
        ("P02,2024-07-31,fvc_green,abc,1,,,", "not-a-number"),
        ("P02,2024-07-31,fvc_green,-9999,1,,,", "missing-value"),
        ("P02,2024-07-31,fvc_green,0,4,1,,,Li", "wrong-cell-count"),
        ("P01,2024-07-31,fvc_green,0.4,1,,,", "duplicate-observation"),
        ('P02,2024-07-31,agb_dry,"1,234",g/m2,,,', "ambiguous-number"),
        ('P02,2024-07-31,fvc_green,"0,4",1,,,', "decimal-comma"),
    ],
)
def test_faults_of_observations(ground: FlightFolder, checked: Checker, row: str, code: str) -> None:
    ground.text("observations.csv", HEADER + "P01,2024-07-31,fvc_green,0.5,1,,,\n" + row + "\n")
    found = checked(ground.path)
    assert code in found
    assert found[code].level is not Level.ERROR


def test_dry_above_fresh(ground: FlightFolder, checked: Checker) -> None:
    rows = "P01,2024-07-31,agb_dry,300,g/m2,,,\nP01,2024-07-31,agb_fresh,100,g/m2,,,\n"
    ground.text("observations.csv", HEADER + rows)
    assert "above fresh" in checked(ground.path)["impossible-value"].message


def test_no_usable_observation(ground: FlightFolder, checked: Checker) -> None:
    ground.text("observations.csv", HEADER + "P01,2024-07-31,agb_dry,60,g,,,\n")
    assert checked(ground.path)["no-usable-observation"].level is Level.ERROR


def test_observations_without_any_plots(flight: FlightFolder, checked: Checker) -> None:
    flight.write()
    flight.text("observations.csv", HEADER + "P01,2024-07-31,fvc_green,0.4,1,,,\n")
    assert "plots-missing" in checked(flight.path)


def test_missing_column(ground: FlightFolder, checked: Checker) -> None:
    ground.text("observations.csv", "plot,value\nP01,3\n")
    assert checked(ground.path)["missing-column"].level is Level.ERROR


GOOD_ROWS = HEADER + "P01,2024-07-31,fvc_green,0.5,1,,目测,李\nP02,2024-07-31,fvc_green,0.4,1,,目测,李\n"


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (GOOD_ROWS.replace("\n", "\r\n").encode(), set()),
        (b"\xef\xbb\xbf" + GOOD_ROWS.encode(), set()),
        (GOOD_ROWS.encode("utf-16"), set()),
        (GOOD_ROWS.replace("\n", "\r").encode(), {"odd-line-ends"}),
        (GOOD_ROWS.replace("\n", "\r\n", 1).encode(), {"odd-line-ends"}),
        (GOOD_ROWS.encode("gb18030"), {"encoding-guessed"}),
        (GOOD_ROWS.replace("李", "Müller").replace("目测", "").encode("cp1252"), {"encoding-guessed"}),
        (GOOD_ROWS.replace(",", ";").replace("0.", "0,").encode(), {"decimal-comma"}),
        (GOOD_ROWS.replace(",", "\t").encode(), set()),
    ],
)
def test_odd_encodings_line_ends_and_delimiters(
    ground: FlightFolder, checked: Checker, content: bytes, codes: set[str]
) -> None:
    ground.text("observations.csv", content)
    assert set(checked(ground.path)) == codes
    first, second = read(ground.path).observations
    assert (first.value, second.value) == (0.5, 0.4)
    assert first.operator == ("Müller" if b"M\xfc" in content else "李")


# -- flight.yaml, campaign.yaml, other files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("utc_offset: 27\n", "flight-yaml-invalid"),
        ("date: soon\n", "flight-yaml-invalid"),
        ("crs: EPSG:1\n", "flight-yaml-invalid"),
        ("site: [unclosed\n", "flight-yaml-invalid"),
        ("just text\n", "flight-yaml-invalid"),
        ("utc_ofset: 8\n", "unknown-key"),
        ("sensor: polaroid\n", "unknown-sensor"),
        ("date: 2023-07-31\n", "date-mismatch"),
        ("paths: {plots: maps/plots.geojson}\n", "file-not-found"),
        ("paths: {images: DCIM}\n", "file-not-found"),
        ("paths: {images: ..}\n", "file-not-found"),
    ],
)
def test_faults_of_flight_yaml(ground: FlightFolder, checked: Checker, content: str, code: str) -> None:
    ground.text("flight.yaml", content)
    assert code in checked(ground.path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("date: 20\n", "'20' is no date with its year first; write it as 2026-07-24"),
        ("date: 2024-13-01\n", "'2024-13-01' is no date"),
        ("utc_offset: 8小时\n", "'8小时' is no number of hours; write it as +8"),
        ("site:\tA\nutc_offset: 8\n", "line 1 (`site:\tA`) can't be read: it holds a tab; put blanks in its place"),
        ("site： A\nutc_offset: 8\n", "a colon is full-width"),
        ("site： A\n", "holds no `key: value` lines; a colon is full-width"),
        ("site: [unclosed\n", "is no YAML"),
    ],
)
def test_what_is_wrong_in_flight_yaml_is_said_plainly(
    ground: FlightFolder, checked: Checker, content: str, said: str
) -> None:
    ground.text("flight.yaml", content)
    assert said in checked(ground.path)["flight-yaml-invalid"].message


@pytest.mark.parametrize("written", ["2024-07-31", "2024/7/31", "2024.07.31", "2024年7月31日"])
def test_a_date_with_its_year_first_is_read(ground: FlightFolder, checked: Checker, written: str) -> None:
    ground.text("flight.yaml", f"date: {written}\n")
    assert checked(ground.path) == {}


def test_the_file_of_yesterday(ground: FlightFolder, checked: Checker) -> None:
    """A day off is no question of time zones where the camera's clock is local."""
    ground.text("flight.yaml", "date: 2024-07-30\n")
    assert "the photos say 2024-07-31" in checked(ground.path)["date-mismatch"].message


def test_paths_of_flight_yaml(flight: FlightFolder, checked: Checker) -> None:
    flight.write()
    (flight.path / "images").rename(flight.path / "DCIM")
    (flight.path / "ground").mkdir()
    flight.text("ground/corners.geojson", TWO_PLOTS)
    flight.text("flight.yaml", "paths:\n  images: DCIM\n  plots: ground/corners.geojson\n")
    assert checked(flight.path) == {}
    assert len(read(flight.path).plots) == 2


def test_a_wrong_orcid_and_a_broken_campaign(ground: FlightFolder, checked: Checker) -> None:
    campaign = ground.path.parent / "campaign.yaml"
    campaign.write_text("title: A\ncreators:\n  - {name: Li, orcid: 0000-0002-1825-0098}\n")
    assert "orcid-invalid" in checked(ground.path)
    campaign.write_text("creators: {a: [b}\n")
    assert checked(ground.path)["campaign-yaml-invalid"].level is Level.ERROR


def test_tables_without_a_role_are_named(ground: FlightFolder, checked: Checker) -> None:
    ground.text("plot.csv", "a,b\n")
    ground.text("observations.xlsx", b"PK")
    found = checked(ground.path)
    assert found["unused-file"].where == "plot.csv"
    assert found["unsupported-table"].where == "observations.xlsx"


@pytest.mark.shared
def test_the_orca_plots_are_metres_labelled_as_degrees(shared_data: Path) -> None:
    from uav_workflow.flights.plots import read_plots

    path = next((shared_data / "orca_plots").glob("*.geojson"))
    plots, findings = read_plots(path, "plots.geojson", None, None)
    assert plots == ()
    assert [finding.code for finding in findings] == ["crs-metres-as-degrees"]
    assert "EPSG:32607" in findings[0].hint
    plots, findings = read_plots(path, "plots.geojson", "EPSG:32607", None)
    assert len(plots) == 36
    assert [finding.code for finding in findings] == ["crs-overridden", "plot-outline-mended"]
    assert all(0.15 < plot.geometry.area < 0.35 for plot in plots)


def test_corners_out_of_order_are_put_in_order(ground: FlightFolder, checked: Checker) -> None:
    (ground.path / "plots.geojson").unlink()
    ground.text("plots.csv", f"plot_id;geometry;crs\nA;POLYGON((0 0, 2 2, 2 0, 0 2, 0 0));{CRS}\n")
    found = checked(ground.path)
    assert {"plot-outline-mended", "plots-outside-flight"} <= set(found)


def test_a_name_two_photos_share_is_not_guessed(ground: FlightFolder, checked: Checker) -> None:
    from dataclasses import replace

    from synthetic_flight import write_photo

    write_photo(ground.path / "images/second card/DJI_0001.JPG", replace(ground.photos[0], seed=500))
    ground.text("geo.txt", f"EPSG:4326\nDJI_0001.JPG {LON0} {LAT0} 3040\nDJI_0002.JPG {LON0} {LAT0} 3040\n")
    found = checked(ground.path)["positions-photo"]
    assert "images/DJI_0001.JPG" in found.hint


def test_no_usable_plot_target_and_a_plot_without_observation(ground: FlightFolder, checked: Checker) -> None:
    ground.text("observations.csv", HEADER + "P01,2024-07-31,fvc_green,0.4,1,,,\n")
    assert "P02" in checked(ground.path)["plot-without-observation"].message
    ground.text("reference_targets.csv", "target_id,lon,lat,band,reflectance\nA,1,2,red,31\n")
    assert checked(ground.path)["no-usable-target"].level is Level.ERROR
    ground.text("plots.geojson", TWO_PLOTS.replace("PlotID", "name"))
    assert checked(ground.path)["no-usable-plot"].level is Level.ERROR
