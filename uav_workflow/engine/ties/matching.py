"""Which photos are matched, and matching them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.engine.ties.features import quiet_pycolmap


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """Pair choice and verification."""

    all_pairs_up_to: int = 18
    neighbours: int = 14
    unplaced_up_to: int = 100
    guided: bool = False
    threads: int = 2


def choose_pairs(xy: NDArray[np.float64], known: NDArray[np.bool_], settings: MatchSettings) -> list[tuple[int, int]]:
    """Pairs (i < j) of photos likely to overlap.

    Every photo meets its nearest neighbours on the ground; a photo without a position also meets those next to it in
    the order of the flight, and lies between them. Small flights, and flights without positions up to
    `unplaced_up_to` photos: all pairs.

    Parameters
    ----------
    xy : (n, 2) float array
        Positions, metres; NaN where unknown.
    known : (n,) bool array
    """
    from scipy.spatial import cKDTree

    count = len(xy)
    if count <= settings.all_pairs_up_to or (known.sum() < 2 and count <= settings.unplaced_up_to):
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    pairs: set[tuple[int, int]] = set()
    if known.sum() >= 2:
        between = np.flatnonzero(known)
        filled = np.column_stack([np.interp(np.arange(count), between, axis[between]) for axis in xy.T])
        _, near = cKDTree(filled).query(filled, k=min(settings.neighbours + 1, count))
        for place, row in enumerate(np.atleast_2d(near)):
            pairs.update((min(place, int(j)), max(place, int(j))) for j in row if j != place)
    reach = settings.neighbours // 2
    for i in np.flatnonzero(~known):
        window = range(max(0, int(i) - reach), min(count, int(i) + reach + 1))
        pairs.update((min(int(i), j), max(int(i), j)) for j in window if j != i)
    return sorted(pairs)


def bridging_pairs(
    xy: NDArray[np.float64], placed: NDArray[np.bool_], settings: MatchSettings
) -> list[tuple[int, int]]:
    """Pairs (i < j) of each photo with a position outside a block and its nearest photos inside.

    Parameters
    ----------
    xy : (n, 2) float array
        Positions, metres; NaN where unknown.
    placed : (n,) bool array
        Whether a photo belongs to the block.
    """
    from scipy.spatial import cKDTree

    known = np.isfinite(xy[:, 0])
    inside, outside = np.flatnonzero(placed & known), np.flatnonzero(~placed & known)
    if len(inside) == 0:
        return []
    _, near = cKDTree(xy[inside]).query(xy[outside], k=[*range(1, min(settings.neighbours, len(inside)) + 1)])
    return sorted(
        {(min(int(i), int(j)), max(int(i), int(j))) for i, row in zip(outside, near, strict=True) for j in inside[row]}
    )


def match_pairs(
    database: Path,
    names: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    settings: MatchSettings,
    *,
    progress: Callable[[float], None],
) -> list[int]:
    """Match and verify the pairs inside the database; inliers of every pair that held.

    Parameters
    ----------
    names : sequence of str
        Image names in the database, indexed by the pairs.
    """
    pycolmap = quiet_pycolmap()
    options = pycolmap.FeatureMatchingOptions(
        num_threads=settings.threads, use_gpu=False, guided_matching=settings.guided
    )
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    step = max(20, len(pairs) // 20)
    listing = database.with_suffix(".pairs.txt")
    for start in range(0, len(pairs), step):
        chunk = pairs[start : start + step]
        listing.write_text("".join(f"{names[i]} {names[j]}\n" for i, j in chunk))
        pairing = pycolmap.ImportedPairingOptions(match_list_path=listing)
        pycolmap.match_image_pairs(database, options, pairing, verification, pycolmap.Device.cpu)
        progress((start + len(chunk)) / len(pairs))
    listing.unlink(missing_ok=True)
    with pycolmap.Database.open(database) as opened:
        _, inliers = opened.read_two_view_geometry_num_inliers()
    return [int(count) for count in inliers if count > 0]
