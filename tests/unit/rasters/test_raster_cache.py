"""GDAL's memory for blocks is bounded inside, and as before outside."""

from __future__ import annotations

from rasterio.env import get_gdal_config

from uav_workflow.rasters.cache import BLOCK_BYTES, bounded_cache


def test_the_cache_is_bounded_in_bytes() -> None:
    before = get_gdal_config("GDAL_CACHEMAX")
    with bounded_cache():
        # GDAL reads numbers below 100,000 as mebibytes
        assert get_gdal_config("GDAL_CACHEMAX") == BLOCK_BYTES >= 100_000
    assert get_gdal_config("GDAL_CACHEMAX") == before
