"""Variables in words: what a reader who knows only the published folder is told of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A variable; of every pair the first is English, the second Chinese.

    Attributes
    ----------
    unit : str
        As tables and maps have it; ``1`` of shares.
    """

    names: tuple[str, str]
    unit: str
    meaning: tuple[str, str]


THEMES = {
    "fvc_green": Theme(
        names=("green vegetation cover", "绿色植被覆盖度"),
        unit="1",
        meaning=(
            "share of the ground, seen from above, that green vegetation covers; ground in shadow is left out",
            "垂直俯视时绿色植被所占地面比例；阴影区不计",
        ),
    ),
    "fvc_total": Theme(
        names=("total vegetation cover", "植被总覆盖度"),
        unit="1",
        meaning=(
            "share of the ground, seen from above, that green or senescent vegetation covers",
            "垂直俯视时绿色及枯黄植被所占地面比例",
        ),
    ),
    "agb_dry": Theme(
        names=("above-ground biomass", "地上生物量"),
        unit="g/m2",
        meaning=("dry matter of the plants above the ground", "单位面积植物地上部分干重"),
    ),
    "height_mean": Theme(
        names=("canopy height", "植被冠层高度"),
        unit="m",
        meaning=(
            "mean height of the surface above the terrain, bare ground included",
            "地表面模型与地形之差的平均值，含裸地",
        ),
    ),
}
"""Variables that titles, pages and forms have words for."""

BANDS_ZH = {
    "value": "有效像元按面积（或点扩散函数）加权的平均值",
    "sd_within": "格网内像元的标准差",
    "coverage_fraction": "格网内有效像元面积比例",
    "n": "中心落入格网的有效像元数",
    "p10": "格网内像元的第10百分位数",
    "p90": "格网内像元的第90百分位数",
    "shadow_fraction": "阴影面积比例，不计入有效面积",
    "missing_fraction": "既无有效像元又非阴影的面积比例",
    "model_sd": "格网值的模型标准差；同一样地共有的误差不因平均而减小",
    "flagged_fraction": "带有生物量模型质量标记的面积比例",
}
"""Meaning of the bands of a cell map, beside the English one of the hand-over."""


def topics_of(variables: Iterable[str]) -> tuple[str, ...]:
    """Topic categories of ISO 19115 that vegetation variables stand for; without any, the pictures themselves."""
    return ("biota", "imageryBaseMapsEarthCover") if set(variables) & THEMES.keys() else ("imageryBaseMapsEarthCover",)


def named(variable: str, language: int) -> str:
    """Name of a variable in a language (0 English, 1 Chinese); its code where there are no words."""
    return THEMES[variable].names[language] if variable in THEMES else variable
