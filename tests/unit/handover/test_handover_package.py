from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from pyproj import Transformer
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from uav_workflow.errors import NotMade
from uav_workflow.handover.package import make_handover
from uav_workflow.rasters.reader import Raster


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


def test_files_and_bands(order: dict[str, Any]) -> None:
    made = make_handover(**order)
    out = order["out"]
    assert {path.name for path in out.iterdir()} == {
        "catalog.json",
        "collection.json",
        "lineage.json",
        "20240715-abc123-10m.json",
        "20240715-abc123-30m.json",
        "20240715-abc123-plots.json",
        "fvc_green_10m.tif",
        "fvc_green_30m.tif",
        "agb_dry_10m.tif",
        "agb_dry_30m.tif",
        "plots.parquet",
    }
    assert made.findings == ()
    with Raster(out / "fvc_green_10m.tif") as raster:
        assert raster.bands == ("value", "sd_within", "coverage_fraction", "n", "shadow_fraction")
        assert raster.grid.bounds == (600000, 4200000, 600080, 4200060)
        cover = raster.read()
    with Raster(out / "agb_dry_30m.tif") as raster:
        assert raster.bands == ("value", "sd_within", "coverage_fraction", "n", "model_sd", "flagged_fraction")
        assert raster.grid.bounds == (599985, 4199985, 600075, 4200075)
        biomass = raster.read()
    inner = cover[2] + cover[4] > 0.999  # cover and shadow fill the cell
    assert inner.sum() == 24  # 600010 - 600070 by 4200010 - 4200050
    assert np.median(cover[0][inner]) == pytest.approx(0.4, abs=0.02)
    assert cover[1][inner] == pytest.approx(np.sqrt(cover[0] * (1 - cover[0]))[inner], abs=1e-5)
    covered = biomass[2] > 0.3
    assert biomass[4][covered] == pytest.approx(0.2 * biomass[0][covered], rel=1e-5)
    assert 0 < biomass[5][covered].mean() < 0.2


def test_sums_are_conserved_in_the_files(order: dict[str, Any]) -> None:
    made = make_handover(**order)
    with Raster(order["cover"]) as raster:
        total = float(np.nansum(raster.band("fvc_green").astype(float))) * raster.grid.pixel_m**2
    for cell in (10, 30):
        with Raster(order["out"] / f"fvc_green_{cell}m.tif") as raster:
            value, coverage = raster.read(bands=("value", "coverage_fraction")).astype(float)
        assert np.nansum(value * coverage) * cell**2 == pytest.approx(total, rel=1e-6)
        assert made.facts[f"{cell}m"]["fvc_green"]["conservation_error"] < 1e-6  # type: ignore[index,call-overload]


def test_rasters_are_strict_cogs(order: dict[str, Any]) -> None:
    from rio_cogeo.cogeo import cog_validate

    make_handover(**order)
    for path in order["out"].glob("*.tif"):
        valid, errors, warnings = cog_validate(path, strict=True)
        assert (valid, errors, warnings) == (True, [], [])
        with rasterio.open(path) as dataset:
            assert np.isnan(dataset.nodata)
            assert dataset.dtypes[0] == "float32"
            assert dataset.units[0] in ("1", "g/m2")


def test_core_schemas_hold_without_a_network(order: dict[str, Any], no_network: None) -> None:
    make_handover(**order)
    checker = validator({})
    found = [kind_of(document) for document in documents(order["out"])]
    assert len(found) == 5
    for document in documents(order["out"]):
        assert document["stac_version"] == "1.1.0"
        checker.validate_core(document, kind_of(document), "1.1.0")


@pytest.mark.shared
def test_extension_schemas_hold_without_a_network(
    order: dict[str, Any], shared_reference: Path, no_network: None
) -> None:
    make_handover(**order)
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
    assert used >= {"projection", "raster", "file", "processing"}


@pytest.mark.shared
def test_the_check_against_the_schemas_can_fail(order: dict[str, Any], shared_reference: Path) -> None:
    make_handover(**order)
    schema = json.loads((shared_reference / "stac_schemas/file/schema.json").read_text())
    checker = validator({schema["$id"].rstrip("#"): schema})
    item = json.loads((order["out"] / "20240715-abc123-10m.json").read_text())
    item["assets"]["fvc_green"]["file:size"] = "many"
    with pytest.raises(pystac.STACValidationError):
        checker.validate_extension(item, pystac.STACObjectType.ITEM, "1.1.0", schema["$id"].rstrip("#"))


def test_the_package_opens_wherever_it_is_copied(order: dict[str, Any], tmp_path: Path) -> None:
    make_handover(**order)
    moved = tmp_path / "elsewhere" / "package"
    shutil.copytree(order["out"], moved)
    shutil.rmtree(order["out"])
    catalog = pystac.Catalog.from_file(str(moved / "catalog.json"))
    items = {item.id: item for item in catalog.get_items(recursive=True)}
    assert len(items) == 3
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
    assert properties["proj:shape"] == [6, 8]
    assert properties["proj:transform"] == [10, 0, 600000, 0, -10, 4200060]
    assert properties["datetime"] == "2024-07-15T04:30:00Z"
    assert "start_datetime" not in properties
    assert "0123456789ab" in properties["processing:lineage"]
    value = item["assets"]["agb_dry"]["bands"][0]
    assert (value["name"], value["data_type"], value["nodata"], value["unit"]) == ("value", "float32", "nan", "g/m2")
    west, south, east, north = item["bbox"]
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32647", always_xy=True)
    assert to_utm.transform(west, south) == pytest.approx((600000, 4200000), abs=2)
    assert to_utm.transform(east, north) == pytest.approx((600080, 4200060), abs=2)
    assert json.loads((order["out"] / "lineage.json").read_text())["cover"]["parameters"] == {"a": None}


def test_an_unknown_time_zone_gives_every_moment_the_date_can_mean(order: dict[str, Any]) -> None:
    made = make_handover(**(order | {"flight_datetime": None}))
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
        make_handover(**(order | {"flight_datetime": None, "flight_id": "undated-abc"}))
    with pytest.raises(NotMade, match="nothing|no cover"):
        make_handover(**(order | {"cover": None, "biomass": None, "plots": None}))
    with pytest.raises(ValueError, match="zone"):
        make_handover(**(order | {"flight_datetime": datetime(2024, 7, 15)}))


@pytest.mark.parametrize("absent", [("cover",), ("biomass",), ("plots",), ("biomass", "plots"), ("cover", "biomass")])
def test_what_there_is_is_handed_over(order: dict[str, Any], absent: tuple[str, ...]) -> None:
    make_handover(**(order | dict.fromkeys(absent)))
    catalog = pystac.Catalog.from_file(str(order["out"] / "catalog.json"))
    keys = {key for item in catalog.get_items(recursive=True) for key in item.assets}
    names = {"cover": "fvc_green", "biomass": "agb_dry", "plots": "plots"}
    assert keys == {names[kind] for kind in names if kind not in absent} | {"lineage"}


def test_a_flight_smaller_than_a_cell_is_said(order: dict[str, Any]) -> None:
    made = make_handover(**(order | {"grids": (100.0,), "biomass": None}))
    assert [finding.code for finding in made.findings] == ["handover-cells-partial"]


def test_plots_travel_unchanged(order: dict[str, Any]) -> None:
    import geopandas as gpd

    make_handover(**order)
    table = gpd.read_parquet(order["out"] / "plots.parquet")
    assert list(table["plot_id"]) == list("abcd")
    assert table.crs.to_epsg() == 32647
