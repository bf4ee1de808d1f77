"""Cover by a forest of trees that learnt green, senescent, soil and shadow from what the user drew."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.compiled import compiled
from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.vegetation.colour import lab, luminance
from uav_workflow.vegetation.cover_methods import FOREST, Classified
from uav_workflow.vegetation.cover_sample import widened
from uav_workflow.vegetation.cover_training import CLASSES, TrainingShapes, blocks_of
from uav_workflow.vegetation.greenness import excess_green

FloatArray = NDArray[np.float32]
Ints = NDArray[np.int64]

GREEN, SENESCENT, SOIL, SHADOW = range(4)
COLOURS = ("red", "green", "blue")
FEATURES = ("l_star", "a_star", "b_star", "excess_green", "hue", "texture", "nir")
TEXTURE_PX = 5
TREES = 60
LEAST_LEAF = 5
MOST_PIXELS = 500
"""Pixels of one shape that are learnt from: a large polygon is no better witness than a small one."""
LEAST_ACCURACY = 0.8
FOREST_JSON = "cover_forest.json"
RATES = ("green_missed", "green_false", "plants_missed", "plants_false")
"""Errors that turn one side into the other on shapes held out whole; pixels in shadow are on neither."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedForest:
    """Trees as numbers, the flight's white, and how well they do on shapes they did not see.

    Attributes
    ----------
    nodes : int64 (n, 3), cuts : float64 (n,), votes : float32 (n, classes), roots : int64 (trees,)
        Feature (-1 at a leaf), left and right child of every node of every tree; class shares at its leaf.
    accuracy : mapping
        out_of_bag, grouped (shapes held out whole), confusion, miss and false of green and of all plants.
    """

    bands: tuple[str, ...]
    white: float
    nodes: Ints
    cuts: NDArray[np.float64]
    votes: FloatArray
    roots: Ints
    accuracy: Mapping[str, Json]

    @property
    def name(self) -> str:
        """Name in tables."""
        return FOREST

    @property
    def halo(self) -> int:
        """Texture looks around."""
        return TEXTURE_PX // 2

    @property
    def tells_total(self) -> bool:
        """Senescent plants are a class of their own."""
        return True

    @property
    def facts(self) -> Mapping[str, Json]:
        """Features and accuracy."""
        return {
            "method": FOREST,
            "features": list(FEATURES[: 6 + ("nir" in self.bands)]),
            "trees": len(self.roots),
            "white": self.white,
            "accuracy": dict(self.accuracy),
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """``forest-not-checked``, ``forest-weak``."""
        grouped = self.accuracy["grouped"]
        if grouped is None:
            text = "a class has one shape only: how the forest does on ground it has not seen is unknown"
            return (warning("forest-not-checked", FOREST_JSON, text, "draw at least two shapes of every class"),)
        if float(str(grouped)) < LEAST_ACCURACY:
            text = f"the forest names {float(str(grouped)):.0%} of the pixels of shapes it has not seen rightly"
            return (warning("forest-weak", FOREST_JSON, text, "draw more shapes, spread over the flight"),)
        return ()

    def classify(self, planes: FloatArray) -> Classified:
        """Cover of one block; see `cover_methods.FittedCover`."""
        seen = features(planes, self.bands, self.white)
        missing = ~np.isfinite(seen).all(axis=0)
        rows = np.ascontiguousarray(np.nan_to_num(seen).reshape(len(seen), -1).T)
        named, of_plants = _winners(rows, self.nodes, self.cuts, self.votes, self.roots)
        winner, share = named.reshape(missing.shape), of_plants.reshape(missing.shape)
        nan = np.float32(np.nan)
        hidden = missing | (winner == SHADOW)
        green = (winner == GREEN).astype(np.float32)
        miss, false = (self._rate(key) for key in ("green_missed", "green_false"))
        plants = winner <= SENESCENT
        lost, feigned = (self._rate(key) for key in ("plants_missed", "plants_false"))
        return Classified(
            green=np.where(hidden, nan, green),
            total=np.where(hidden, nan, plants.astype(np.float32)),
            shadow=np.where(missing, nan, (winner == SHADOW).astype(np.float32)),
            sd=np.where(hidden, nan, np.where(green > 0, miss, false)),
            total_sd=np.where(hidden, nan, _with_votes(np.where(plants, lost, feigned), plants, share)),
        )

    def _rate(self, key: str) -> np.float32:
        """Rate of an error on shapes held out whole; NaN where no shape could be held out."""
        rate = self.accuracy.get(key)
        return np.float32(np.nan if rate is None else float(str(rate)))

    def to_json(self) -> dict[str, Json]:
        """Everything as numbers: no version of a library stands between a saved forest and its map."""
        return {
            "classes": list(CLASSES),
            **self.facts,
            "bands": list(self.bands),
            "nodes": self.nodes.tolist(),
            "cuts": self.cuts.tolist(),
            "votes": np.round(self.votes, 5).tolist(),
            "roots": self.roots.tolist(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FittedForest:
        """Rebuild."""
        return cls(
            bands=tuple(document["bands"]),
            white=float(document["white"]),
            nodes=np.asarray(document["nodes"], np.int64),
            cuts=np.asarray(document["cuts"], np.float64),
            votes=np.asarray(document["votes"], np.float32),
            roots=np.asarray(document["roots"], np.int64),
            accuracy=document["accuracy"],
        )


def features(planes: FloatArray, bands: tuple[str, ...], white: float) -> FloatArray:
    """L*, a*, b*, excess green, hue, texture (deviation of L* in 5 x 5 pixels), and NIR where there: float32 (k, …)."""
    import cv2

    colours = planes[:3]
    missing = ~np.isfinite(planes).all(axis=0)
    l_star, a, b = lab(np.nan_to_num(colours), white)
    mean, square = (cv2.blur(each, (TEXTURE_PX, TEXTURE_PX)) for each in (l_star, l_star * l_star))
    layers = [l_star, a, b, excess_green(colours), np.arctan2(b, a), np.sqrt(np.maximum(square - mean * mean, 0))]
    if "nir" in bands:
        layers.append(planes[3] / np.float32(white))
    result = np.stack([np.asarray(layer, np.float32) for layer in layers])
    result[:, missing] = np.nan
    return result


def train_forest(source: Raster, training: TrainingShapes | None, out: Path) -> FittedForest:
    """Learn from the pixels under the user's shapes, and write cover_forest.json.

    Raises
    ------
    NotMade
        No shapes were given, they lie outside the flight, or the bands lack a colour.
    FlightDataError
        The file of shapes is wrong.
    """
    names = {band.lower(): band for band in source.bands}
    if training is None:
        raise NotMade("cover by forest: name polygons or points with classes in the recipe (cover.training)")
    if missing := [band for band in COLOURS if band not in names]:
        raise NotMade(f"cover by forest: the reflectance has no band {', '.join(missing)}")
    bands = (*COLOURS, "nir") if "nir" in names else COLOURS
    white = _white(source, tuple(names[band] for band in COLOURS))
    rows, classes, shapes = _pixels(source, training, bands, white)
    if len(set(classes)) < 2 or GREEN not in classes:
        raise NotMade(f"cover by forest: {training.path.name} has fewer than two classes with green on the flight")
    forest, accuracy = _learn(rows, classes, shapes)
    fitted = FittedForest(bands=bands, white=white, accuracy=accuracy, **_as_numbers(forest))
    (out / FOREST_JSON).write_text(json.dumps(fitted.to_json()), encoding="utf-8")
    return fitted


def _white(source: Raster, bands: tuple[str, ...]) -> float:
    """99th percentile of luminance on a lattice."""
    parts = []
    for block in source.grid.blocks():
        bright = luminance(source.read(block, bands)[:, ::7, ::7])
        parts.append(bright[np.isfinite(bright)])
    bright = np.concatenate(parts)
    if not bright.size or np.percentile(bright, 99) <= 0:
        raise NotMade("cover: the reflectance has no bright pixel, so that nothing can be told apart")
    return float(np.percentile(bright, 99))


def _pixels(
    source: Raster, training: TrainingShapes, bands: tuple[str, ...], white: float
) -> tuple[FloatArray, Ints, Ints]:
    """Features (n, k), class and shape number of the pixels under the shapes."""
    names = {band.lower(): band for band in source.bands}
    shapes, classes = training.read(source.grid)
    draw = np.random.default_rng(0)
    rows: list[FloatArray] = [np.zeros((0, 6 + ("nir" in bands)), np.float32)]
    numbers: list[Ints] = [np.zeros(0, np.int64)]
    for number, shape in enumerate(shapes):
        found = [np.zeros((0, rows[0].shape[1]), np.float32)]
        for block, inside in blocks_of(shape, source.grid):
            wide, inner = widened(block, source.grid, TEXTURE_PX // 2)
            seen = features(source.read(wide, tuple(names[band] for band in bands)), bands, white)[:, *inner]
            part = seen[:, inside].T
            found.append(part[np.isfinite(part).all(axis=1)])
        mine = np.concatenate(found)
        rows.append(mine[draw.permutation(len(mine))[:MOST_PIXELS]])
        numbers.append(np.full(len(rows[-1]), number))
    shape_of = np.concatenate(numbers)
    return np.concatenate(rows), classes[shape_of], shape_of


def _learn(rows: FloatArray, classes: Ints, shapes: Ints) -> tuple[Any, dict[str, Json]]:
    """Return the forest, and its accuracy out of bag and on shapes held out whole."""
    forest = _new(out_of_bag=True)
    with warnings.catch_warnings():
        # pixels of a class with few are drawn for nearly every tree: one that no tree left out has no say
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores", UserWarning)
        forest.fit(rows, classes)
    seen = forest.oob_decision_function_.sum(axis=1) > 0
    right = forest.classes_[forest.oob_decision_function_.argmax(axis=1)] == classes
    accuracy: dict[str, Json] = {"out_of_bag": round(float(right[seen].mean()), 4), "shapes": len(set(shapes))}
    fewest = min(len(set(shapes[classes == each])) for each in set(classes))
    if fewest < 2:
        return forest, {**accuracy, **dict.fromkeys(("grouped", "confusion", *RATES))}
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds = StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=0)
    said = cross_val_predict(_new(), rows, classes, groups=shapes, cv=folds)
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (classes, said), 1)
    lit = classes != SHADOW
    green, plants = classes == GREEN, classes <= SENESCENT
    others, soil, named = lit & ~green, lit & ~plants, said <= SENESCENT
    return forest, {
        **accuracy,
        "grouped": round(float((said == classes).mean()), 4),
        "confusion": [[int(count) for count in row] for row in confusion],
        "green_missed": round(float((said[green] != GREEN).mean()), 4),
        "green_false": round(float((said[others] == GREEN).mean()), 4) if others.any() else None,
        # a plant taken for shadow is left out of the cover, not counted as soil
        "plants_missed": round(float((said[plants] == SOIL).mean()), 4),
        "plants_false": round(float(named[soil].mean()), 4) if soil.any() else None,
    }


def _new(*, out_of_bag: bool = False) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=TREES,
        min_samples_leaf=LEAST_LEAF,
        class_weight="balanced",
        oob_score=out_of_bag,
        random_state=0,
        n_jobs=1,
    )


def _as_numbers(forest: Any) -> dict[str, Any]:
    nodes, cuts, votes, roots, first = [], [], [], [], 0
    for one in forest.estimators_:
        tree = one.tree_
        leaf = tree.children_left < 0
        children = np.stack([tree.children_left, tree.children_right], axis=1) + first
        nodes.append(np.column_stack([np.where(leaf, -1, tree.feature), children]))
        cuts.append(tree.threshold)
        shares = np.zeros((tree.node_count, len(CLASSES)), np.float32)
        value = tree.value[:, 0, :]
        shares[:, forest.classes_.astype(int)] = value / value.sum(axis=1, keepdims=True)
        votes.append(shares)
        roots.append(first)
        first += tree.node_count
    return {
        "nodes": np.concatenate(nodes).astype(np.int64),
        "cuts": np.concatenate(cuts).astype(np.float64),
        "votes": np.concatenate(votes),
        "roots": np.asarray(roots, np.int64),
    }


def _with_votes(rate: FloatArray, plants: NDArray[np.bool_], share: FloatArray) -> FloatArray:
    """Uncertainty of total cover: errors on shapes held out, and what a pixel named whole differs from its votes.

    Drawn shapes lie amid one cover; on the edges of dead plants and soil trees disagree, and their errors lean one way
    over a plot. A pixel read whole and one read by its votes are two readings: their standard deviation is the
    difference over the root of two. It is averaged over a plot without its sign.
    """
    apart = np.abs(plants - share) / np.float32(np.sqrt(2))
    return np.asarray(np.hypot(rate, apart), np.float32)


@compiled
def _winners(
    rows: FloatArray, nodes: Ints, cuts: NDArray[np.float64], votes: FloatArray, roots: Ints
) -> tuple[Ints, FloatArray]:
    """Class with the most of the trees' votes, row by row; and the share of plants in the votes that are not shadow."""
    found, share = np.zeros(rows.shape[0], np.int64), np.zeros(rows.shape[0], np.float32)
    total = np.zeros(votes.shape[1])
    for k in range(rows.shape[0]):
        total[:] = 0.0
        for t in range(roots.shape[0]):
            at = roots[t]
            while nodes[at, 0] >= 0:
                at = nodes[at, 1] if rows[k, nodes[at, 0]] <= cuts[at] else nodes[at, 2]
            for j in range(votes.shape[1]):
                total[j] += votes[at, j]
        found[k] = np.argmax(total)
        of_plants = total[GREEN] + total[SENESCENT]
        lit = of_plants + total[SOIL]
        share[k] = of_plants / lit if lit > 0 else 0.0
    return found, share
