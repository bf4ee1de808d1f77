"""What may be asked of the engine, under ODM's names: one table for the node's ``/options`` and for the pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from uav_workflow.domain.product import Json
from uav_workflow.errors import EngineError

FEATURE_SCALE: dict[str, float] = {"ultra": 2.0, "high": 1.0, "medium": 0.75, "low": 0.5, "lowest": 0.25}
"""Key points a photo for each feature-quality, relative to min-num-features."""


def _option(default: Any, help_text: str, domain: str | tuple[str, ...] = "") -> Any:
    return field(default=default, metadata={"help": help_text, "domain": domain})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of one run. Every field is an option, its name with hyphens; every one changes what is made or how."""

    dem_resolution: float = _option(
        5.0,
        "Cell of the surface and terrain model, cm. Finer than the photos resolve only with ignore-gsd.",
        "float > 0.0",
    )
    dsm: bool = _option(False, "Make the surface model, odm_dem/dsm.tif.")
    dtm: bool = _option(False, "Make the terrain model, odm_dem/dtm.tif.")
    feature_quality: str = _option(
        "high", "Key points a photo: twice, once, 3/4, 1/2 or 1/4 of min-num-features.", tuple(FEATURE_SCALE)
    )
    force_gps: bool = _option(False, "Keep the weight of GPS positions beside control points; else these alone count.")
    gps_accuracy: float = _option(
        3.0, "Horizontal standard deviation of positions that do not say theirs, m; vertically twice.", "float > 0.0"
    )
    ignore_gsd: bool = _option(False, "Do not cap resolutions at 0.9 of the ground sampling distance.")
    matcher_neighbors: int = _option(
        0, "Neighbours each photo is matched with; 0 leaves the choice to the engine.", "positive integer"
    )
    max_concurrency: int = _option(0, "Threads at most; memory grows with them.", "positive integer")
    min_num_features: int = _option(4000, "Key points to keep in a photo.", "integer: 500 <= x <= 50000")
    orthophoto_resolution: float = _option(
        5.0, "Pixel of the orthomosaic, cm. Finer than the photos resolve only with ignore-gsd.", "float > 0.0"
    )
    pc_filter: float = _option(
        3.0,
        "Drop cloud points whose neighbours are so many standard deviations too far; 0 keeps all.",
        "positive float",
    )
    pc_quality: str = _option("ultra", "Photos are matched at full (ultra) or half (high) size.", ("ultra", "high"))
    radiometric_calibration: str = _option(
        "none", "Photos are taken as they come; calibrate them before the upload.", ("none",)
    )
    skip_orthophoto: bool = _option(False, "Make no orthomosaic.")
    skip_report: bool = _option(False, "Write no odm_report/stats.json.")
    smrf_slope: float = _option(
        0.12, "Rise over run, beyond the terrain's own, that still counts as ground.", "float > 0.0"
    )
    smrf_window: float = _option(14.0, "Widest object that is removed from the terrain, m.", "float > 0.0")
    split: int = _option(
        999_999,
        "Photos a group has on average: larger flights are placed group by group, in the memory of one, then joined.",
        "integer >= 10",
    )
    split_overlap: float = _option(
        150.0,
        "A group of split also gets the photos so near to one of its own, m; 2 - 3 flight lines are enough.",
        "positive integer",
    )
    texturing_skip_global_seam_leveling: bool = _option(
        False,
        "Ask for untouched values: bands get them anyway; 8-bit RGB pictures are evened all the same, with a warning.",
    )
    use_exif: bool = _option(False, "Leave gcp_list.txt aside and place the block by GPS.")

    @classmethod
    def from_values(cls, values: Mapping[str, Json]) -> EngineOptions:
        """Options by their names with hyphens, already typed (see `uav_workflow.node.option_input`).

        Raises
        ------
        EngineError
            A name is unknown or a value has another type.
        """
        known = {spec.name: spec for spec in OPTIONS}
        for name, value in values.items():
            if name not in known:
                raise EngineError(f"option {name} is unknown to this engine; it has {', '.join(known)}")
            if not known[name].takes(value):
                raise EngineError(f"option {name} = {value!r} is not of type {known[name].type}")
        return cls(**{name.replace("-", "_"): value for name, value in values.items()})  # type: ignore[arg-type]

    @property
    def threads(self) -> int:
        """Threads to use."""
        cores = os.cpu_count() or 1
        return min(self.max_concurrency, cores) if self.max_concurrency else cores

    @property
    def keypoints(self) -> int:
        """Key points a photo."""
        return round(self.min_num_features * FEATURE_SCALE[self.feature_quality])

    def to_json(self) -> dict[str, Json]:
        """Values by names with hyphens."""
        return {spec.name: getattr(self, spec.name.replace("-", "_")) for spec in OPTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSpec:
    """One row of the table, as ``/options`` serves it: `value` is the default as text."""

    name: str
    type: str
    value: str
    domain: str | tuple[str, ...]
    help: str

    @classmethod
    def of(cls, entry: Field[Any]) -> OptionSpec:
        """Row of one field of `EngineOptions`."""
        domain = entry.metadata["domain"]
        default = entry.default
        # bool first: True is an int to Python
        kind = (
            "enum"
            if isinstance(domain, tuple)
            else {bool: "bool", int: "int", float: "float"}.get(type(default), "string")
        )
        text = (
            str(default).lower() if isinstance(default, bool) else f"{default:g}" if kind == "float" else str(default)
        )
        name = entry.name.replace("_", "-")
        if name == "max-concurrency":
            text = str(os.cpu_count() or 1)
        return cls(name=name, type=kind, value=text, domain=domain, help=entry.metadata["help"])

    def takes(self, value: Json) -> bool:
        """Whether a value has the option's type."""
        if self.type == "bool":
            return isinstance(value, bool)
        if self.type == "int":
            return isinstance(value, int) and not isinstance(value, bool)
        if self.type == "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, str) and (isinstance(self.domain, str) or value in self.domain)

    def to_json(self) -> dict[str, Json]:
        """Row of ``/options``: all text but an enum's domain."""
        domain: Json = self.domain if isinstance(self.domain, str) else list(self.domain)
        return {"name": self.name, "type": self.type, "value": self.value, "domain": domain, "help": self.help}


OPTIONS: tuple[OptionSpec, ...] = tuple(OptionSpec.of(entry) for entry in fields(EngineOptions))
"""Every option, in the order of `EngineOptions`."""
