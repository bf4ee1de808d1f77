"""Cameras as data: templates/*.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field

from flight_plans.lines import FrameCamera
from uav_workflow.errors import UsageError


class _Preset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    focal_mm: float = Field(gt=0)
    pixel_um: float = Field(gt=0)
    interval_s: float = Field(gt=0)


@cache
def camera_presets() -> dict[str, FrameCamera]:
    """Every camera of ``templates/*.yaml`` by name."""
    presets: dict[str, FrameCamera] = {}
    folder = files("flight_plans") / "templates"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            preset = _Preset.model_validate(yaml.safe_load(entry.read_text(encoding="utf-8")))
            presets[preset.name] = FrameCamera(**preset.model_dump())
    return presets


def camera_preset(name: str) -> FrameCamera:
    """Camera of one name.

    Raises
    ------
    UsageError
        There is none; the message lists those there are.
    """
    presets = camera_presets()
    if name not in presets:
        raise UsageError(f"no camera preset '{name}'; there are {', '.join(presets)}")
    return presets[name]
