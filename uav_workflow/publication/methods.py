"""How a flight's numbers came about, in English and Chinese sentences with the figures that were used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from uav_workflow.domain.product import Product
from uav_workflow.publication.record import Method

Facts = Mapping[str, Any]
Pair = tuple[str, str]

_COVER = {
    "a_star_otsu": (
        "one threshold of CIELAB a* for the whole flight (Otsu 1979)",
        "CIELAB a*全航次统一阈值（Otsu 1979）",
    ),
    "ndvi_otsu": ("one threshold of NDVI for the whole flight (Otsu 1979)", "NDVI全航次统一阈值（Otsu 1979）"),
    "gli_otsu": ("one threshold of GLI for the whole flight (Otsu 1979)", "GLI全航次统一阈值（Otsu 1979）"),
    "a_star_hagfvc": ("the outer halves of two Gaussians of CIELAB a* (Li 2018)", "CIELAB a*双半高斯模型（Li 2018）"),
    "exgr": ("excess green minus excess red above 0 (Meyer & Neto 2008)", "超绿减超红大于0（Meyer & Neto 2008）"),
    "a_star_dimidiate": ("mixing of CIELAB a* between two end members", "CIELAB a*像元二分模型"),
    "ndvi_dimidiate": ("mixing of NDVI between two end members", "NDVI像元二分模型"),
    "forest": ("a random forest trained on shapes that were drawn", "以人工勾绘样本训练的随机森林"),
}
_TERMS = {
    "panel and sun sensor": "定标板与光照传感器",
    "panel": "定标板",
    "sun sensor": "光照传感器",
    "clear": "晴空",
    "haze": "薄霾",
    "overcast": "阴天",
    "broken": "碎云",
    "leave_one_out": "留一法",
    "leave_one_site_out": "留一样地法",
    "leave_site_out": "留一样地法",
}
"""Words of the products' facts in Chinese; others stay as they are."""


def methods_of(flight_id: str, made: Mapping[str, Product]) -> list[Method]:
    """What was done to a flight, in the order of the data flow."""
    found = []
    for kind, write in _WRITERS.items():
        if kind in made and made[kind].not_made is None:
            said = list(write(made[kind].facts))
            if said:
                english, chinese = zip(*said, strict=True)
                text = (" ".join(english), "".join(chinese))
                found.append(Method(flight_id=flight_id, kind=kind, text=text))
    return found


def _calibration(facts: Facts) -> Iterator[Pair]:
    bands = [band for band in facts.get("bands") or () if isinstance(band, dict)]
    bases = dict.fromkeys(str(band["basis"]) for band in bands if band.get("basis"))
    if bases:
        yield (
            f"Photos were calibrated to {facts.get('quantity')} by {', '.join(bases)}.",
            f"照片定标依据：{'、'.join(_chinese(base) for base in bases)}。",
        )
    sky = (facts.get("sky") or {}).get("kind")
    if sky:
        yield f"The sky was {sky}.", f"天空状况：{_chinese(sky)}。"
    sure = [(band.get("relative_uncertainty") or {}).get("combined") for band in bands]
    known = [100 * value for value in sure if isinstance(value, float)]
    if known:
        low, high = f"{min(known):.2g}", f"{max(known):.2g}"
        span = low if low == high else f"{low} – {high}"
        yield f"Relative standard uncertainty of a band: {span} %.", f"各波段相对标准不确定度：{span}%。"


def _photogrammetry(facts: Facts) -> Iterator[Pair]:
    if facts.get("total"):
        placed, total = facts.get("registered"), facts["total"]
        yield f"Structure from motion placed {placed} of {total} captures.", f"空三定位{total}次曝光中的{placed}次。"
    count = (facts.get("control_points") or {}).get("n")
    if facts.get("control_points_used"):
        yield f"The block stands on {count} ground control points.", f"采用{count}个地面控制点。"
    else:
        yield (
            "The block stands on the photos' own positions, without ground control.",
            "依据照片自带位置，未用地面控制点。",
        )
    checks = facts.get("check_points") or {}
    if checks.get("n") and checks.get("rmse_h_m") is not None and checks.get("rmse_z_m") is not None:
        n, h, z = checks["n"], 100 * checks["rmse_h_m"], 100 * checks["rmse_z_m"]
        yield (
            f"{n} check points: RMSE {h:.1f} cm horizontal, {z:.1f} cm vertical.",
            f"{n}个检查点的均方根误差：平面{h:.1f}厘米，高程{z:.1f}厘米。",
        )
    else:
        yield "No check point says how far the block lies from the ground's true place.", "无检查点，绝对定位精度未知。"


def _reflectance(facts: Facts) -> Iterator[Pair]:
    if facts.get("quantity") == "reflectance":
        yield "Values of the mosaic are reflectance, 0 – 1.", "镶嵌影像的像元值为反射率（0–1）。"
    elif facts.get("quantity"):
        yield (
            "Values of the mosaic are relative to the photos' own light: they are no reflectance.",
            "镶嵌影像的像元值为相对值，不是反射率。",
        )


def _cover(facts: Facts) -> Iterator[Pair]:
    method = str(facts.get("method", ""))
    words = _COVER.get(method.removesuffix("_mixed").removesuffix("_pure"))
    if words:
        yield f"Green and other ground were told apart by {words[0]}.", f"绿色与非绿色的区分方法：{words[1]}。"
    elif method:
        yield f"Method: {method}.", f"方法：{method}。"
    if facts.get("reading") == "mixed":
        yield "Pixels were read as mixtures of two end members.", "像元按两端元混合解译。"
    shadow = facts.get("shadow_share")
    if isinstance(shadow, float):
        yield f"Ground in shadow ({shadow:.1%}) is missing, not bare.", f"阴影区（{shadow:.1%}）作缺测处理。"


def _height(facts: Facts) -> Iterator[Pair]:
    if facts.get("terrain_given"):
        yield "Surface minus a terrain model that was given.", "地表面模型减去外部提供的地形模型。"
    else:
        yield "Surface minus the terrain model of the same flight.", "地表面模型减去同航次地形模型。"


def _biomass(facts: Facts) -> Iterator[Pair]:
    card = facts.get("model") or {}
    if card.get("formula"):
        yield f"{card['formula']}.", f"模型：{card['formula']}。"
    if card.get("n"):
        yield f"Fitted on {card['n']} harvested plots.", f"由{card['n']}个收获样方拟合。"
    if card.get("validated_by"):
        by, note = str(card["validated_by"]), card.get("validation_note")
        reason = f" ({note})" if note else ""
        yield f"Tested by {by.replace('_', ' ')}{reason}.", f"检验方法：{_chinese(by)}{f'（{note}）' if note else ''}。"


def _match(_: Facts) -> Iterator[Pair]:
    yield (
        "Of several observations of a plot the one nearest to the flight was taken; biomass is compared by predictions "
        "made without the plot and its group.",
        "同一样方有多次观测时取距飞行时间最近者；生物量比较采用未使用该样方及其所在组的预测值。",
    )


def _chinese(word: str) -> str:
    return _TERMS.get(word, word)


_WRITERS: Mapping[str, Callable[[Facts], Iterator[Pair]]] = {
    "calibrated_captures": _calibration,
    "reconstruction": _photogrammetry,
    "reflectance": _reflectance,
    "cover": _cover,
    "canopy_height": _height,
    "biomass": _biomass,
    "match": _match,
}
