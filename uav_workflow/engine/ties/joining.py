"""Blocks that share photos made one: tracks joined through common key points, frames through what both hold.

The adjustment of independent models (Ackermann, Ebner and Klein, 1973) with whole blocks in the place of models: each
is moved as it is, and the bundle adjustment that follows does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from uav_workflow.engine.adjustment.alignment import Similarity, fit_similarity
from uav_workflow.engine.adjustment.block import Block

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_PHOTOS = 3
"""Photos that a block must share with those that stand to be joined to them."""
LEAST_POINTS = 30
"""Tie points that it must share with them."""
LEAST_RAYS = 3
"""A tie point of fewer may lie anywhere along them: it says little of where its block lies."""
ROUNDS = 20
"""Re-weightings of a similarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One block of several, and the photos of those that could not be joined to it."""

    block: Block
    apart: list[list[str]]


def join_blocks(blocks: Sequence[Block], home: Mapping[str, int], camera_of: Mapping[str, int]) -> Joined:
    """The largest block that the given ones make together.

    The key points of a photo are the same in every block: what lies at one pixel of one photo is one tie point. Blocks
    are added in the order of the tie points they share with those that stand already.

    Parameters
    ----------
    blocks : sequence of Block
        Free blocks; a photo may be in several.
    home : mapping
        Photo -> index of the block whose pose it keeps; where that block lacks it, the one with most of its
        observations is taken.
    camera_of : mapping
        Photo -> number of its camera: a block has only those of its own photos.
    """
    keys = _keys(blocks)
    left, best = set(range(len(blocks))), dict[int, Block]()
    while left:
        chain = _chain(blocks, keys, left)
        left -= set(chain)
        if len(_names(chain.values())) > len(_names(best.values())):
            best = chain
    placed = _names(best.values())
    apart: list[list[str]] = []
    for index in sorted(set(range(len(blocks))) - set(best), key=lambda index: (-len(blocks[index].names), index)):
        if names := sorted(set(blocks[index].names) - placed):
            apart.append(names)
            placed |= set(names)
    return Joined(block=_merged(best, keys, home, camera_of), apart=apart)


def _names(blocks: Iterable[Block]) -> set[str]:
    return {name for block in blocks for name in block.names}


def _keys(blocks: Sequence[Block]) -> list[IntArray]:
    """Number of the key point of each observation: equal where photo and pixel are."""
    number = {name: row for row, name in enumerate(sorted(_names(blocks)))}
    photo = [np.array([number[name] for name in block.names], float)[block.obs_image] for block in blocks]
    rows = np.column_stack([np.concatenate(photo), np.concatenate([block.obs_xy for block in blocks])])
    order = np.lexsort(rows.T)
    new = np.ones(len(rows), bool)
    new[1:] = (np.diff(rows[order], axis=0) != 0).any(axis=1)
    key = np.empty(len(rows), np.int64)
    key[order] = np.cumsum(new) - 1
    return np.split(key, np.cumsum([len(block.obs_xy) for block in blocks])[:-1])


def _chain(blocks: Sequence[Block], keys: Sequence[IntArray], left: set[int]) -> dict[int, Block]:
    """Blocks that hold together with the largest one left, in its frame."""
    first = max(left, key=lambda index: (len(blocks[index].names), -index))
    standing = {first: blocks[first]}
    ties = {index: _Ties.none() for index in sorted(left - {first})}
    newest = first
    while ties:
        for index, known in ties.items():
            ties[index] = known + _Ties.between(blocks[index], keys[index], standing[newest], keys[newest])
        newest = max(ties, key=lambda index: (len(ties[index].here), -index))
        if not ties[newest].enough:
            break
        place = ties.pop(newest).similarity()
        standing[newest] = blocks[newest].transformed(place.scale, place.rotation, place.shift)
    return standing


@dataclass(frozen=True, slots=True)
class _Ties:
    """What a block shares with those that stand: places of tie points and cameras here and there, (t, 3) each."""

    here: FloatArray
    there: FloatArray
    photos: frozenset[str]

    @classmethod
    def none(cls) -> _Ties:
        return cls(np.zeros((0, 3)), np.zeros((0, 3)), frozenset())

    @classmethod
    def between(cls, block: Block, key: IntArray, other: Block, other_key: IntArray) -> _Ties:
        row, other_row = ({name: i for i, name in enumerate(b.names)} for b in (block, other))
        photos = sorted(row.keys() & other_row.keys())
        if not photos:
            return cls.none()
        _, mine, theirs = np.intersect1d(key, other_key, return_indices=True)
        pairs = np.unique(np.column_stack([block.obs_point[mine], other.obs_point[theirs]]), axis=0)
        sure = (_rays(block)[pairs[:, 0]] >= LEAST_RAYS) & (_rays(other)[pairs[:, 1]] >= LEAST_RAYS)
        p, q = pairs[sure].T
        centres, other_centres = block.centres[[row[n] for n in photos]], other.centres[[other_row[n] for n in photos]]
        return cls(
            np.concatenate([centres, block.points[p]]),
            np.concatenate([other_centres, other.points[q]]),
            frozenset(photos),
        )

    def __add__(self, more: _Ties) -> _Ties:
        return _Ties(
            np.concatenate([self.here, more.here]),
            np.concatenate([self.there, more.there]),
            self.photos | more.photos,
        )

    @property
    def enough(self) -> bool:
        return len(self.photos) >= LEAST_PHOTOS and len(self.here) - len(self.photos) >= LEAST_POINTS

    def similarity(self) -> Similarity:
        """From here to there; wrong tie points lose their weight (Cauchy's function, re-weighted)."""
        fit = fit_similarity(self.here, self.there)
        for _ in range(ROUNDS):
            off = np.linalg.norm(fit(self.here) - self.there, axis=1)
            usual = max(float(np.median(off)), np.finfo(float).tiny)
            fit = fit_similarity(self.here, self.there, 1 / (1 + (off / (2 * usual)) ** 2))
        return fit


def _rays(block: Block) -> IntArray:
    return np.bincount(block.obs_point, minlength=len(block.points))


def _merged(
    chain: Mapping[int, Block], keys: Sequence[IntArray], home: Mapping[str, int], camera_of: Mapping[str, int]
) -> Block:
    """The blocks of a chain, which lie in one frame already, as one."""
    order = sorted(chain)
    parts = [chain[index] for index in order]
    names = sorted(_names(parts))
    number = {name: row for row, name in enumerate(names)}
    key = np.concatenate([keys[index] for index in order])
    first_point = np.cumsum([0, *(len(block.points) for block in parts)])
    point = np.concatenate([block.obs_point + start for block, start in zip(parts, first_point, strict=False)])
    track = _tracks(point, key, int(first_point[-1]))
    # what was seen in two blocks is one observation
    _, once = np.unique(key, return_index=True)
    once.sort()
    weight = np.bincount(point, minlength=len(track)).astype(float)
    places = np.concatenate([block.points for block in parts])
    total = np.bincount(track, weight)
    poses = [_pose(name, chain, home[name]) for name in names]
    cameras, camera = np.unique([camera_of[name] for name in names], return_inverse=True)
    return Block(
        names=names,
        camera_of=camera.astype(np.int64),
        intrinsics=_lenses(parts, camera_of, cameras),
        rotations=np.array([rotation for rotation, _ in poses]),
        centres=np.array([centre for _, centre in poses]),
        points=np.column_stack([np.bincount(track, weight * axis) / total for axis in places.T]),
        obs_image=np.concatenate([np.array([number[n] for n in b.names], np.int64)[b.obs_image] for b in parts])[once],
        obs_point=track[point][once],
        obs_xy=np.concatenate([block.obs_xy for block in parts])[once],
        obs_sigma=np.concatenate([block.obs_sigma for block in parts])[once],
    )


def _tracks(point: IntArray, key: IntArray, points: int) -> IntArray:
    """Track of each point: points that share a key point are one, numbered as they come."""
    keys = int(key.max()) + 1
    graph = sparse.coo_matrix((np.ones(len(key), np.int8), (point, points + key)), (points + keys, points + keys))
    _, label = connected_components(graph, directed=False)
    _, first, track = np.unique(label[:points], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[track]


def _pose(name: str, chain: Mapping[int, Block], home: int) -> tuple[FloatArray, FloatArray]:
    """Rotation and centre of a photo."""
    holders = {index: block.names.index(name) for index, block in chain.items() if name in block.names}
    if home not in holders:
        seen = {index: int((chain[index].obs_image == row).sum()) for index, row in holders.items()}
        home = max(seen, key=lambda index: (seen[index], -index))
    block, row = chain[home], holders[home]
    return block.rotations[row], block.centres[row]


def _lenses(parts: Sequence[Block], camera_of: Mapping[str, int], cameras: IntArray) -> FloatArray:
    """Mean lens of each camera, each block weighing by its observations."""
    total, weight = np.zeros((len(cameras), 8)), np.zeros(len(cameras))
    for block in parts:
        seen = np.bincount(block.obs_image, minlength=len(block.names))
        for row, name in enumerate(block.names):
            place = int(np.searchsorted(cameras, camera_of[name]))
            total[place] += seen[row] * block.intrinsics[block.camera_of[row]]
            weight[place] += seen[row]
    return np.asarray(total / weight[:, None])
