"""Where plants, stones and litter stand: an inhomogeneous Poisson process, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.materials import INDEX
from uav_workflow.simulation.noise import field

FloatArray = NDArray[np.float64]

BLOCK_M = 2.5
"""Side of the blocks that have a random stream of their own."""
REACH_M = 0.5
"""No element reaches further than this from its centre."""


class Shape(IntEnum):
    """How an element is drawn."""

    TUFT = 0
    ROSETTE = 1
    DOME = 2
    SHRUB = 3
    LEAF = 4
    STRAW = 5
    STONE = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """A functional type: share of the plant cover, filled share of its circle, range of sizes (m) and heights."""

    name: str
    shape: Shape
    materials: tuple[str, ...]
    share: float
    fill: float
    radius: tuple[float, float]
    height: tuple[float, float]


LEAVES = ("fresh grass", "sedge", "pale forb", "dark grass")
GREEN_KINDS = (
    Kind("tuft", Shape.TUFT, ("fresh grass", "sedge", "dark grass"), 0.34, 0.62, (0.025, 0.14), (0.70, 1.0)),
    Kind(
        "leaf",
        Shape.LEAF,
        LEAVES,
        0.34,
        0.75,
        (0.0025, 0.012),
        (0.08, 0.35),
    ),
    Kind("rosette", Shape.ROSETTE, ("pale forb", "dark forb"), 0.16, 0.62, (0.012, 0.09), (0.10, 0.45)),
    Kind("cushion", Shape.DOME, ("cushion",), 0.08, 1.0, (0.03, 0.16), (0.20, 0.35)),
    Kind("shrub", Shape.SHRUB, ("willow", "cinquefoil"), 0.08, 0.85, (0.10, 0.30), (0.5, 0.9)),
)
"""Heights are shares of the site's vigour height, but for cushions and shrubs: shares of the radius x 1.4."""

ELEMENT = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("radius", "f4"),
        ("height", "f4"),
        ("angle", "f4"),
        ("tone", "f4"),
        ("form", "u1"),
        ("material", "u1"),
        ("seed", "i4"),
    ]
)


def plant_cover(x: FloatArray, y: FloatArray, seed: int) -> FloatArray:
    """Cover that the plants aim at, 0 - 1: meadow and bare patches, and a trodden path."""
    n = (
        0.9 * field(x, y, 7.5, seed * 7 + 3)
        + 0.75 * field(x, y, 3.7, seed * 7 + 4)
        + 0.3 * field(x, y, 1.4, seed * 7 + 5)
    )
    cover = 0.012 + 0.975 / (1 + np.exp(-5.0 * (n + 0.08)))
    path = np.abs(x - 1.5 - 3.0 * np.sin(y / 6.5 + seed) - 0.15 * field(x, y, 0.8, seed * 7 + 6))
    return np.asarray(cover * (0.03 + 0.97 / (1 + np.exp(-(path - 0.55) / 0.06))))


def vigour_height(x: FloatArray, y: FloatArray, cover: FloatArray, seed: int) -> FloatArray:
    """Height of full-grown grass at a place, 0.04 - 0.40 m: grazed turf to tall meadow, taller where cover is high."""
    n = 0.5 + 0.5 * np.clip(1.9 * field(x, y, 5.0, seed * 7 + 8) + 0.4 * field(x, y, 2.0, seed * 7 + 9), -1, 1)
    return np.asarray(0.05 + 0.35 * n**0.6 * (0.25 + 0.75 * cover))


LATTICE_M = 0.05
"""Cells in which the site's fields count as constant."""


@dataclass(frozen=True, slots=True)
class _Block:
    """A block with its random stream and the site's fields on `LATTICE_M`."""

    corner: tuple[float, float]
    seed: int
    rng: np.random.Generator
    x: FloatArray
    y: FloatArray
    cover: FloatArray
    vigour: FloatArray

    def at(self, layer: FloatArray, elements: NDArray[np.void]) -> FloatArray:
        """Values of a layer at elements."""
        column = ((elements["x"] - self.corner[0]) / LATTICE_M).astype(int)
        row = ((elements["y"] - self.corner[1]) / LATTICE_M).astype(int)
        last = layer.shape[0] - 1
        return np.asarray(layer[np.minimum(row, last), np.minimum(column, last)])

    def scatter(self, density: float, share: FloatArray) -> NDArray[np.void]:
        """Elements at ``density`` per m2 times a share that varies over the lattice; only their places are drawn."""
        most = float(share.max())
        count = self.rng.poisson(density * most * BLOCK_M**2)
        elements = np.zeros(count, ELEMENT)
        elements["x"] = self.corner[0] + self.rng.uniform(0, BLOCK_M, count)
        elements["y"] = self.corner[1] + self.rng.uniform(0, BLOCK_M, count)
        elements = elements[self.rng.uniform(0, most, count) < self.at(share, elements)]
        count = len(elements)
        elements["angle"] = self.rng.uniform(0, 2 * np.pi, count)
        elements["tone"] = np.clip(self.rng.normal(1.0, 0.10, count), 0.7, 1.3)
        elements["seed"] = self.rng.integers(0, 2**31 - 1, count)
        return elements


def block_elements(column: int, row: int, seed: int) -> NDArray[np.void]:
    """Every element whose centre lies in a block of `BLOCK_M`, in a fixed order."""
    corner = (column * BLOCK_M, row * BLOCK_M)
    places = (np.arange(round(BLOCK_M / LATTICE_M)) + 0.5) * LATTICE_M
    x, y = np.meshgrid(corner[0] + places, corner[1] + places)
    cover = plant_cover(x, y, seed)
    block = _Block(
        corner=corner,
        seed=seed,
        rng=np.random.default_rng((seed, 23, column + 2**20, row + 2**20)),
        x=x,
        y=y,
        cover=cover,
        vigour=vigour_height(x, y, cover, seed),
    )
    plants = np.concatenate([_plants(kind, block) for kind in GREEN_KINDS])
    return np.concatenate([_stones(block), _litter(block), plants, _flowers(plants, block.rng)])


def _sizes(rng: np.random.Generator, bounds: tuple[float, float], count: int, power: float) -> FloatArray:
    """Sizes between bounds with density falling as size ** -power."""
    low, high = bounds[0] ** (1 - power), bounds[1] ** (1 - power)
    return np.asarray((low + (high - low) * rng.uniform(0, 1, count)) ** (1 / (1 - power)))


def _mean_area(kind: Kind) -> float:
    """Mean area that one element covers, m2: of radii r with density r ** -1.6, times the share its shape fills."""
    low, high = kind.radius
    mean_square = (high**1.4 - low**1.4) / 1.4 / ((low**-0.6 - high**-0.6) / 0.6)
    return float(np.pi * mean_square * kind.fill)


def _plants(kind: Kind, block: _Block) -> NDArray[np.void]:
    rng, seed = block.rng, block.seed
    # each kind has its own patches, so that communities differ in place
    own = np.clip(0.9 + 0.8 * field(block.x, block.y, 2.6, seed * 31 + int(kind.shape)), 0.05, 1.8)
    area = -np.log(1 - np.clip(block.cover, 0, 0.975))
    elements = block.scatter(kind.share / _mean_area(kind), area * own)
    count = len(elements)
    elements["radius"] = _sizes(rng, kind.radius, count, 1.6)
    low, high = kind.height
    share = rng.uniform(low, high, count)
    if kind.shape in (Shape.DOME, Shape.SHRUB):
        elements["height"] = np.clip(1.4 * elements["radius"] * share, 0.02, 0.40)
    else:
        # single leaves stand high only where others hold them up
        held = 0.25 + 0.75 * block.cover**2 if kind.shape is Shape.LEAF else np.ones_like(block.cover)
        elements["height"] = np.clip(block.at(block.vigour * held, elements) * share, 0.02, 0.40)
    hue = 0.5 + 0.5 * field(block.x, block.y, 3.1, seed * 31 + 100 + int(kind.shape))
    mixed = block.at(hue, elements) + rng.uniform(-0.125, 0.125, count)
    choice = np.clip((mixed * len(kind.materials)).astype(int), 0, len(kind.materials) - 1)
    elements["material"] = np.array([INDEX[name] for name in kind.materials], np.uint8)[choice]
    elements["form"] = kind.shape
    return elements


def _litter(block: _Block) -> NDArray[np.void]:
    rng = block.rng
    elements = block.scatter(190.0, 0.15 + 0.85 * np.sqrt(block.cover))
    count = len(elements)
    elements["radius"] = rng.uniform(0.010, 0.055, count)
    elements["height"] = rng.uniform(0.002, 0.012, count)
    elements["form"] = Shape.STRAW
    elements["material"] = np.where(rng.uniform(0, 1, count) < 0.55, INDEX["straw"], INDEX["brown litter"])
    return elements


def _stones(block: _Block) -> NDArray[np.void]:
    rng = block.rng
    pebbles = block.scatter(60.0, 0.2 + 0.8 * (1 - block.cover))
    pebbles["radius"] = _sizes(rng, (0.004, 0.05), len(pebbles), 2.2)
    pebbles["height"] = pebbles["radius"] * rng.uniform(0.4, 0.9, len(pebbles))
    boulders = block.scatter(0.05, np.ones_like(block.cover))
    boulders["radius"] = _sizes(rng, (0.12, 0.45), len(boulders), 1.5)
    boulders["height"] = boulders["radius"] * rng.uniform(0.7, 1.3, len(boulders))
    elements = np.concatenate([pebbles, boulders])
    elements["form"] = Shape.STONE
    pale = block.at(field(block.x, block.y, 5.0, block.seed * 7 + 10), elements) + rng.normal(0, 0.5, len(elements))
    elements["material"] = np.where(pale > 0, INDEX["pale stone"], INDEX["dark stone"])
    return elements


def _flowers(plants: NDArray[np.void], rng: np.random.Generator) -> NDArray[np.void]:
    """A few heads above rosettes and tufts."""
    able = plants[(plants["form"] == Shape.ROSETTE) & (plants["radius"] > 0.03)]
    elements: NDArray[np.void] = able[rng.uniform(0, 1, len(able)) < 0.25].copy()
    elements["radius"] = rng.uniform(0.006, 0.014, len(elements))
    elements["height"] += 0.02
    elements["form"] = Shape.LEAF
    elements["tone"] = 1.0
    white = rng.uniform(0, 1, len(elements)) < 0.35
    elements["material"] = np.where(white, INDEX["white flower"], INDEX["yellow flower"])
    return elements
