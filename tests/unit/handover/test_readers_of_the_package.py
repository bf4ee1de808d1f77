"""Others' readers open the package as it is: odc-stac, pystac, geopandas; from a folder, a copy, a server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio

from tests.unit.handover.conftest import flight_order
from uav_workflow.handover.package import make_handover
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

pytestmark = [
    # odc-geo 0.5.3 has not followed affine 3 and shapely 2.2 yet
    pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of a package with an unmeasured cell, the original gone."""
    order = flight_order(tmp_path_factory.mktemp("made"))
    with Raster(order["maps"].cover) as raster:
        grid, bands, planes = raster.grid, raster.bands, raster.read()
    planes[:, 180:280, 170:270] = np.nan  # 600020 - 600030 by 4200030 - 4200040
    with cog(order["maps"].cover, grid, bands) as target:
        for block in grid.blocks():
            target.write(block, planes[:, *block.slices])
    make_handover(**order)
    folder = tmp_path_factory.mktemp("copied") / "package"
    shutil.copytree(order["out"], folder)
    shutil.rmtree(order["out"])
    return folder


@pytest.fixture(scope="module")
def served(copied: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(copied))) as server:
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        worker.join()


def items_of(root: str | Path) -> list[pystac.Item]:
    return list(pystac.Catalog.from_file(f"{root}/catalog.json").get_items(recursive=True))


def load(items: Sequence[pystac.Item], **settings: Any) -> Any:
    from odc.stac import load as odc_load

    return odc_load(items, **settings)


def item_of(root: str | Path, cells: str) -> pystac.Item:
    return next(item for item in items_of(root) if item.id.endswith(f"-{cells}"))


def check_equal(dataset: Any, folder: Path) -> None:
    """Numbers, type, nodata, transform and CRS of every band are the file's."""
    assert dataset.sizes["time"] == 1
    for name, found in dataset.data_vars.items():
        key, _, number = name.partition(".")
        with rasterio.open(folder / f"{key}.tif") as raster:
            expected = raster.read(int(number or 1))
            assert dataset.odc.geobox.transform == raster.transform
            assert dataset.odc.geobox.crs.to_epsg() == raster.crs.to_epsg() == 32647
        assert found.dtype == expected.dtype
        assert np.array_equal(found.values[0], expected, equal_nan=expected.dtype.kind == "f")
        assert np.array_equal(found.nodata, 255 if "flags" in key else np.nan, equal_nan=True)


@pytest.mark.parametrize("cells", ["10m", "30m"])
def test_odc_stac_has_the_numbers_of_the_file(copied: Path, cells: str) -> None:
    dataset = load([item_of(copied, cells)])
    names = [f"fvc_green_{cells}.{band}" for band in range(1, 9)] + [f"agb_dry_{cells}.{band}" for band in range(1, 10)]
    assert set(dataset.data_vars) == {*names, f"fvc_green_flags_{cells}", f"agb_dry_flags_{cells}"}
    check_equal(dataset, copied)
    if cells == "10m":
        assert np.argwhere(np.isnan(dataset["fvc_green_10m.1"].values[0])).tolist() == [[2, 2]]


def test_odc_stac_reads_from_a_plain_server(copied: Path, served: str) -> None:
    item = item_of(served, "10m")
    assert item.assets["fvc_green_10m"].get_absolute_href() == f"{served}/fvc_green_10m.tif"
    check_equal(load([item], bands=["fvc_green_10m", "agb_dry_10m.8", "fvc_green_flags_10m"]), copied)


def test_grids_are_never_mixed(copied: Path) -> None:
    """A band is named with its grid: what is loaded from all items holds no cells of another grid."""
    items = items_of(copied)
    assert len(items) == 4
    check_equal(load(items, bands=["fvc_green_10m"]), copied)
    with pytest.raises(ValueError, match="fvc_green"):
        load(items, bands=["fvc_green"])


def test_a_box_of_an_item_collection(copied: Path) -> None:
    """The box is the western half of the flight; Landsat's cells keep their half pixel."""
    collection = pystac.ItemCollection(items_of(copied))
    for cells, side, anchor in (("10m", 10, 0), ("30m", 30, 15)):
        chosen = [item for item in collection if f"agb_dry_{cells}" in item.assets]
        west, south, east, north = chosen[0].bbox or ()
        dataset = load(chosen, bands=[f"agb_dry_{cells}"], bbox=(west, south, (west + east) / 2, north))
        left, top = dataset.odc.geobox.transform.c, dataset.odc.geobox.transform.f
        assert (left % 30 if cells == "30m" else left % 10, top % side) == (anchor, anchor)
        with rasterio.open(copied / f"agb_dry_{cells}.tif") as raster:
            row, col = round((raster.transform.f - top) / side), round((left - raster.transform.c) / side)
            expected = raster.read(1)
        found = dataset[f"agb_dry_{cells}"].values[0]
        for (down, across), value in np.ndenumerate(found):
            at = (down + row, across + col)
            inside = 0 <= at[0] < expected.shape[0] and 0 <= at[1] < expected.shape[1]
            assert np.array_equal(value, expected[at] if inside else np.nan, equal_nan=True)
        assert np.isfinite(found).sum() >= expected.size // 3


def test_geopandas_reads_the_samples_that_the_catalog_names(copied: Path) -> None:
    import geopandas as gpd

    asset = item_of(copied, "samples").assets["samples"]
    table = gpd.read_parquet(asset.get_absolute_href() or "")
    assert table.crs.to_epsg() == 32647
    assert set(table["grid"]) == {"10m", "30m"}
    assert [column["name"] for column in asset.extra_fields["table:columns"]] == list(table.columns)
    with rasterio.open(copied / "agb_dry_10m.tif") as raster:
        own = table[(table["grid"] == "10m") & (table["variable"] == "agb_dry")]
        cells = np.array(list(raster.sample(own[["x", "y"]].to_numpy(), indexes=1)))[:, 0]
    assert own["value"].to_numpy() == pytest.approx(cells, rel=1e-6)
