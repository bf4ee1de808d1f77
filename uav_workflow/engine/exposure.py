"""Evening out brightness between photos, from the ground they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from uav_workflow.engine.glimpses import Sightings
from uav_workflow.engine.views import Float32, Float64

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

    The unknown brightness of each cell is eliminated by taking the sightings relative to their mean on that cell. A
    weak prior holds gains and shape to one: what overlaps can't tell (a slow drift over the block) stays as it is. The
    mean of the logarithms is zero, so that the mosaic keeps its brightness.

    Parameters
    ----------
    sightings : Sightings
    lens : (sources,) int64
        Which lens each source has, from 0.
    """
    count, lenses = len(lens), int(lens.max()) + 1
    good = ((sightings.values >= _DARK) & (sightings.values <= _BRIGHT)).all(axis=1)
    cell = np.unique(sightings.cell[good], return_inverse=True)[1]
    source, basis = sightings.source[good], sightings.basis[good]
    logs = np.log(np.maximum(sightings.values[good], 1)).astype(float)
    n = len(cell)
    each = np.arange(n)
    columns = np.stack(
        [source, count + 2 * lens[source], count + 2 * lens[source] + 1]
        + [np.full(n, count + 2 * lenses + k) for k in range(2)],
        axis=1,
    )
    values = np.concatenate([np.ones((n, 1)), basis], axis=1)
    design = sparse.csr_matrix(
        (values.ravel(), (np.repeat(each, 5), columns.ravel())), shape=(n, count + 2 * lenses + 2)
    )
    found = np.stack([_solved(design, cell, logs[:, k], count) for k in range(3)], axis=1)
    if n:
        found[:count] -= np.asarray(design @ found).mean(axis=0)
    shape = np.stack([np.concatenate([found[count + 2 * k : count + 2 * k + 2], found[-2:]]) for k in lens], axis=0)
    return Exposure(found[:count].astype(np.float32), shape.astype(np.float32))


def _solved(design: sparse.csr_matrix, cell: NDArray[np.int64], logs: Float64, count: int) -> Float64:
    """Unknowns that bring ``logs + design @ x`` together on every cell, by iteratively reweighted least squares."""
    unknowns = np.zeros(design.shape[1])
    if not len(cell):
        return unknowns
    weights = np.ones(len(cell))
    cells = int(cell.max()) + 1
    for _ in range(6):
        total = np.bincount(cell, weights, cells)
        mean = sparse.csr_matrix((weights / total[cell], (cell, np.arange(len(cell)))), shape=(cells, len(cell)))
        apart = design - (mean @ design)[cell]
        off = logs - (mean @ logs)[cell]
        weighted = apart.multiply(weights[:, None]).tocsr()
        normal = np.asarray((apart.T @ weighted).todense())
        # the same share of every photo's own weight, and of the mean photo's for each thing that all have in common
        weigh = np.bincount(design.indices[::5], weights, count)[:count]
        prior = np.concatenate([weigh, np.full(len(unknowns) - count, weigh.mean())])
        normal[np.diag_indices_from(normal)] += _HOLD * prior + 1e-6
        unknowns = np.linalg.solve(normal, -np.asarray(weighted.T @ off))
        left = off + np.asarray(apart @ unknowns)
        weights = 1 / (1 + (left / _ROBUST) ** 2)
    return unknowns
