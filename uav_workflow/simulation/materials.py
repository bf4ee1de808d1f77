"""What covers the ground: materials, their class, reflectance in five bands, and dry mass per volume."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

BANDS = ("Blue", "Green", "Red", "NIR", "Red edge")
"""Order of the reflectances, and of the rig's cameras."""


class Cover(IntEnum):
    """Classes of class.tif."""

    SOIL = 1
    STONE = 2
    LITTER = 3
    MOSS = 4
    GRAMINOID = 5
    FORB = 6
    CUSHION = 7
    SHRUB = 8
    FLOWER = 9
    SHADOW = 10


GREEN = (Cover.GRAMINOID, Cover.FORB, Cover.CUSHION, Cover.SHRUB)
"""Counted in fvc_green: living vascular plants."""
VEGETATION = (*GREEN, Cover.FLOWER, Cover.MOSS, Cover.LITTER)
"""Counted in fvc_total: everything that grows or grew."""


@dataclass(frozen=True, slots=True)
class Material:
    """A surface: class, mean reflectance in `BANDS`, and grams of dry matter in a cubic metre of its canopy."""

    name: str
    cover: Cover
    reflectance: tuple[float, float, float, float, float]
    density: float = 0.0


MATERIALS = (
    Material("light soil", Cover.SOIL, (0.085, 0.125, 0.170, 0.255, 0.205)),
    Material("dark soil", Cover.SOIL, (0.050, 0.078, 0.108, 0.190, 0.142)),
    Material("pale stone", Cover.STONE, (0.180, 0.205, 0.222, 0.260, 0.240)),
    Material("dark stone", Cover.STONE, (0.100, 0.115, 0.125, 0.155, 0.140)),
    Material("straw", Cover.LITTER, (0.120, 0.185, 0.245, 0.390, 0.310)),
    Material("brown litter", Cover.LITTER, (0.060, 0.090, 0.125, 0.270, 0.185)),
    Material("green moss", Cover.MOSS, (0.030, 0.072, 0.052, 0.290, 0.150)),
    Material("brown moss", Cover.MOSS, (0.040, 0.070, 0.072, 0.240, 0.140)),
    Material("fresh grass", Cover.GRAMINOID, (0.030, 0.092, 0.042, 0.440, 0.200), 1350.0),
    Material("sedge", Cover.GRAMINOID, (0.036, 0.092, 0.058, 0.385, 0.190), 1600.0),
    Material("dark grass", Cover.GRAMINOID, (0.024, 0.070, 0.032, 0.410, 0.170), 1500.0),
    Material("pale forb", Cover.FORB, (0.040, 0.115, 0.046, 0.500, 0.235), 1200.0),
    Material("dark forb", Cover.FORB, (0.028, 0.085, 0.036, 0.460, 0.195), 1300.0),
    Material("cushion", Cover.CUSHION, (0.042, 0.098, 0.058, 0.375, 0.195), 1800.0),
    Material("willow", Cover.SHRUB, (0.028, 0.080, 0.038, 0.420, 0.185), 1500.0),
    Material("cinquefoil", Cover.SHRUB, (0.036, 0.078, 0.048, 0.360, 0.170), 1700.0),
    Material("yellow flower", Cover.FLOWER, (0.070, 0.330, 0.420, 0.520, 0.480), 900.0),
    Material("white flower", Cover.FLOWER, (0.420, 0.480, 0.500, 0.560, 0.540), 900.0),
    Material("roof tile", Cover.STONE, (0.075, 0.100, 0.200, 0.300, 0.260)),
    Material("roof sheet", Cover.STONE, (0.150, 0.160, 0.165, 0.190, 0.180)),
    Material("dark target", Cover.STONE, (0.032, 0.031, 0.031, 0.030, 0.030)),
    Material("pale target", Cover.STONE, (0.292, 0.296, 0.298, 0.302, 0.300)),
    Material("grey target", Cover.STONE, (0.118, 0.119, 0.120, 0.121, 0.120)),
    Material("dim target", Cover.STONE, (0.068, 0.067, 0.067, 0.066, 0.066)),
    Material("light target", Cover.STONE, (0.197, 0.199, 0.200, 0.203, 0.202)),
)
"""Spectra drawn by hand after the usual shape of alpine soils and leaves; no library is copied."""

TARGETS = ("dark target", "pale target", "grey target", "dim target", "light target")
"""Materials of reference targets as they are laid: two bracket the meadow, the others lie between."""

INDEX = {material.name: index for index, material in enumerate(MATERIALS)}


def reflectance_table() -> NDArray[np.float32]:
    """Mean reflectance, (bands, materials)."""
    return np.array([material.reflectance for material in MATERIALS], np.float32).T.copy()


def cover_table() -> NDArray[np.uint8]:
    """Class of every material."""
    return np.array([material.cover for material in MATERIALS], np.uint8)


def density_table() -> NDArray[np.float32]:
    """Dry mass per canopy volume of every material, g/m3."""
    return np.array([material.density for material in MATERIALS], np.float32)
