"""The plot table in the formats others read: Frictionless, Darwin Core, GeoPackage."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from tests.unit.plots.conftest import DAY
from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.domain.flight import Flight
from uav_workflow.errors import UsageError
from uav_workflow.plots.columns import COLUMNS
from uav_workflow.plots.lookup import PlotQuery, look_up, write_table
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.schema import FLAGS, PlotFlag
from uav_workflow.plots.table import make_plots
from uav_workflow.plots.wide import wide

Make = Callable[..., Any]
DWC = "http://rs.tdwg.org/dwc/terms/"
TYPES = {"string": str, "number": float, "integer": int}


@pytest.fixture
def made(
    write_raster: Make, square: Make, observed: Make, flown: Callable[..., Flight], tmp_path: Path
) -> Path:  # fmt: skip
    cover = np.full((60, 60), 0.5)
    cover[:, 40:] = np.nan
    path = write_raster("cover.tif", {"fvc_green": cover, "shadow": 0 * cover}, tags={"method": "a_star_otsu"})
    plots = [
        square("P", 0, 0, side=3.0, site_id="Arou", sigma_h_m=0.03),
        square("A", 1, 1, site_id="Arou", parent_plot_id="P", sigma_h_m=0.03, fix_type="rtk"),
        square("hole", 4.5, 1, site_id="Arou"),
    ]
    observations = [
        observed("A", "fvc_green", 0.55, operator="LW"),
        observed("A", "lai", 1.5),
        observed("A", "phenophase", None, DAY, text="flowering, late"),
        observed("A", "species_cover", 0.2),
        observed("A", "species_cover", 0.2),
        observed("hole", "species_richness", 7.0),
    ]
    flight = flown(plots, observations)
    make_plot_predictors(flight, Maps(rasters={"cover": path}), tmp_path)
    make_plots(flight, tmp_path / "plot_predictors.parquet", None, tmp_path)
    return tmp_path


def table_of(made: Path) -> gpd.GeoDataFrame:
    return look_up([made / "plots.parquet"], PlotQuery())


def check_package(text: str, descriptor: dict[str, Any]) -> list[dict[str, str]]:
    """Hold a CSV against its Table Schema: names, order, types, bounds, key, missing values."""
    schema = descriptor["resources"][0]["schema"]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [field["name"] for field in schema["fields"]]
    for field in schema["fields"]:
        bounds = field.get("constraints", {})
        cells = [row[field["name"]] for row in rows]
        given = [TYPES[field["type"]](cell) for cell in cells if cell not in schema["missingValues"]]
        if bounds.get("required"):
            assert len(given) == len(cells)
        assert all(value >= bounds["minimum"] for value in given if "minimum" in bounds)
        assert all(value <= bounds["maximum"] for value in given if "maximum" in bounds)
        assert all(value in bounds["enum"] for value in given if "enum" in bounds)
    keys = [tuple(row[name] for name in schema["primaryKey"]) for row in rows]
    assert len(set(keys)) == len(rows)
    return rows


def test_csv_keeps_what_its_datapackage_promises(made: Path) -> None:
    descriptor = json.loads((made / "datapackage.json").read_text())
    content = (made / "plots.csv").read_bytes()
    resource = descriptor["resources"][0]
    assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert resource["bytes"] == len(content)
    assert b"\r" not in content
    rows = check_package(content.decode(), descriptor)
    assert len(rows) == len(gpd.read_parquet(made / "plots.parquet"))
    units = {field["name"]: field.get("unit") for field in resource["schema"]["fields"]}
    assert (units["area_m2"], units["gsd_m"], units["dt_days"]) == ("m2", "m", "d")
    assert all(field["description"] for field in resource["schema"]["fields"])
    assert descriptor["variables"]["agb_dry"] == "g/m2"
    assert set(descriptor["qc_flags"]) == {str(int(flag)) for flag in PlotFlag}


def test_every_flag_has_words() -> None:
    assert set(FLAGS) == set(PlotFlag)


def test_an_empty_value_has_a_reason_and_no_code(made: Path) -> None:
    table = gpd.read_parquet(made / "plots.parquet")
    empty = table[table["value"].isna() & (table["source"] == "drone")]
    assert len(empty) == 1
    assert empty["reason"].tolist() == ["no-data"]
    assert b"-9999" not in (made / "plots.csv").read_bytes()
    assert not (table.select_dtypes("number") == -9999).any().any()


def test_ground_only_variables_travel(made: Path) -> None:
    table = table_of(made)
    ground = table[table["source"] == "ground"]
    assert set(ground["variable"]) == {"fvc_green", "lai", "phenophase", "species_cover", "species_richness"}
    assert ground.loc[ground["variable"] == "phenophase", "text"].tolist() == ["flowering, late"]


def test_geopackage_has_the_same_rows(made: Path) -> None:
    table, layer = gpd.read_parquet(made / "plots.parquet"), gpd.read_file(made / "plots.gpkg", layer="plots")
    assert layer.crs == table.crs
    assert list(layer.columns) == [*COLUMNS, "geometry"]
    np.testing.assert_array_equal(layer["value"], table["value"])
    assert layer["reason"].isna().tolist() == table["reason"].isna().tolist()
    assert layer.geometry.area.to_numpy() == pytest.approx(table.geometry.area.to_numpy())


def archive(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Files of a Darwin Core Archive read as its meta.xml describes them, keyed by row type's last word."""
    space = {"d": "http://rs.tdwg.org/dwc/text/"}
    found = {}
    meta = ElementTree.parse(folder / "meta.xml").getroot()
    document = ElementTree.parse(folder / str(meta.get("metadata"))).getroot()
    assert document.tag == "{https://eml.ecoinformatics.org/eml-2.2.0}eml"
    for part in meta:
        name = part.findtext("d:files/d:location", namespaces=space)
        assert part.get("linesTerminatedBy") == "\\n"
        with (folder / str(name)).open(newline="", encoding="utf-8") as stream:
            head, *lines = list(csv.reader(stream, delimiter=part.get("fieldsTerminatedBy"), quotechar='"'))
        terms = [field.get("term").rpartition("/")[2] for field in part.findall("d:field", space)]  # type: ignore[union-attr]
        assert terms == head
        assert terms[0] == "eventID"
        found[str(part.get("rowType")).rpartition("/")[2]] = [dict(zip(terms, line, strict=True)) for line in lines]
    return found


def test_darwin_core_archive(made: Path, tmp_path: Path) -> None:
    write_table(table_of(made), tmp_path / "dwc", "dwc")
    files = archive(tmp_path / "dwc")
    events = {row["eventID"]: row for row in files["Event"]}
    assert len(events) == len(files["Event"])
    assert all(row["parentEventID"] in {"", *events} for row in events.values())
    assert events["20260720-abc:A"]["parentEventID"] == "20260720-abc:P"
    assert events["20260720-abc:P"]["parentEventID"] == "20260720-abc"
    plot = events["20260720-abc:A"]
    assert float(plot["sampleSizeValue"]) == pytest.approx(1)
    assert plot["sampleSizeUnit"] == "square metre"
    assert plot["footprintWKT"].startswith("POLYGON")
    assert float(plot["coordinateUncertaintyInMeters"]) == pytest.approx(np.sqrt(0.5) + 0.03, abs=0.01)
    assert events["20260720-abc:hole"]["coordinateUncertaintyInMeters"] == ""
    facts = files["ExtendedMeasurementOrFact"]
    assert len({row["measurementID"] for row in facts}) == len(facts)
    assert all(row["eventID"] in events for row in facts)
    told = {(row["eventID"], row["measurementType"]): row for row in facts}
    assert told["Arou:A:ground:2026-07-20", "phenophase"]["measurementValue"] == "flowering, late"
    assert told["Arou:A:ground:2026-07-20", "fvc_green"]["measurementDeterminedBy"] == "LW"
    assert told["20260720-abc:hole", "fvc_green"]["measurementValue"] == ""
    assert "no measured pixel" in told["20260720-abc:hole", "fvc_green"]["measurementRemarks"]
    assert sum(row["measurementType"] == "species_cover" for row in facts) == 2


def test_an_observation_is_told_once_over_two_flights(made: Path, tmp_path: Path) -> None:
    table = table_of(made)
    both = gpd.GeoDataFrame(
        pd.concat([table, table.assign(flight_id="20260722-def")], ignore_index=True), crs=table.crs
    )
    write_table(both, tmp_path / "dwc", "dwc")
    facts = archive(tmp_path / "dwc")["ExtendedMeasurementOrFact"]
    ground = [row for row in facts if ":ground:" in row["eventID"]]
    assert len(ground) == int((table["source"] == "ground").sum())
    assert len(facts) - len(ground) == 2 * int((table["source"] == "drone").sum())


def test_bundles_go_to_a_zip_or_a_new_folder(made: Path, tmp_path: Path) -> None:
    write_table(table_of(made), tmp_path / "plots.zip", "datapackage")
    with zipfile.ZipFile(tmp_path / "plots.zip") as archive:
        assert set(archive.namelist()) == {"plots.csv", "datapackage.json"}
        check_package(archive.read("plots.csv").decode(), json.loads(archive.read("datapackage.json")))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_table(table_of(made), tmp_path / "full", "dwc")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_wide_view_has_a_row_a_plot_and_names_its_units(made: Path, tmp_path: Path) -> None:
    write_table(table_of(made), tmp_path / "wide.csv", "wide")
    rows = pd.read_csv(tmp_path / "wide.csv").set_index("plot_id")
    assert list(rows.index) == ["A", "P", "hole"]
    assert rows.loc["A", "fvc_green"] == pytest.approx(0.5)
    assert rows.loc["A", "ground_fvc_green"] == pytest.approx(0.55)
    assert rows.loc["A", "ground_phenophase"] == "flowering, late"
    assert np.isnan(rows.loc["hole", "fvc_green"])
    assert rows.loc["hole", "ground_species_richness"] == 7


def test_wide_view_parts_methods_of_one_variable(made: Path) -> None:
    table = table_of(made)
    other = table[table["variable"].eq("fvc_green") & table["source"].eq("drone")].assign(method="frames", value=0.4)
    mass = table.iloc[:1].assign(variable="agb_dry", unit="g/m2", value=120.0, source="drone", method="m:left_out")
    both = gpd.GeoDataFrame(pd.concat([table, other, mass], ignore_index=True), crs=table.crs)
    rows = wide(both).set_index("plot_id")
    assert {"fvc_green_a_star_otsu", "fvc_green_frames", "agb_dry_g_m2"} <= set(rows.columns)
    assert "fvc_green" not in rows.columns
    assert rows.loc["A", "fvc_green_frames"] == pytest.approx(0.4)


@pytest.mark.parametrize("form", ["csv", "wide", "geojson", "gpkg", "parquet", "datapackage", "dwc"])
def test_an_empty_answer_is_a_file_too(form: str, tmp_path: Path) -> None:
    target = tmp_path / f"plots.{'zip' if form in ('datapackage', 'dwc') else form}"
    write_table(look_up([], PlotQuery()), target, form)
    assert target.stat().st_size > 0


def test_outlines_in_degrees_keep_their_millimetres(made: Path, tmp_path: Path) -> None:
    """Six decimals of a degree are eleven centimetres: a tenth of a quadrat's side and more."""
    table = table_of(made)
    for form, name in (("csv", "plots.csv"), ("wide", "wide.csv")):
        write_table(table, tmp_path / name, form)
        read = pd.read_csv(tmp_path / name)
        shapes = gpd.GeoSeries.from_wkt(read["geometry"], crs="EPSG:4326").to_crs("EPSG:32647")
        corner = shapes[read["plot_id"] == "A"].iloc[0].bounds[:2]
        assert corner == pytest.approx((5e5 + 1, 4.2e6 - 2), abs=0.001)


def test_licence_and_authors_are_the_campaigns(
    square: Make, write_raster: Make, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    cover = write_raster("cover.tif", {"fvc_green": np.ones((20, 20)), "shadow": np.zeros((20, 20))})
    campaign = Campaign(licence="CC-BY-4.0", creators=(Creator(name="Li Wei"),))
    flight = replace(flown([square("A", 0, 0)]), campaign=campaign)
    make_plot_predictors(flight, Maps(rasters={"cover": cover}), tmp_path)
    make_plots(flight, tmp_path / "plot_predictors.parquet", None, tmp_path)
    descriptor = json.loads((tmp_path / "datapackage.json").read_text())
    assert descriptor["licenses"] == [{"name": "CC-BY-4.0"}]
    assert descriptor["contributors"] == [{"title": "Li Wei", "role": "author"}]
    assert (gpd.read_parquet(tmp_path / "plots.parquet")["licence"] == "CC-BY-4.0").all()
