"""Is what came back what was asked for? Nodes say COMPLETED whatever is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.crs import WGS84, transformer
from uav_workflow.photogrammetry.console import check_console
from uav_workflow.photogrammetry.expected import check_products, discard_unasked
from uav_workflow.photogrammetry.layout import DSM, IMAGES, ORTHOPHOTO, STATS, asset, read_json
from uav_workflow.photogrammetry.node_raster import Coverage, NodeRaster

if TYPE_CHECKING:
    from uav_workflow.domain.reconstruction import Reconstruction

__all__ = ["Thresholds", "discard_unasked", "verify", "verify_placement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Shares below which a result is refused (error) or questioned (warning)."""

    placed_error: float = 0.5
    placed_warning: float = 0.95
    covered_error: float = 0.5
    covered_warning: float = 0.9


def verify(
    assets: Path, options: Mapping[str, Json], *, crs: str | None = None, bands: Sequence[str] = ()
) -> list[Finding]:
    """Findings on what a node handed back, measured on the files themselves; no bound of the user's is asked.

    Parameters
    ----------
    assets : Path
        The unpacked all.zip.
    options : mapping
        Options asked for: they say which products are due.
    crs : str, optional
        UTM zone the flight lies in.
    bands : sequence of str
        Bands the orthophoto must have.
    """
    findings = check_products(assets, options, crs=crs, bands=bands)
    if _poses(assets) is None:
        findings.append(
            error(
                "poses-missing",
                "reconstruction.json",
                "the node returned no readable camera positions",
                "ask for opensfm/reconstruction.json among the outputs",
            )
        )
    return findings + _check_parts(assets) + check_console(assets)


def verify_placement(assets: Path, photos: Collection[str], limits: Thresholds | None = None) -> list[Finding]:
    """Findings on how many photos were placed and how much of their area is covered.

    Parameters
    ----------
    assets : Path
        The unpacked all.zip; without poses nothing is found, `verify` says so.
    photos : collection of str
        Names of the photos on the node.
    """
    reconstruction = _poses(assets)
    if reconstruction is None:
        return []
    limits = limits or Thresholds()
    placed = {shot.image for shot in reconstruction.shots}
    return _check_placed(assets, set(photos), placed, limits) + _check_covered(assets, reconstruction, limits)


def _poses(assets: Path) -> Reconstruction | None:
    from uav_workflow.photogrammetry.poses import read_poses

    try:
        return read_poses(assets)[0]
    except NotMade:
        return None


def _check_placed(assets: Path, photos: set[str], placed: set[str], limits: Thresholds) -> list[Finding]:
    from uav_workflow.photogrammetry.poses import expected_images

    findings = []
    known = read_json(assets, IMAGES)
    if isinstance(known, list):
        dropped = sorted(photos - {str(row.get("filename")) for row in known if isinstance(row, dict)})
        if dropped:
            text = f"{len(dropped)} of {len(photos)} photos were not taken in by the node: {_some(dropped)}"
            findings.append(
                warning("photo-dropped", IMAGES, text, "broken files, or captures with missing bands; run `uav check`")
            )
    expected = (expected_images(assets, placed, photos) & photos) or photos
    missing = sorted(expected - placed)
    share = 1 - len(missing) / len(expected) if expected else 0.0
    if missing or not expected:
        text = (
            f"{len(expected) - len(missing)} of {len(expected)} photos placed ({share:.0%}); left out: {_some(missing)}"
        )
        hint = "more overlap or higher feature-quality; the area these photos show is missing or poor"
        where = "reconstruction.json"
        if share < limits.placed_error:
            findings.append(error("photo-not-placed", where, text, hint))
        elif share < limits.placed_warning:
            findings.append(warning("photo-not-placed", where, text, hint))
        else:
            findings.append(info("photo-not-placed", where, text, hint))
    return findings


def _some(names: Sequence[str], shown: int = 20) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _check_covered(assets: Path, reconstruction: Reconstruction, limits: Thresholds) -> list[Finding]:
    """Share of the hull of the camera positions that orthophoto and DSM cover."""
    from shapely import MultiPoint

    hull = MultiPoint([tuple(shot.centre[:2] + reconstruction.offset) for shot in reconstruction.shots]).convex_hull
    if hull.geom_type != "Polygon":
        return []
    findings = []
    for name in (ORTHOPHOTO, DSM):
        path = asset(assets, name)
        if path is None:
            continue
        try:
            with NodeRaster(path) as raster:
                if raster.crs != reconstruction.crs:
                    continue
                coverage = raster.coverage(hull)
        except RasterError:
            continue
        if coverage.share < limits.covered_warning:
            make = error if coverage.share < limits.covered_error else warning
            message = (
                f"covers {coverage.share:.0%} of the area between the camera positions, "
                f"{limits.covered_warning:.0%} is due{_hole(coverage, reconstruction.crs)}"
            )
            hint = "holes come from too little overlap, moving plants or water; fly with more overlap"
            findings.append(make("coverage-low", name, message, hint))
    return findings


def _hole(coverage: Coverage, crs: str) -> str:
    """Where to look for the largest hole."""
    if coverage.hole_at is None:
        return ""
    lon, lat = transformer(crs, WGS84).transform(*coverage.hole_at)
    return f"; the largest hole has {coverage.hole_m2:.0f} m2, around {lat:.5f}, {lon:.5f}"


def _check_parts(assets: Path) -> list[Finding]:
    stats = read_json(assets, STATS)
    rows = stats.get("reconstruction_statistics") if isinstance(stats, dict) else None
    parts = rows.get("components") if isinstance(rows, dict) else None
    if not isinstance(parts, int) or parts <= 1:
        return []
    text = f"the photos fell apart into {parts} models; only the first, or a weak junction of them, is in the products"
    return [warning("reconstruction-in-parts", STATS, text, "more overlap between the parts of the flight")]
