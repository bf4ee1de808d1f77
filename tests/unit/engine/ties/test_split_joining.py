"""Blocks cut out of a whole, each moved somewhere else: joined they are the whole again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from structure_block import block_of

from uav_workflow.engine.adjustment.alignment import fit_similarity
from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.adjustment.collinearity import project
from uav_workflow.engine.ties.joining import Joined, join_blocks

PHOTOS = 15


def cut(whole: Block, photos: Sequence[int], seed: int) -> Block:
    """Some photos of a block with the points two of them see, in a frame of its own, tracks in another order."""
    random = np.random.default_rng(seed)
    inside = np.isin(whole.obs_image, photos)
    part = whole.with_observations(inside)
    row = np.full(len(whole.names), -1)
    row[list(photos)] = np.arange(len(photos))
    order = random.permutation(len(part.points))
    back = np.argsort(order)
    part = replace(
        part,
        names=[whole.names[i] for i in photos],
        camera_of=whole.camera_of[list(photos)],
        rotations=whole.rotations[list(photos)],
        centres=whole.centres[list(photos)],
        points=part.points[order],
        obs_image=row[part.obs_image],
        obs_point=back[part.obs_point],
    )
    return part.transformed(
        random.uniform(0.2, 5), Rotation.random(random_state=seed).as_matrix(), random.normal(0, 9, 3)
    )


def joined(
    blocks: Sequence[Block], home: dict[str, int] | None = None, cameras: dict[str, int] | None = None
) -> Joined:
    names = {name for block in blocks for name in block.names}
    first = {name: min(i for i, block in enumerate(blocks) if name in block.names) for name in names}
    return join_blocks(blocks, home or first, cameras or dict.fromkeys(names, 1))


def by_place(whole: Block) -> dict[tuple[str, float, float], int]:
    """Point of each observation of a block, by what is equal in every block."""
    return {
        (whole.names[i], *xy): int(p)
        for i, xy, p in zip(whole.obs_image, whole.obs_xy.tolist(), whole.obs_point, strict=True)
    }


def tracks_to_be(whole: Block, photos: Sequence[Sequence[int]]) -> list[set[tuple[str, float, float]]]:
    """What blocks of these photos make of a whole: what two photos of a block see, united where they share a photo."""
    by_point: dict[int, list[tuple[str, float, float]]] = {}
    for place, point in by_place(whole).items():
        by_point.setdefault(point, []).append(place)
    tracks: list[set[tuple[str, float, float]]] = []
    for places in by_point.values():
        united: list[set[tuple[str, float, float]]] = []
        for part in photos:
            names = {whole.names[i] for i in part}
            seen = {place for place in places if place[0] in names}
            if len(seen) >= 2:
                seen = seen.union(*(other for other in united if other & seen))
                united = [other for other in united if not other & seen] + [seen]
        tracks += united
    return tracks


def assert_same(block: Block, whole: Block, photos: Sequence[Sequence[int]]) -> None:
    """Poses, points and tracks of the whole, after one similarity."""
    assert sorted(block.names) == sorted(whole.names)
    rows = [whole.names.index(name) for name in block.names]
    fit = fit_similarity(block.centres, whole.centres[rows])
    assert np.allclose(fit(block.centres), whole.centres[rows], atol=1e-6)
    assert np.allclose(block.rotations @ fit.rotation.T, whole.rotations[rows], atol=1e-7)
    found: dict[int, set[tuple[str, float, float]]] = {}
    for place, point in by_place(block).items():
        found.setdefault(point, set()).add(place)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, tracks_to_be(whole, photos)))
    assert len(block.obs_xy) == sum(map(len, found.values())), "no observation twice"
    there = by_place(whole)
    truth = whole.points[[there[next(iter(found[point]))] for point in range(len(block.points))]]
    assert np.allclose(fit(block.points), truth, atol=1e-6)
    assert np.allclose(project(block)[0], block.obs_xy, atol=1e-5)


# photos stand in three lines of five: 0 - 4, 5 - 9, 10 - 14
CUTS = {
    "two halves": [range(8), range(5, 15)],
    "in the other order": [range(5, 15), range(8)],
    "a chain of three": [[0, 1, 5, 6, 10, 11, 2], [1, 2, 3, 6, 7, 8, 11, 12, 13], [3, 4, 8, 9, 13, 14, 12]],
    "a ring of four": [
        [0, 1, 2, 3, 5, 6, 7, 8],
        [1, 2, 3, 4, 6, 7, 8, 9],
        [5, 6, 7, 8, 10, 11, 12, 13],
        [6, 7, 8, 9, 11, 12, 13, 14],
    ],
    "one inside another": [range(15), [3, 4, 8, 9]],
}


@pytest.mark.parametrize("photos", CUTS.values(), ids=CUTS.keys())
def test_a_block_cut_apart_and_joined_is_the_whole(photos: list[Sequence[int]]) -> None:
    whole = block_of(7, 0.0)
    found = joined([cut(whole, list(part), seed) for seed, part in enumerate(photos)])
    assert found.apart == []
    assert_same(found.block, whole, photos)


def test_it_is_the_same_to_the_bit_every_time() -> None:
    whole = block_of(8, 0.3)
    blocks = [cut(whole, list(part), seed) for seed, part in enumerate(CUTS["a ring of four"])]
    first, second = joined(blocks).block, joined(blocks).block
    assert first.names == second.names
    for name in ("rotations", "centres", "points", "intrinsics", "obs_image", "obs_point", "obs_xy", "obs_sigma"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_noise_of_the_tie_points_does_not_add_up() -> None:
    whole = block_of(9, 0.0)
    random = np.random.default_rng(2)
    blocks = [cut(whole, list(part), seed) for seed, part in enumerate(CUTS["a ring of four"])]
    for block in blocks:
        block.points = block.points + random.normal(0, 0.01 * np.ptp(block.points), block.points.shape)
    found = joined(blocks).block
    rows = [whole.names.index(name) for name in found.names]
    fit = fit_similarity(found.centres, whole.centres[rows])
    assert np.abs(fit(found.centres) - whole.centres[rows]).max() < 0.5, "of 80 m; a point is 0.8 m off on each axis"


def test_wrong_tie_points_do_not_pull() -> None:
    whole = block_of(10, 0.0)
    first, second = (cut(whole, list(part), seed) for seed, part in enumerate(CUTS["two halves"]))
    wrong = np.random.default_rng(1).random(len(second.points)) < 0.15
    second.points[wrong] += 3 * np.ptp(second.points, axis=0)
    found = joined([first, second]).block
    rows = [whole.names.index(name) for name in found.names]
    fit = fit_similarity(found.centres, whole.centres[rows])
    assert np.allclose(fit(found.centres), whole.centres[rows], atol=1e-3)


def test_what_shares_two_photos_stays_apart_and_is_named() -> None:
    whole = block_of(11, 0.0)
    large, small = cut(whole, list(range(11)), 1), cut(whole, [9, 10, 11, 12, 13, 14], 2)
    found = joined([small, large])
    assert sorted(found.block.names) == sorted(large.names)
    assert found.apart == [["11.jpg", "12.jpg", "13.jpg", "14.jpg"]]


def test_what_holds_together_by_itself_is_taken_if_it_is_the_larger_part() -> None:
    whole = block_of(12, 0.0)
    alone = cut(whole, [0, 1, 2, 5, 6, 7], 1)
    first, second = cut(whole, [3, 4, 8, 9, 13], 2), cut(whole, [8, 9, 11, 12, 13, 14], 3)
    found = joined([alone, first, second])
    assert len(found.block.names) == 8
    assert found.apart == [sorted(alone.names)]


def test_photos_that_share_no_tie_points_are_not_enough() -> None:
    whole = block_of(13, 0.0)
    first, second = cut(whole, list(range(8)), 1), cut(whole, list(range(5, 15)), 2)
    second.obs_xy = second.obs_xy + 1e-3
    assert len(joined([first, second]).block.names) == 10


def test_a_photo_keeps_the_pose_of_its_home() -> None:
    whole = block_of(14, 0.0)
    first, second = (cut(whole, list(part), seed) for seed, part in enumerate(CUTS["two halves"]))
    twist = Rotation.from_rotvec([0.01, 0, 0]).as_matrix()
    second.rotations = twist @ second.rotations
    home = {name: int(int(name.split(".")[0]) >= 7) for name in whole.names}
    found = joined([first, second], home).block
    fit = fit_similarity(found.centres, whole.centres[[whole.names.index(name) for name in found.names]])
    for name, rotation in zip(found.names, found.rotations @ fit.rotation.T, strict=True):
        truth = whole.rotations[whole.names.index(name)]
        assert np.allclose(rotation, twist @ truth if home[name] else truth, atol=1e-6), name


def test_a_photo_that_its_home_could_not_place_comes_from_where_it_is_seen_best() -> None:
    whole = block_of(15, 0.0)
    photos = [[0, 1, 2, 3, 5, 6, 7, 8], [2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14]]
    blocks = [cut(whole, part, seed) for seed, part in enumerate(photos)]
    assert_same(joined(blocks, dict.fromkeys(whole.names, 0)).block, whole, photos)


def test_cameras_are_told_apart_where_a_block_has_not_all_of_them() -> None:
    whole = block_of(16, 0.0)
    second_lens = whole.intrinsics[0] * np.array([1, 1, 1, 0.5, 1, 1, 1, 1])
    blocks = [cut(whole, list(part), seed) for seed, part in enumerate(CUTS["two halves"])]
    cameras = {name: 4 if int(name.split(".")[0]) >= 9 else 2 for name in whole.names}
    blocks[1].intrinsics = np.stack([blocks[1].intrinsics[0], second_lens])
    blocks[1].camera_of = np.array([int(cameras[name] == 4) for name in blocks[1].names])
    found = joined(blocks, None, cameras).block
    assert np.allclose(found.intrinsics, [whole.intrinsics[0], second_lens], atol=1e-12)
    assert [cameras[name] for name in found.names] == [(2, 4)[row] for row in found.camera_of]
