"""The table of options against ODM's: its names, its types, and never a value that ODM would not take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uav_workflow.engine.options import OPTIONS, OptionSpec
from uav_workflow.node.option_input import parse_options
from uav_workflow.node.refusal import Refusal

QUALITY = ("ultra", "high", "medium", "low", "lowest")

ODM: dict[str, tuple[str, str | tuple[str, ...]]] = {
    "auto-boundary": ("bool", ""),
    "auto-boundary-distance": ("float", "positive float"),
    "bg-removal": ("bool", ""),
    "boundary": ("string", "json"),
    "build-overviews": ("bool", ""),
    "camera-lens": (
        "enum",
        ("auto", "perspective", "brown", "fisheye", "fisheye_opencv", "spherical", "equirectangular", "dual"),
    ),
    "cameras": ("string", "json"),
    "cog": ("bool", ""),
    "crop": ("float", "positive float"),
    "dem-decimation": ("int", "positive integer"),
    "dem-euclidean-map": ("bool", ""),
    "dem-gapfill-steps": ("int", "positive integer"),
    "dem-resolution": ("float", "float"),
    "dsm": ("bool", ""),
    "dtm": ("bool", ""),
    "fast-orthophoto": ("bool", ""),
    "feature-quality": ("enum", QUALITY),
    "force-gps": ("bool", ""),
    "gps-accuracy": ("float", "positive float"),
    "gps-z-offset": ("float", "float"),
    "ignore-gsd": ("bool", ""),
    "matcher-neighbors": ("int", "positive integer"),
    "max-concurrency": ("int", "positive integer"),
    "min-num-features": ("int", "integer"),
    "optimize-disk-space": ("bool", ""),
    "orthophoto-compression": ("enum", ("JPEG", "LZW", "PACKBITS", "DEFLATE", "LZMA", "NONE")),
    "orthophoto-cutline": ("bool", ""),
    "orthophoto-kmz": ("bool", ""),
    "orthophoto-no-tiled": ("bool", ""),
    "orthophoto-png": ("bool", ""),
    "orthophoto-resolution": ("float", "float > 0.0"),
    "pc-classify": ("bool", ""),
    "pc-csv": ("bool", ""),
    "pc-filter": ("float", "positive float"),
    "pc-las": ("bool", ""),
    "pc-quality": ("enum", QUALITY),
    "pc-rectify": ("bool", ""),
    "pc-sample": ("float", "positive float"),
    "primary-band": ("string", "string"),
    "radiometric-calibration": ("enum", ("none", "camera", "camera+sun")),
    "rolling-shutter": ("bool", ""),
    "rolling-shutter-readout": ("float", "positive integer"),
    "sfm-algorithm": ("enum", ("incremental", "triangulation", "planar")),
    "sfm-no-partial": ("bool", ""),
    "skip-3dmodel": ("bool", ""),
    "skip-band-alignment": ("bool", ""),
    "skip-orthophoto": ("bool", ""),
    "skip-report": ("bool", ""),
    "smrf-scalar": ("float", "positive float"),
    "smrf-slope": ("float", "positive float"),
    "smrf-threshold": ("float", "positive float"),
    "smrf-window": ("float", "positive float"),
    "split": ("int", "positive integer"),
    "split-overlap": ("float", "positive integer"),
    "texturing-keep-unseen-faces": ("bool", ""),
    "texturing-skip-global-seam-leveling": ("bool", ""),
    "tiles": ("bool", ""),
    "use-exif": ("bool", ""),
    "use-fixed-camera-params": ("bool", ""),
    "use-hybrid-bundle-adjustment": ("bool", ""),
}
"""Type and domain of those of ODM 3.6.0's options that this engine has or could have."""

SAMPLES: list[Any] = [-1e6, -7, -1.5, -1, -0.1, 0, 0.1, 0.5, 1, 1.5, 2, 8, 14, 15, 500, 4000, 50_000, 1e6, 2**40]
SAMPLES += [True, False, "", "auto", "none", "camera", "DEFLATE", "[]", "{}", "abc", *QUALITY]


def taken(value: Any, spec: OptionSpec) -> list[dict[str, Any]] | None:
    try:
        return parse_options(json.dumps([{"name": spec.name, "value": value}]), [spec])
    except Refusal:
        return None


def test_the_sorted_table_has_each_name_once() -> None:
    names = [spec.name for spec in OPTIONS]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("spec", OPTIONS, ids=[spec.name for spec in OPTIONS])
def test_an_option_is_odms_and_takes_nothing_odm_would_not_take(spec: OptionSpec) -> None:
    kind, domain = ODM[spec.name]
    assert spec.type == kind
    if isinstance(domain, tuple):
        assert isinstance(spec.domain, tuple)
        assert [choice for choice in domain if choice in spec.domain] == list(spec.domain), "in ODM's order"
    odms = OptionSpec(name=spec.name, type=kind, value="", domain=domain, help="")
    accepted = 0
    for value in SAMPLES:
        if (ours := taken(value, spec)) is not None:
            accepted += 1
            assert ours == taken(value, odms), value
    assert accepted, "no value is taken at all: a dead option"
