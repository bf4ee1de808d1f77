"""The products a node owes for the options it was sent: there, readable, in the right place, with the right bands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.errors import RasterError
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.photogrammetry.layout import CLOUDS, DSM, DTM, EUCLIDEAN, LOG, ORTHOPHOTO, asset
from uav_workflow.photogrammetry.node_raster import NodeRaster
from uav_workflow.photogrammetry.orthomosaic import house_names

_SLACK_S = 120.0
"""Clocks and rounding between the start of a run and its first product."""


def due_products(options: Mapping[str, Json]) -> dict[str, str]:
    """Kind to path of the rasters that the options ask for."""
    due = {} if options.get("skip-orthophoto") is True else {"orthomosaic": ORTHOPHOTO}
    due |= {"dsm": DSM} if options.get("dsm") is True else {}
    return due | ({"dtm": DTM} if options.get("dtm") is True else {})


def discard_unasked(assets: Path, options: Mapping[str, Json]) -> list[Finding]:
    """Remove products nobody asked for from the download, and say so.

    NodeODM packs whatever lies in the task's folder, and its packer keeps entries of an earlier run: a DTM of then
    would be taken for one of now.
    """
    due = set(due_products(options).values())
    unasked = [name for name in (ORTHOPHOTO, DTM) if name not in due]
    unasked += [DSM] if DSM not in due and DTM not in due else []
    unasked += [EUCLIDEAN] if options.get("dem-euclidean-map") is not True else []
    findings = []
    for name in unasked:
        path = asset(assets, name)
        if path is not None:
            path.unlink()
            message = "came back though the options do not ask for it: a leftover of an earlier run of this task"
            hint = "it is not used; do not restart tasks on the node by hand, start new ones"
            findings.append(warning("product-not-asked-for", name, message, hint))
    return findings


def check_products(
    assets: Path, options: Mapping[str, Json], *, crs: str | None = None, bands: Sequence[str] = ()
) -> list[Finding]:
    """Findings on each raster that is due, and on the point cloud.

    Parameters
    ----------
    crs : str, optional
        UTM zone the flight lies in.
    bands : sequence of str
        Bands the orthophoto must have, in any order and spelling.
    """
    findings: list[Finding] = []
    codes: dict[str, str] = {}
    for kind, name in due_products(options).items():
        path = asset(assets, name)
        if path is None:
            hint = "read the end of task_output.txt; fewer photos or less overlap than needed is the usual cause"
            findings.append(error("product-missing", name, f"the node completed without the {kind} asked for", hint))
            continue
        try:
            with NodeRaster(path) as raster:
                findings += _crs(name, raster, crs) + _empty(name, raster)
                findings += _bands(name, raster, bands) if name == ORTHOPHOTO else []
                codes |= {name: raster.crs} if raster.crs else {}
        except RasterError as exc:
            findings.append(error("product-unreadable", name, str(exc), "run the task again"))
    if len(set(codes.values())) > 1:
        text = ", ".join(f"{name} in {code}" for name, code in codes.items())
        findings.append(error("product-crs-differs", "odm_dem", f"products lie in different systems: {text}"))
    if asset(assets, *CLOUDS) is None:
        findings.append(warning("product-missing", CLOUDS[0], "the node returned no point cloud"))
    return findings + _check_age(assets, options) + _check_resolution(assets, options)


def _crs(name: str, raster: NodeRaster, expected: str | None) -> list[Finding]:
    if raster.crs is None:
        message = f"CRS is {raster.crs_text}, expected UTM on WGS84"
        return [error("product-crs-wrong", name, message, "photos without GPS need geo.txt or gcp_list.txt")]
    if expected is None or raster.crs == expected:
        return []
    message = f"lies in {raster.crs}, the flight in {expected}"
    ours, theirs = int(expected.removeprefix("EPSG:")), int(raster.crs.removeprefix("EPSG:"))
    if ours // 100 == theirs // 100 and (ours - theirs) % 60 in (1, 59):
        hint = "fine at the border of two zones: the node takes the zone of its first photo; else check gcp_list.txt"
        return [warning("product-crs-neighbour", name, message, hint)]
    return [error("product-crs-unexpected", name, message, "check the CRS of gcp_list.txt and geo.txt")]


def _empty(name: str, raster: NodeRaster) -> list[Finding]:
    from shapely import box

    if raster.coverage(box(*raster.bounds)).share > 0:
        return []
    return [error("product-empty", name, "holds no valid pixel", "read task_output.txt, and run the task again")]


def _bands(name: str, raster: NodeRaster, expected: Sequence[str]) -> list[Finding]:
    if not expected or not raster.named:
        return []  # unnamed bands are said when the orthomosaic is made
    there, wanted = set(house_names(raster.names)), set(house_names(tuple(expected)))
    findings = []
    if wanted - there:
        message = f"bands are missing: {', '.join(sorted(wanted - there))}; there are {', '.join(sorted(there))}"
        hint = "captures that miss a band are excluded by the node; run `uav check`"
        findings.append(error("product-band-missing", name, message, hint))
    if there - wanted:
        message = f"bands nobody photographed for this flight: {', '.join(sorted(there - wanted))}"
        findings.append(info("product-band-unexpected", name, message, "they are kept"))
    return findings


def _check_age(assets: Path, options: Mapping[str, Json]) -> list[Finding]:
    """Products older than the run that is said to have made them; the archive's own dates, whatever their zone."""
    log = asset(assets, LOG)
    if log is None:
        return []
    try:
        spent = float(json.loads(log.read_text("utf-8"))["totalTime"])
    except (ValueError, KeyError, TypeError):
        return []
    begun = log.stat().st_mtime - spent - _SLACK_S
    findings = []
    for name in due_products(options).values():
        path = asset(assets, name)
        if path is not None and path.stat().st_mtime < begun:
            hours = (begun - path.stat().st_mtime) / 3600
            message = f"was written {hours:.1f} h before the node's last run of this task began"
            hint = "right when the node was restarted in between; else a leftover of a run with other options"
            findings.append(warning("product-older-than-run", name, message, hint))
    return findings


def _check_resolution(assets: Path, options: Mapping[str, Json]) -> list[Finding]:
    """Pixels coarser than asked for by a tenth: ODM caps them at its estimate of the GSD without a word."""
    findings = []
    for option, name in (("orthophoto-resolution", ORTHOPHOTO), ("dem-resolution", DSM)):
        asked, path = options.get(option), asset(assets, name)
        if isinstance(asked, bool) or not isinstance(asked, int | float) or path is None:
            continue
        try:
            with NodeRaster(path) as raster:
                got = 100 * max(raster.pixel)
        except RasterError:
            continue
        if got > 1.1 * asked:
            text = f"pixels of {got:.2f} cm, {asked:g} cm were asked for: the photos do not resolve more"
            findings.append(info("resolution-capped", name, text))
    return findings
