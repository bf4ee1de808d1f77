"""What stands on built ground: boxes with roofs, walls, trees, shrubs and boulders, drawn cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.materials import INDEX
from uav_workflow.simulation.terrain import Terrain

CELL_M = 32.0
"""Side of the cells that have a random stream of their own; each has one box."""
REACH_M = 9.0
"""No object reaches further than this from its centre."""
WALLS, SHRUBS, TREES, BOULDERS = 0.4, 26, 0.8, 4
"""Mean numbers in a cell."""
HIGHEST_M = 5.8


class Form(IntEnum):
    """How an object is drawn."""

    BOX = 0
    WALL = 1
    SHRUB = 2
    TREE = 3
    BOULDER = 4


OBJECT = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("half_length", "f4"),
        ("half_width", "f4"),
        ("angle", "f4"),
        ("top", "f8"),
        ("pitch", "f4"),
        ("tone", "f4"),
        ("form", "u1"),
        ("material", "u1"),
        ("seed", "i4"),
    ]
)
"""`top`: ellipsoidal height of a roof or wall over its centre, of a plant or boulder the height above the ground."""


def objects_around(terrain: Terrain, bounds: tuple[float, float, float, float]) -> Iterator[NDArray[np.void]]:
    """Objects of every cell that may reach into ``bounds`` (x_min, y_min, x_max, y_max), metres."""
    first = np.floor((np.array(bounds[:2]) - REACH_M) / CELL_M).astype(int)
    last = np.floor((np.array(bounds[2:]) + REACH_M) / CELL_M).astype(int)
    for row in range(first[1], last[1] + 1):
        for column in range(first[0], last[0] + 1):
            yield cell_objects(column, row, terrain)


def cell_objects(column: int, row: int, terrain: Terrain) -> NDArray[np.void]:
    """One box, perhaps a wall, and what grows in a cell."""
    rng = np.random.default_rng((terrain.seed, 61, column + 5000, row + 5000))
    parts = [
        _scatter(rng, 1, Form.BOX),
        _scatter(rng, int(rng.uniform() < WALLS), Form.WALL),
        _scatter(rng, rng.poisson(TREES), Form.TREE),
        _scatter(rng, rng.poisson(SHRUBS), Form.SHRUB),
        _scatter(rng, rng.poisson(BOULDERS), Form.BOULDER),
    ]
    drawn = np.concatenate(parts)
    drawn["x"] += column * CELL_M
    drawn["y"] += row * CELL_M
    standing = drawn["form"] <= Form.WALL
    # a roof is level or pitched whatever the ground below does
    drawn["top"][standing] += terrain.height(drawn["x"][standing], drawn["y"][standing])
    return drawn


SIZES: dict[Form, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    Form.BOX: ((2.0, 4.0), (1.5, 2.8), (2.0, 5.0)),
    Form.WALL: ((3.0, 7.0), (0.2, 0.35), (2.0, 3.0)),
    Form.SHRUB: ((0.35, 1.1), (0.35, 1.1), (0.4, 1.4)),
    Form.TREE: ((1.2, 2.1), (1.2, 2.1), (2.8, 5.5)),
    Form.BOULDER: ((0.2, 0.7), (0.2, 0.5), (0.2, 0.7)),
}
"""Half length, half width and height, metres."""
LOOKS: dict[Form, tuple[str, ...]] = {
    Form.BOX: ("roof tile", "roof sheet", "pale stone"),
    Form.WALL: ("dark stone", "pale stone"),
    Form.SHRUB: ("willow", "cinquefoil", "dark forb"),
    Form.TREE: ("willow", "dark forb", "dark grass"),
    Form.BOULDER: ("pale stone", "dark stone"),
}


def _scatter(rng: np.random.Generator, count: int, form: Form) -> NDArray[np.void]:
    drawn = np.zeros(count, OBJECT)
    length, width, height = SIZES[form]
    drawn["x"], drawn["y"] = rng.uniform(0, CELL_M, (2, count))
    drawn["half_length"] = rng.uniform(*length, count)
    drawn["half_width"] = rng.uniform(*width, count)
    drawn["top"] = rng.uniform(*height, count)
    drawn["angle"] = rng.uniform(0, 2 * np.pi, count)
    drawn["pitch"] = rng.uniform(0.0, 0.12, count) if form == Form.BOX else 0.0
    drawn["tone"] = rng.uniform(0.85, 1.1, count)
    drawn["form"] = form
    drawn["material"] = rng.choice([INDEX[name] for name in LOOKS[form]], count)
    drawn["seed"] = rng.integers(1, 1 << 30, count)
    return drawn
