"""One part of the measuring of plots, in a process of its own; its costs as JSON on the last line.

``python -m benchmarks.plots_part make|chain|zonal|rasterstats|write FOLDER``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.affinity import rotate
from shapely.geometry import Point, box

from uav_workflow.domain.flight import Flight, FlightDetails, FlightGeometry, SensorProfile
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.ground import Plot
from uav_workflow.rasters.cache import bounded_cache
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

PIXEL_M = 0.02
BANDS = ("blue", "green", "red", "red_edge", "nir")
MADE = ("indices", "cover", "canopy_height")
PLANTS, SOIL = (0.03, 0.08, 0.04, 0.30, 0.45), (0.08, 0.12, 0.16, 0.20, 0.24)
Figures = dict[str, float]


def make(folder: Path, side: int, count: int, seed: int) -> Figures:
    """Reflectance of five bands, surface and terrain: patches of plants a few decimetres wide, and noise a pixel."""
    grid = Grid("EPSG:32647", 5e5, 4.2e6, PIXEL_M, side, side)
    draw = np.random.default_rng((seed, 5))
    patches = draw.random((side // 16 + 2, side // 16 + 2), dtype=np.float32)
    with cog(folder / "reflectance.tif", grid, BANDS) as mosaic, cog(folder / "dsm.tif", grid, ["dsm"]) as surface:
        for block in grid.blocks():
            green = _patches(patches, block) > 0.5
            noise = draw.normal(0, 0.01, (len(BANDS), block.height, block.width)).astype(np.float32)
            plants, soil = (np.array(spectrum, np.float32)[:, None, None] for spectrum in (PLANTS, SOIL))
            mosaic.write(block, np.maximum(np.where(green, plants, soil) + noise, 0.001))
            surface.write(block, 3000 + np.where(green, 0.2, 0.0).astype(np.float32) + noise[0])
    with cog(folder / "dtm.tif", grid, ["dtm"]) as terrain:
        for block in grid.blocks():
            terrain.write(block, np.full((block.height, block.width), 3000, np.float32))
    (folder / "plots.json").write_text(json.dumps({"side": side, "count": count, "seed": seed}))
    return {}


def plots_of(folder: Path) -> list[Plot]:
    """Squares of 1 m turned anyhow and circles of the same area, all over the mosaic."""
    asked = json.loads((folder / "plots.json").read_text())
    draw = np.random.default_rng((asked["seed"], 6))
    span = asked["side"] * PIXEL_M - 6
    found = []
    for number in range(asked["count"]):
        x, y = 5e5 + 3 + span * draw.random(), 4.2e6 - 3 - span * draw.random()
        square = rotate(box(x - 0.5, y - 0.5, x + 0.5, y + 0.5), 90 * draw.random())
        shape = Point(x, y).buffer(1 / np.sqrt(np.pi)) if number % 4 == 0 else square
        found.append(Plot(plot_id=f"P{number:04d}", geometry=shape, crs="EPSG:32647", sigma_h_m=0.03))
    return found


def chain(folder: Path) -> Figures:
    """Indices, cover, canopy height, and all of them on every plot."""
    from uav_workflow.plots.predictors import Maps, make_plot_predictors
    from uav_workflow.vegetation.canopy_height import make_canopy_height
    from uav_workflow.vegetation.cover import CoverSettings, make_cover
    from uav_workflow.vegetation.indices import make_indices

    started = time.process_time()
    make_indices(folder / "reflectance.tif", folder, names=None)
    make_cover(folder / "reflectance.tif", folder, settings=CoverSettings())
    make_canopy_height(folder / "dsm.tif", folder / "dtm.tif", folder)
    maps_s = time.process_time() - started
    rasters = {kind: folder / f"{kind}.tif" for kind in ("cover", "canopy_height", "indices")}
    started = time.process_time()
    made = make_plot_predictors(_flight(folder), Maps(rasters=rasters, terrain=folder / "dtm.tif"), folder)
    return {
        "maps_s": maps_s,
        "plots_s": time.process_time() - started,
        "rows": float(str(made.facts["drone_rows"])),
    }


def write(folder: Path) -> Figures:
    """Writing alone of the rasters of the chain: reading them back is not counted."""
    seconds = 0.0
    for kind in MADE:
        with Raster(folder / f"{kind}.tif") as source:
            blocks = source.grid.blocks()
            started = time.process_time()
            with cog(folder / f"again_{kind}.tif", source.grid, source.bands) as sink:
                seconds += time.process_time() - started
                for block in blocks:
                    values = source.read(block)
                    started = time.process_time()
                    sink.write(block, values)
                    seconds += time.process_time() - started
                started = time.process_time()
            seconds += time.process_time() - started
        (folder / f"again_{kind}.tif").unlink()
    return {"write_s": seconds}


def zonal(folder: Path) -> Figures:
    """Five bands on every plot, by this project."""
    from uav_workflow.plots.extraction import zonal as extract

    plots = plots_of(folder)
    started = time.process_time()
    found = extract(plots, folder / "reflectance.tif")
    seconds = time.process_time() - started
    means = np.array([zone.mean for zone in found]).reshape(len(plots), len(BANDS))
    np.save(folder / "zonal.npy", means)
    return {"cpu_s": seconds}


def rasterstats(folder: Path) -> Figures:
    """The same statistics by rasterstats, band by band as it does; pixels whose centre lies in a plot."""
    import rasterstats as peer

    plots = plots_of(folder)
    shapes = [plot.geometry for plot in plots]
    names = ["count", "mean", "std", "min", "max", "median", "percentile_95"]
    started = time.process_time()
    found = [
        peer.zonal_stats(shapes, str(folder / "reflectance.tif"), band=band + 1, stats=names)
        for band in range(len(BANDS))
    ]
    seconds = time.process_time() - started
    means = np.array([[row["mean"] for row in band] for band in found], np.float64).T
    ours = np.load(folder / "zonal.npy")
    return {"cpu_s": seconds, "difference": float(np.abs(means - ours).max())}


def _patches(patches: NDArray[np.float32], block: Block) -> NDArray[np.float32]:
    """Noise of patches 16 pixels wide, bilinear between them."""
    row, col = (np.arange(n, dtype=np.float32)[:, None] / 16 for n in (block.height, block.width))
    row, col = row + block.row / 16, col.T + block.col / 16
    i, j = row.astype(np.int64), col.astype(np.int64)
    a, b = row - i, col - j
    upper = (1 - b) * patches[i, j] + b * patches[i, j + 1]
    lower = (1 - b) * patches[i + 1, j] + b * patches[i + 1, j + 1]
    found: NDArray[np.float32] = (1 - a) * upper + a * lower
    return found


def _flight(folder: Path) -> Flight:
    nan = float("nan")
    return Flight(
        flight_id="bench",
        folder=folder,
        details=FlightDetails(site="bench"),
        sensor=SensorProfile(name="bench", title="five bands", kind="multispectral", bands=()),
        captures=(),
        panel_captures=(),
        geometry=FlightGeometry(
            crs="EPSG:32647",
            height_above_ground_m=nan,
            gsd_m=nan,
            forward_overlap=nan,
            side_overlap=nan,
            area_m2=nan,
            sun_elevation_deg=nan,
        ),
        photo_digests={},
        inputs=(),
        plots=tuple(plots_of(folder)),
        observations=(),
    )


PARTS: dict[str, Callable[..., Figures]] = {
    "make": make,
    "chain": chain,
    "write": write,
    "zonal": zonal,
    "rasterstats": rasterstats,
}


def main(arguments: Sequence[str]) -> None:
    """Run a part and print what it cost."""
    part, folder, *rest = arguments
    with bounded_cache():
        figures = PARTS[part](Path(folder), *map(int, rest))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**figures, "peak_mib": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
