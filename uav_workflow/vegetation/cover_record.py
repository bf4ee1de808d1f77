"""A fitted index of cover in a file, so that other pictures of the flight can be read the same way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from uav_workflow.domain.product import Json
from uav_workflow.errors import StoreError
from uav_workflow.vegetation.cover_index import FittedCut, FittedIndexCover
from uav_workflow.vegetation.cover_methods import choose_method
from uav_workflow.vegetation.end_members import AreaCurve, EndMembers

FIT_JSON = "cover_fit.json"


def write_fit(fit: FittedIndexCover, bands: frozenset[str], path: Path) -> None:
    """Write what `read_fit` needs.

    Parameters
    ----------
    bands : frozenset of str
        Of the mosaic: they tell an ordinary camera from a multispectral one.
    """
    ends, curve = fit.ends, fit.curve
    document: dict[str, Json] = {
        "method": fit.method.name,
        "bands": [*sorted(bands)],
        "white": fit.white,
        "threshold": fit.cut.threshold,
        "threshold_sd": fit.cut.sd,
        "dark_green": fit.cut.dark_green,
        "dark_other": fit.cut.dark_other,
        "end_members": None if ends is None else {**ends.to_json(), "green": ends.green, "other": ends.other},
        "area_curve": None if curve is None else curve.to_json(),
        "mixed": fit.mixed,
        "mixed_share": fit.mixed_share,
        "green_share": fit.green_share,
        "shadow_ratio": fit.shadow_ratio,
    }
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def read_fit(path: Path) -> FittedIndexCover:
    """Read a fit again.

    Raises
    ------
    StoreError
        The file is missing or not one of `write_fit`.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        ends, curve = document["end_members"], document["area_curve"]
        return FittedIndexCover(
            method=choose_method(document["method"], frozenset(document["bands"])),
            white=float(document["white"]),
            cut=FittedCut(
                threshold=float(document["threshold"]),
                split=None,
                halves=None,
                dark_green=float(document["dark_green"]),
                dark_other=float(document["dark_other"]),
                sd=float(document["threshold_sd"]),
            ),
            ends=None if ends is None else EndMembers(**ends),
            curve=None if curve is None else AreaCurve(**{key: np.asarray(row) for key, row in curve.items()}),
            mixed=bool(document["mixed"]),
            mixed_share=float(document["mixed_share"]),
            green_share=float(document["green_share"]),
            shadow_ratio=float(document["shadow_ratio"]),
            borrowed=None,
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"{path}: not a fit of cover that can be read ({exc!r}); make cover again") from exc
