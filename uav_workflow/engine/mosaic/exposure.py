"""Evening out brightness between photos, from the ground they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.engine.mosaic.glimpses import Sightings
from uav_workflow.engine.surface.views import Float32, Float64

_HOLD = 0.05
"""Weight of the prior that holds a photo's brightness, as a share of what its sightings weigh."""
_ROBUST = 0.08
"""Log ratio at which a sighting has lost half its weight: misplaced leaves and moving shadows lie beyond."""
_DARK, _BRIGHT = 12, 243
_WIDEST = 0.7


@dataclass(frozen=True, slots=True)
class Exposure:
    """Factors that make shared ground equally bright.

    Attributes
    ----------
    gains : (sources, 3) float32
        Logarithm of each photo's factor.
    shape : (sources, 4, 3) float32
        Logarithm by `view_basis`: the lens's vignetting (one of each lens), and how brightness changes with the
        direction of view (one of the flight: the sun stands still).
    """

    gains: Float32
    shape: Float32

    def factors(self, source: int, basis: Float32) -> Float32:
        """Factors (..., 3) at a basis (..., 4)."""
        logs = np.clip(self.gains[source] + basis @ self.shape[source], -_WIDEST, _WIDEST)
        return np.asarray(np.exp(logs), np.float32)


def even_exposure(sightings: Sightings, lens: NDArray[np.int64]) -> Exposure:
    """Least squares on logarithms (after Brown & Lowe, 2007, eq. 29, and Goldman & Chen, 2005), made robust.

    The unknown brightness of each cell is eliminated: sightings count relative to their mean on that cell. A weak
    prior holds gains and shape to one: what overlaps can't tell (a slow drift over the block) stays as it is. The
    mean of the logarithms is zero, so that the mosaic keeps its brightness.

    Parameters
    ----------
    sightings : Sightings
    lens : (sources,) int64
        Which lens each source has, from 0.
    """
    system = _System.of(sightings, lens)
    logs = np.log(np.maximum(system.values, 1)).astype(float)
    found = np.stack([_solved(system, logs[:, k]) for k in range(3)], axis=1)
    gains = found[: len(lens)]
    if len(logs):
        gains -= np.stack([system.on(found[:, k]).mean() for k in range(3)])
    return Exposure(gains.astype(np.float32), found[system.unknowns[:, 1:]].astype(np.float32))


@dataclass(frozen=True, slots=True)
class _System:
    """Sightings that are neither dark nor bright, cell after cell, and what their brightness depends on.

    Attributes
    ----------
    unknowns : (sources, 5) int64
        Numbers of a source's unknowns: its own gain, its lens's two, the flight's two.
    count : int
        Unknowns in all; the gains come first.
    """

    cell: NDArray[np.int32]
    source: NDArray[np.int32]
    basis: Float32
    values: Float32
    unknowns: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, seen: Sightings, lens: NDArray[np.int64]) -> _System:
        photos = len(lens)
        shared = photos + 2 * (int(lens.max()) + 1)
        columns = np.arange(photos), photos + 2 * lens, photos + 2 * lens + 1
        flight = np.full(photos, shared), np.full(photos, shared + 1)
        good = np.flatnonzero(((seen.values >= _DARK) & (seen.values <= _BRIGHT)).all(axis=1))
        good = good[np.argsort(seen.cell[good], kind="stable")]
        cell = seen.cell[good]
        number = np.cumsum(np.diff(cell, prepend=cell[:1]) != 0, dtype=np.int32)
        unknowns = np.stack([*columns, *flight], axis=1)
        return cls(number, seen.source[good], seen.basis[good], seen.values[good], unknowns, shared + 2)

    def on(self, found: Float64) -> Float64:
        """What the unknowns add to each sighting."""
        own = found[self.unknowns]
        added: Float64 = own[self.source, 0]
        for k in range(self.basis.shape[1]):
            added += self.basis[:, k] * own[self.source, k + 1]
        return added

    def apart(self, logs: Float64, weights: Float64) -> Float64:
        """Logarithms less their weighted mean on the cell."""
        mean = np.bincount(self.cell, weights * logs) / np.bincount(self.cell, weights)
        return np.asarray(logs - mean[self.cell], float)


def _solved(system: _System, logs: Float64) -> Float64:
    """Unknowns that bring the logarithms together on every cell, by iteratively reweighted least squares."""
    found: Float64 = np.zeros(system.count)
    if not len(logs):
        return found
    photos, weights = len(system.unknowns), np.ones(len(logs))
    for _ in range(6):
        normal, right = np.zeros((system.count, system.count)), np.zeros(system.count)
        off = system.apart(logs, weights)
        _add_cells(system.cell, system.source, system.basis, system.unknowns, weights, off, normal, right)
        # the same share of every photo's own weight, and of the mean photo's for each thing that all have in common
        weigh = np.bincount(system.source, weights, photos)
        prior = np.concatenate([weigh, np.full(system.count - photos, weigh.mean())])
        normal[np.diag_indices_from(normal)] += _HOLD * prior + 1e-6
        found = np.asarray(np.linalg.solve(normal, -right), float)
        weights = 1 / (1 + (system.apart(logs + system.on(found), weights) / _ROBUST) ** 2)
    return found


@compiled
def _add_cells(  # noqa: PLR0917 - a compiled loop takes plain arrays
    cell: NDArray[np.int32],
    source: NDArray[np.int32],
    basis: Float32,
    unknowns: NDArray[np.int64],
    weights: Float64,
    off: Float64,
    normal: Float64,
    right: Float64,
) -> None:
    """Normal equations once each cell's brightness is eliminated, cell by cell.

    With D the dependence of one cell's sightings on the unknowns, W their weights and m = 1'WD, the cell adds
    D'WD - m'm / 1'W1 to the matrix (Schur complement), and D'W ``off`` to the right side: ``off`` has no mean.
    """
    mean, met = np.zeros(len(right)), np.full(len(right), -1)
    touched = np.empty(len(right), np.int64)
    depends = np.ones(unknowns.shape[1])
    first = 0
    while first < len(cell):
        last, many, total = first, 0, 0.0
        while last < len(cell) and cell[last] == cell[first]:
            total += weights[last]
            depends[1:] = basis[last]
            for a, row in enumerate(unknowns[source[last]]):
                if met[row] != cell[first]:
                    met[row], mean[row], touched[many] = cell[first], 0.0, row
                    many += 1
                pull = weights[last] * depends[a]
                mean[row] += pull
                right[row] += pull * off[last]
                for b, column in enumerate(unknowns[source[last]]):
                    normal[row, column] += pull * depends[b]
            last += 1
        for row in touched[:many]:
            for column in touched[:many]:
                normal[row, column] -= mean[row] * mean[column] / total
        first = last
