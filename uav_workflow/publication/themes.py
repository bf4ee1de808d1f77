"""Variables in words: what a reader who knows only the published folder is told of each."""

from __future__ import annotations

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


def named(variable: str, language: int) -> str:
    """Name of a variable in a language (0 English, 1 Chinese); its code where there are no words."""
    return THEMES[variable].names[language] if variable in THEMES else variable
