"""How much of raster files GDAL may keep in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rasterio

BLOCK_BYTES = 64 << 20
"""Blocks kept for being read again; left to itself GDAL keeps a twentieth of the machine's memory."""


@contextmanager
def bounded_cache() -> Iterator[None]:
    """Inside it GDAL keeps `BLOCK_BYTES` of blocks at most."""
    with rasterio.Env(GDAL_CACHEMAX=BLOCK_BYTES):
        yield
