from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from pyproj import Transformer
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.domain.product import Made
from uav_workflow.errors import NotMade
from uav_workflow.handover.maps import GridSettings
from uav_workflow.handover.package import make_handover
from uav_workflow.handover.variables import FlightMaps
from uav_workflow.handover.when import Visit
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

CELLS = ("10m", "30m", "flags_10m", "flags_30m")
COMMON = ("value", "sd_within", "coverage_fraction", "n", "p10", "p90")
UNZONED = Visit.of("20240715-abc123", "Haibei", None, None)
CAMPAIGN = Campaign(
    creators=(Creator(name="Li Wei"),),
    licence="CC-BY-4.0",
    keywords=("Qilian Mountains",),
    citation="Li Wei (2024): Cover of Haibei. https://doi.org/10.1234/qilian.55.",
)


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        if "stac_version" in document:
            yield document


def validator(known: dict[str, dict[str, Any]]) -> JsonSchemaSTACValidator:
    """PySTAC's validator with its own core schemas and the given ones; a schema it would fetch is an error."""
    made = JsonSchemaSTACValidator()
    made.schema_cache.update(known)

    def refuse(uri: str) -> dict[str, Any]:
        if uri.rstrip("#") not in made.schema_cache:
            raise AssertionError(f"would fetch {uri}")
        return made.schema_cache[uri.rstrip("#")]

    made._get_schema = refuse  # type: ignore[method-assign]
    return made


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)


def kind_of(document: dict[str, Any]) -> pystac.STACObjectType:
    return {
        "Catalog": pystac.STACObjectType.CATALOG,
        "Collection": pystac.STACObjectType.COLLECTION,
        "Feature": pystac.STACObjectType.ITEM,
    }[document["type"]]


def test_title_and_keywords_name_what_is_there(made: tuple[Path, Made], order: dict[str, Any], tmp_path: Path) -> None:
    whole = json.loads((made[0] / "collection.json").read_text())
    assert whole["title"] == "Haibei: green vegetation cover and dry above-ground biomass on satellite grids"
    assert "dry above-ground biomass" in whole["keywords"]
    out = tmp_path / "cover alone"
    out.mkdir()
    make_handover(**(order | {"maps": replace(order["maps"], biomass=None), "out": out}))
    alone = json.loads((out / "collection.json").read_text())
    assert "biomass" not in json.dumps([alone["title"], alone["keywords"]])


def test_files_and_bands(made: tuple[Path, Made]) -> None:
    out, said = made
    assert {path.name for path in out.iterdir()} == {
        "catalog.json",
        "collection.json",
        "lineage.json",
        "20240715-abc123-10m.json",
        "20240715-abc123-30m.json",
        "20240715-abc123-samples.json",
        "20240715-abc123-plots.json",
        *(
            f"{name}_{cell}.tif"
            for name in ("fvc_green", "agb_dry")
            for cell in ("10m", "30m", "flags_10m", "flags_30m")
        ),
        "samples.parquet",
        "samples.csv",
        "plots.parquet",
        "plots.csv",
    }
    assert said.findings == ()
    with Raster(out / "fvc_green_10m.tif") as raster:
        assert raster.bands == (*COMMON, "shadow_fraction", "missing_fraction")
        assert raster.grid.bounds == (600000, 4200000, 600080, 4200060)
        cover = raster.read()
    with Raster(out / "agb_dry_30m.tif") as raster:
        assert raster.bands == (*COMMON, "missing_fraction", "model_sd", "flagged_fraction")
        assert raster.grid.bounds == (599985, 4199985, 600075, 4200075)
        biomass = raster.read()
    assert cover[[2, 6, 7]].sum(axis=0) == pytest.approx(np.ones((6, 8)), abs=1e-6)
    inner = cover[2] + cover[6] > 0.999  # cover and shadow fill the cell
    assert inner.sum() == 24  # 600010 - 600070 by 4200010 - 4200050
    assert np.median(cover[0][inner]) == pytest.approx(0.4, abs=0.02)
    assert cover[1][inner] == pytest.approx(np.sqrt(cover[0] * (1 - cover[0]))[inner], abs=1e-5)
    covered = biomass[2] > 0.3
    assert 0 < biomass[8][covered].mean() < 0.2
    assert np.nanmin(biomass[4]) < np.nanmin(biomass[0])


def test_what_a_site_shares_is_not_averaged_away(order: dict[str, Any]) -> None:
    """sd is a fifth of the value; of its variance a quarter is the site's, the rest shrinks with the pixels."""
    make_handover(**order)
    with Raster(order["out"] / "agb_dry_30m.tif") as raster:
        value, within, coverage, sd = raster.read(bands=("value", "sd_within", "coverage_fraction", "model_sd")).astype(
            float
        )
    n = coverage * 900
    squares = 0.04 * (value**2 + within**2)
    expected = np.sqrt(0.25 * 0.04 * value**2 + 0.75 * squares / n)
    seen = coverage > 0.1
    assert sd[seen] == pytest.approx(expected[seen], rel=1e-4)
    assert (sd > 0.1 * value)[seen].all()
    make_handover(**(order | {"maps": replace(order["maps"], biomass_site_share=float("nan"))}))
    with Raster(order["out"] / "agb_dry_30m.tif") as raster:
        assert raster.band("model_sd")[seen] == pytest.approx(0.2 * value[seen], rel=1e-4)


@pytest.mark.parametrize("sd_total", [0.07, np.nan])
def test_cover_takes_the_sds_its_method_gives(order: dict[str, Any], tmp_path: Path, sd_total: float) -> None:
    with Raster(order["maps"].cover) as raster:
        grid, cover = raster.grid, raster.band("fvc_green")
    seen = np.where(np.isfinite(cover), np.float32(1), np.nan)
    maps = {
        "total.tif": {"fvc_green": cover, "fvc_total": cover},
        "opinions.tif": {"ndvi_otsu": cover, "sd": 0.04 * seen, "sd_total": np.float32(sd_total) * seen},
    }
    for name, bands in maps.items():
        with cog(tmp_path / name, grid, tuple(bands)) as target:
            for block in grid.blocks():
                target.write(block, np.stack([band[block.slices] for band in bands.values()]))
    given = replace(order["maps"], cover=tmp_path / "total.tif", cover_sd=tmp_path / "opinions.tif")
    make_handover(**(order | {"maps": given}))
    for name, sd in (("fvc_green", 0.04), ("fvc_total", sd_total)):
        with Raster(order["out"] / f"{name}_10m.tif") as raster:
            value, coverage = raster.read(bands=("value", "coverage_fraction"))
            found = raster.band("model_sd") if "model_sd" in raster.bands else np.full_like(value, np.nan)
        inside = coverage > 0
        assert np.isfinite(value[inside]).all()
        assert found[inside] == pytest.approx(np.full(inside.sum(), sd), abs=1e-6, nan_ok=True)


def test_flags_say_what_to_know_of_a_cell(made: tuple[Path, Made]) -> None:
    out, _ = made
    with Raster(out / "fvc_green_10m.tif") as raster:
        coverage = raster.band("coverage_fraction")
    with rasterio.open(out / "fvc_green_flags_10m.tif") as dataset:
        flags = dataset.read(1)
        assert (dataset.nodata, dataset.dtypes[0]) == (255, "uint8")
    seen = coverage > 0
    assert (flags[~seen] == 255).all()
    assert ((flags[seen] & 1 > 0) == (coverage[seen] < 0.75)).all()
    assert ((flags[seen] & 2 > 0) == (coverage[seen] < 0.9)).all()
    item = json.loads((out / "20240715-abc123-10m.json").read_text())
    fields = item["assets"]["fvc_green_flags_10m"]["classification:bitfields"]
    assert [(field["name"], field["offset"]) for field in fields][:2] == [
        ("not_for_training", 0),
        ("not_for_validation", 1),
    ]


def test_sums_are_conserved_in_the_files(order: dict[str, Any]) -> None:
    made = make_handover(**order)
    with Raster(order["maps"].cover) as raster:
        total = float(np.nansum(raster.band("fvc_green").astype(float))) * raster.grid.pixel_m**2
    for cell in (10, 30):
        with Raster(order["out"] / f"fvc_green_{cell}m.tif") as raster:
            value, coverage = raster.read(bands=("value", "coverage_fraction")).astype(float)
        assert np.nansum(value * coverage) * cell**2 == pytest.approx(total, rel=1e-6)
        assert made.facts[f"{cell}m"]["fvc_green"]["conservation_error"] < 1e-6  # type: ignore[index,call-overload]


def test_rasters_are_strict_cogs(made: tuple[Path, Made]) -> None:
    from rio_cogeo.cogeo import cog_validate

    for path in made[0].glob("*.tif"):
        valid, errors, warnings = cog_validate(path, strict=True)
        assert (valid, errors, warnings) == (True, [], [])
        with rasterio.open(path) as dataset:
            assert dataset.compression.value == "ZSTD"
            assert dataset.units[0] in ("1", "g/m2")
            if "flags" not in path.name:
                assert np.isnan(dataset.nodata)
                assert dataset.dtypes[0] == "float32"
                assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"


def test_core_schemas_hold_without_a_network(made: tuple[Path, Made], no_network: None) -> None:
    checker = validator({})
    found = [kind_of(document) for document in documents(made[0])]
    assert len(found) == 6
    for document in documents(made[0]):
        assert document["stac_version"] == "1.1.0"
        checker.validate_core(document, kind_of(document), "1.1.0")


@pytest.mark.shared
def test_extension_schemas_hold_without_a_network(
    order: dict[str, Any], shared_reference: Path, no_network: None
) -> None:
    make_handover(**(order | {"campaign": CAMPAIGN, "grids": GridSettings(named=("modis-250m",))}))
    draft = "http://json-schema.org/draft-07/schema#"
    known: dict[str, dict[str, Any]] = {"https://proj.org/schemas/v0.7/projjson.schema.json": {"$schema": draft}}
    for path in (shared_reference / "stac_schemas").glob("*/schema.json"):
        schema = json.loads(path.read_text())
        known[schema["$id"].rstrip("#")] = schema
    checker = validator(known)
    used: set[str] = set()
    for document in documents(order["out"]):
        for uri in document.get("stac_extensions", ()):
            checker.validate_extension(document, kind_of(document), "1.1.0", uri)
            used.add(uri.split("/")[3])
    known_ones = {"projection", "raster", "file", "processing", "grid", "mgrs", "classification", "table", "scientific"}
    assert used == known_ones


@pytest.mark.shared
def test_the_check_against_the_schemas_can_fail(order: dict[str, Any], shared_reference: Path) -> None:
    make_handover(**order)
    schema = json.loads((shared_reference / "stac_schemas/file/schema.json").read_text())
    checker = validator({schema["$id"].rstrip("#"): schema})
    item = json.loads((order["out"] / "20240715-abc123-10m.json").read_text())
    item["assets"]["fvc_green_10m"]["file:size"] = "many"
    with pytest.raises(pystac.STACValidationError):
        checker.validate_extension(item, pystac.STACObjectType.ITEM, "1.1.0", schema["$id"].rstrip("#"))


def test_the_package_opens_wherever_it_is_copied(order: dict[str, Any], tmp_path: Path) -> None:
    make_handover(**order)
    moved = tmp_path / "elsewhere" / "package"
    shutil.copytree(order["out"], moved)
    shutil.rmtree(order["out"])
    catalog = pystac.Catalog.from_file(str(moved / "catalog.json"))
    items = {item.id: item for item in catalog.get_items(recursive=True)}
    assert len(items) == 4
    for item in items.values():
        for asset in item.get_assets().values():
            path = Path(asset.get_absolute_href() or "")
            assert path.parent == moved
            assert asset.extra_fields["file:size"] == path.stat().st_size
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in "".join(path.read_text() for path in moved.glob("*.json"))


def test_items_say_what_readers_need(order: dict[str, Any]) -> None:
    make_handover(**order)
    item = json.loads((order["out"] / "20240715-abc123-10m.json").read_text())
    properties = item["properties"]
    assert properties["proj:code"] == "EPSG:32647"
    assert properties["grid:code"] == "MGRS-47SPC"
    assert [properties[f"mgrs:{part}"] for part in ("utm_zone", "latitude_band", "grid_square")] == [47, "S", "PC"]
    assert properties["proj:shape"] == [6, 8]
    assert properties["proj:transform"] == [10, 0, 600000, 0, -10, 4200060]
    assert properties["datetime"] == "2024-07-15T04:30:00Z"
    assert "start_datetime" not in properties
    assert "0123456789ab" in properties["processing:lineage"]
    value = item["assets"]["agb_dry_10m"]["bands"][0]
    assert (value["name"], value["data_type"], value["nodata"], value["unit"]) == ("value", "float32", "nan", "g/m2")
    west, south, east, north = item["bbox"]
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32647", always_xy=True)
    assert to_utm.transform(west, south) == pytest.approx((600000, 4200000), abs=2)
    assert to_utm.transform(east, north) == pytest.approx((600080, 4200060), abs=2)
    assert json.loads((order["out"] / "lineage.json").read_text())["cover"]["parameters"] == {"a": None}


@pytest.mark.parametrize(("table", "rows"), [("samples", None), ("plots", 4)])
def test_tables_are_described_as_they_are(made: tuple[Path, Made], table: str, rows: int | None) -> None:
    import geopandas as gpd
    import pandas as pd

    out, _ = made
    assets = json.loads((out / f"20240715-abc123-{table}.json").read_text())["assets"]
    frames = {table: gpd.read_parquet(out / f"{table}.parquet"), f"{table}_csv": pd.read_csv(out / f"{table}.csv")}
    types = {"float64": "double", "int64": "int64", "Int64": "int64", "string": "string", "str": "string"}
    for key, frame in frames.items():
        said = assets[key]
        assert [column["name"] for column in said["table:columns"]] == list(frame.columns)
        assert said["table:row_count"] == len(frame) == (rows or len(frame))
        assert said.get("table:primary_geometry") == ("geometry" if "geometry" in frame.columns else None)
        for column in said["table:columns"]:
            if key == table:
                dtype = str(frame[column["name"]].dtype)
                assert column["type"] == ("binary" if dtype == "geometry" else types[dtype])
            assert column["type"] != "binary" or key == table
            assert column["description"] or table == "plots"


def test_an_unknown_time_zone_gives_every_moment_the_date_can_mean(order: dict[str, Any]) -> None:
    made = make_handover(**(order | {"visit": UNZONED}))
    assert [(finding.code, finding.level) for finding in made.findings] == [("handover-time-unknown", "warning")]
    item = json.loads((order["out"] / "20240715-abc123-10m.json").read_text())
    assert item["properties"]["datetime"] is None
    assert item["properties"]["start_datetime"] == "2024-07-14T10:00:00Z"
    assert item["properties"]["end_datetime"] == "2024-07-16T12:00:00Z"
    collection = json.loads((order["out"] / "collection.json").read_text())
    assert collection["extent"]["temporal"]["interval"] == [["2024-07-14T10:00:00Z", "2024-07-16T12:00:00Z"]]
    for document in documents(order["out"]):
        validator({}).validate_core(document, kind_of(document), "1.1.0")


def test_no_date_and_nothing_to_hand_over_are_reasons(order: dict[str, Any]) -> None:
    with pytest.raises(NotMade, match="date of the flight is unknown"):
        Visit.of("undated-abc", "Haibei", None, None)
    with pytest.raises(NotMade, match="no cover"):
        make_handover(**(order | {"maps": FlightMaps(), "plots": None}))
    with pytest.raises(ValueError, match="zone"):
        make_handover(**(order | {"visit": Visit.of("a", "Haibei", datetime(2024, 7, 15), None)}))


@pytest.mark.parametrize("absent", [("cover",), ("biomass",), ("plots",), ("biomass", "plots"), ("cover", "biomass")])
def test_what_there_is_is_handed_over(order: dict[str, Any], absent: tuple[str, ...]) -> None:
    maps = {name: None for name in absent if name != "plots"}
    plots = None if "plots" in absent else order["plots"]
    make_handover(**(order | {"maps": replace(order["maps"], **maps), "plots": plots}))
    catalog = pystac.Catalog.from_file(str(order["out"] / "catalog.json"))
    keys = {key for item in catalog.get_items(recursive=True) for key in item.assets}
    names = {
        "cover": {f"fvc_green_{cells}" for cells in CELLS},
        "biomass": {f"agb_dry_{cells}" for cells in CELLS},
        "plots": {"plots", "plots_csv"},
    }
    there = set[str]().union(*(names[kind] for kind in names if kind not in absent), {"lineage"})
    assert keys == there | (set() if {"cover", "biomass"} <= set(absent) else {"samples", "samples_csv"})


def test_a_flight_smaller_than_a_cell_is_said(order: dict[str, Any]) -> None:
    small = {"grids": GridSettings(cells_m=(100.0,)), "maps": replace(order["maps"], biomass=None)}
    made = make_handover(**(order | small))
    assert [finding.code for finding in made.findings] == ["handover-cells-partial"]


def test_plots_travel_unchanged(order: dict[str, Any]) -> None:
    import geopandas as gpd

    make_handover(**order)
    table = gpd.read_parquet(order["out"] / "plots.parquet")
    assert list(table["plot_id"]) == list("abcd")
    assert (order["out"] / "plots.csv").read_bytes() == order["plots"].with_suffix(".csv").read_bytes()
    assert table.crs.to_epsg() == 32647


def test_the_collection_says_what_the_campaign_says_and_no_more(order: dict[str, Any]) -> None:
    make_handover(**order)
    silent = json.loads((order["out"] / "collection.json").read_text())
    assert silent["license"] == "other"
    assert "No licence was stated" in silent["description"]
    assert not {"sci:citation", "providers"} & set(silent)
    make_handover(**(order | {"campaign": CAMPAIGN}))
    said = json.loads((order["out"] / "collection.json").read_text())
    assert said["license"] == "CC-BY-4.0"
    assert said["sci:citation"] == CAMPAIGN.citation
    assert said["sci:doi"] == "10.1234/qilian.55"
    assert said["providers"] == [{"name": "Li Wei", "roles": ["producer"]}]
    make_handover(**(order | {"campaign": Campaign(licence="Ask us")}))
    asked = json.loads((order["out"] / "collection.json").read_text())
    assert asked["license"] == "other"
    assert "Licence: Ask us." in asked["description"]
