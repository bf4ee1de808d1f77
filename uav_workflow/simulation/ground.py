"""The ground survey: plots laid out, looked at and cut, each with the errors people and instruments make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.materials import GREEN, Cover, cover_table, density_table
from uav_workflow.simulation.noise import field
from uav_workflow.simulation.painting import UNIT_M
from uav_workflow.simulation.scene import MATERIAL, Scene

FloatArray = NDArray[np.float64]

SIDE_M = 1.0
HARVEST_M2 = 0.5
"""The half of the plot that is cut, in every second strip of `STRIP_M`."""
STRIP_M = 0.125
COVER_RANGE = (0.03, 0.95)
POSITION_SD_M = 0.03
COVER_SD = 0.05
HEIGHT_SD_M = 0.006
HEIGHT_SHARE_SD = 0.05
HARVEST_SHARE_SD = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePlot:
    """A plot as it is.

    Attributes
    ----------
    corners : (4, 2) float64
        Metres from the site's centre, counter-clockwise.
    height_mean : float
        Mean height of green plants above the ground over the whole plot, bare ground counted as 0, metres.
    height_vegetated, height_p95 : float
        Mean and 95th percentile where green plants stand.
    agb_dry : float
        g/m2 of the whole plot; `agb_harvest` of the half that is cut.
    """

    plot_id: str
    corners: FloatArray
    fvc_green: float
    fvc_total: float
    height_mean: float
    height_vegetated: float
    height_p95: float
    agb_dry: float
    agb_harvest: float
    harvested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyedPlot:
    """A plot as the field book has it: corners with a position error, values with theirs."""

    plot_id: str
    corners: FloatArray
    fvc_green: float
    height_mean: float
    agb_dry: float | None


def biomass_of(
    material: NDArray[np.uint8], height: NDArray[np.uint16], x: FloatArray, y: FloatArray, seed: int
) -> NDArray[np.float32]:
    """Dry mass of texels, g/m2: canopy volume by type density, denser or looser from place to place."""
    local = 1.0 + 0.16 * field(x, y, 2.8, seed * 7 + 31) + 0.08 * field(x, y, 0.6, seed * 7 + 32)
    mass = density_table()[material] * (height * np.float32(UNIT_M)) * local.astype(np.float32)
    return np.asarray(mass, np.float32)


def lay_plots(
    scene: Scene,
    cover: FloatArray,
    cell_m: float,
    *,
    count: int,
    harvested: int,
    within: tuple[float, float],
    seed: int,
) -> list[TruePlot]:
    """Choose plots that span the site's cover evenly and measure them without error.

    Parameters
    ----------
    cover : (rows, columns)
        True fvc_green on cells of ``cell_m`` over the scene's bounds.
    within : (width, height)
        Metres around the centre in which plots lie.
    """
    rng = np.random.default_rng((seed, 61))
    candidates = rng.uniform(-0.5, 0.5, (4000, 2)) * np.maximum(np.asarray(within) - SIDE_M, 0.1)
    rough = np.array([_box_mean(scene, cover, cell_m, place) for place in candidates])
    free = np.ones(len(candidates), bool)
    chosen: list[int] = []
    wanted = np.linspace(*COVER_RANGE, count) if count > 1 else np.array([0.5])
    for target in sorted(wanted, key=lambda value: -abs(value - 0.5)):
        if not free.any():
            break
        best = int(np.argmin(np.where(free, np.abs(rough - target), np.inf)))
        chosen.append(best)
        free &= np.linalg.norm(candidates - candidates[best], axis=1) > 1.5 * SIDE_M
    chosen.sort(key=lambda index: (candidates[index][0], candidates[index][1]))
    turns = rng.uniform(0, 90, len(chosen))
    plots = [
        _measure(scene, f"P{index + 1:02d}", candidates[place], float(turns[index]))
        for index, place in enumerate(chosen)
    ]
    cut = _spread([plot.height_mean for plot in plots], harvested)
    return [replace(plot, harvested=index in cut) for index, plot in enumerate(plots)]


def _spread(values: Sequence[float], count: int) -> set[int]:
    """Indexes of values that span their range evenly: a team cuts short and tall plots alike."""
    free = dict(enumerate(values))
    for target in np.linspace(min(values), max(values), min(count, len(values))):
        free.pop(min(free, key=lambda index: abs(free[index] - target)))
    return set(range(len(values))) - set(free)


def survey(plots: Sequence[TruePlot], seed: int) -> list[SurveyedPlot]:
    """What the field team wrote down."""
    rng = np.random.default_rng((seed, 67))
    rows = []
    for plot in plots:
        shift = rng.normal(0, POSITION_SD_M, 2)
        looked = plot.fvc_green + float(rng.normal(0, COVER_SD)) * 4 * plot.fvc_green * (1 - plot.fvc_green)
        ruler = plot.height_mean * (1 + float(rng.normal(0, HEIGHT_SHARE_SD))) + float(rng.normal(0, HEIGHT_SD_M))
        scale = plot.agb_harvest * (1 + float(rng.normal(0, HARVEST_SHARE_SD)))
        rows.append(
            SurveyedPlot(
                plot_id=plot.plot_id,
                corners=plot.corners + shift,
                fvc_green=round(min(1.0, max(0.0, looked)), 2),
                height_mean=round(max(0.0, ruler), 3),
                agb_dry=round(max(0.0, scale), 1) if plot.harvested else None,
            )
        )
    return rows


def _box_mean(scene: Scene, cover: FloatArray, cell_m: float, place: FloatArray) -> float:
    x_min, _, _, y_max = scene.bounds
    row, col = round((y_max - place[1] - SIDE_M / 2) / cell_m), round((place[0] - SIDE_M / 2 - x_min) / cell_m)
    side = round(SIDE_M / cell_m)
    box = cover[max(row, 0) : row + side, max(col, 0) : col + side]
    return float(box.mean()) if box.size else math.nan


def _measure(scene: Scene, plot_id: str, centre: FloatArray, turn_deg: float) -> TruePlot:
    angle = math.radians(turn_deg)
    u = np.array([math.cos(angle), math.sin(angle)])
    v = np.array([-math.sin(angle), math.cos(angle)])
    half = SIDE_M / 2
    corners = np.array([centre + half * (a * u + b * v) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    texel = scene.spec.texel_m
    first_c = math.floor(corners[:, 0].min() / texel) - scene.col0
    last_c = math.ceil(corners[:, 0].max() / texel) - scene.col0
    first_r = math.floor(-corners[:, 1].max() / texel) - scene.row0
    last_r = math.ceil(-corners[:, 1].min() / texel) - scene.row0
    window = (slice(first_r, last_r), slice(first_c, last_c))
    y, x = np.meshgrid(
        -(np.arange(first_r, last_r) + scene.row0 + 0.5) * texel,
        (np.arange(first_c, last_c) + scene.col0 + 0.5) * texel,
        indexing="ij",
    )
    along, across = (x - centre[0]) * u[0] + (y - centre[1]) * u[1], (x - centre[0]) * v[0] + (y - centre[1]) * v[1]
    inside = (np.abs(along) <= half) & (np.abs(across) <= half)
    material, height = scene.looks[(*window, MATERIAL)], scene.height[window]
    classes = cover_table()[material]
    green = np.isin(classes, GREEN) & inside
    tall = height * UNIT_M
    mass = biomass_of(material, height, x, y, scene.spec.seed)
    cut = inside & (np.floor((along + half) / STRIP_M) % 2 == 0)
    total = inside & ~np.isin(classes, (Cover.SOIL, Cover.STONE))
    return TruePlot(
        plot_id=plot_id,
        corners=corners,
        fvc_green=float(green.sum() / inside.sum()),
        fvc_total=float(total.sum() / inside.sum()),
        height_mean=float((tall * green).sum() / inside.sum()),
        height_vegetated=float(tall[green].mean()) if green.any() else 0.0,
        height_p95=float(np.percentile(tall[green], 95)) if green.any() else 0.0,
        agb_dry=float(mass[inside].mean()),
        agb_harvest=float(mass[cut].mean()),
        harvested=False,
    )
