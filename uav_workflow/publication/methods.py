"""How a flight's numbers came about, in English and Chinese sentences with the figures that were used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from uav_workflow.domain.product import Product
from uav_workflow.publication.chinese import chinese, chinese_notes
from uav_workflow.publication.method_names import COVER, PLANTS
from uav_workflow.publication.record import Method

Facts = Mapping[str, Any]
Pair = tuple[str, str]


def methods_of(flight_id: str, made: Mapping[str, Product]) -> list[Method]:
    """What was done to a flight, in the order of the data flow."""
    found = []
    for kind, write in _WRITERS.items():
        if kind in made and made[kind].not_made is None:
            said = list(write(_facts(kind, made)))
            if said:
                sentences = list(zip(*said, strict=True))
                text = (" ".join(sentences[0]), "".join(sentences[1]))
                found.append(Method(flight_id=flight_id, kind=kind, text=text))
    return found


def _facts(kind: str, made: Mapping[str, Product]) -> Facts:
    """Facts of a product; of the block also whether the node had positions beside the photos' tags."""
    facts = made[kind].facts
    if kind != "reconstruction" or "node_task" not in made:
        return facts
    rows = made["node_task"].manifest.get("inputs") or ()
    roles = {row.get("role") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    return {**facts, "positions_given": "positions" in roles}


def _calibration(facts: Facts) -> Iterator[Pair]:
    bands = [band for band in facts.get("bands") or () if isinstance(band, dict)]
    bases = dict.fromkeys(str(band["basis"]) for band in bands if band.get("basis"))
    if set(bases) == {"none"}:
        yield (
            "Neither a calibration panel nor a sun sensor was there: numbers are relative.",
            "无定标板和光照传感器，数值为相对值。",
        )
    elif bases:
        yield (
            f"Photos were calibrated to {facts.get('quantity')} by {', '.join(bases)}.",
            f"照片定标依据：{'、'.join(chinese(base) for base in bases)}。",
        )
    sky = (facts.get("sky") or {}).get("kind")
    if sky:
        kind = "not told by the data" if sky == "unknown" else sky
        yield f"The sky was {kind}.", f"天空状况：{chinese(sky)}。"
    if span := _span([(band.get("relative_uncertainty") or {}).get("combined") for band in bands]):
        yield f"Relative standard uncertainty of the light: {span} %.", f"各波段光照定标的相对标准不确定度：{span}%。"


def _span(shares: Sequence[object]) -> str:
    """Smallest to largest of the known ones, in per cent; empty when none is."""
    known = [100 * share for share in shares if isinstance(share, float)]
    if not known:
        return ""
    low, high = f"{min(known):.2g}", f"{max(known):.2g}"
    return low if low == high else f"{low} – {high}"


def _photogrammetry(facts: Facts) -> Iterator[Pair]:
    if facts.get("total"):
        placed, total = facts.get("registered"), facts["total"]
        yield f"Structure from motion placed {placed} of {total} captures.", f"空三定位{total}次曝光中的{placed}次。"
    count = (facts.get("control_points") or {}).get("n")
    if facts.get("control_points_used"):
        yield f"The block stands on {count} ground control points.", f"采用{count}个地面控制点。"
    elif facts.get("positions_given"):
        yield (
            "The block stands on positions given beside the photos (RTK or post-processed), without ground control.",
            "依据随照片提供的定位数据（RTK或后处理），未用地面控制点。",
        )
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
    rows = [row for row in facts.get("uncertainty") or () if isinstance(row, dict)]
    if span := _span([row.get("typical") for row in rows]):
        yield (
            f"Relative standard uncertainty of a band at its mean pixel, light and views together: {span} %.",
            f"各波段平均像元的相对标准不确定度（含光照与观测角度）：{span}%。",
        )


def _cover(facts: Facts) -> Iterator[Pair]:
    method = str(facts.get("method", ""))
    words = COVER.get(method.removesuffix("_mixed").removesuffix("_pure"))
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
        yield f"{card['formula']}.", f"模型：{chinese(str(card['formula']))}。"
    if card.get("plant_type") in PLANTS:
        yield from _published_line(card)
    if card.get("n"):
        yield f"Fitted on {card['n']} harvested plots.", f"由{card['n']}个收获样方拟合。"
    if card.get("validated_by"):
        by, note = str(card["validated_by"]), card.get("validation_note")
        reason = f" ({note})" if note else ""
        yield (
            f"Tested by {by.replace('_', ' ')}{reason}.",
            f"检验方法：{chinese(by)}{f'（{chinese_notes(str(note))}）' if note else ''}。",
        )


def _published_line(card: Facts) -> Iterator[Pair]:
    """An allometry has no harvests of its own: whose it is, and how far single plots lie off it."""
    plant, numbers = PLANTS[card["plant_type"]], card.get("parameters") or {}
    slope, off, source = numbers.get("slope"), numbers.get("rmse"), card.get("source")
    yield (
        f"It is the published line of {plant[0]} plants, not fitted here: slope {slope} g/m2 a metre, RMSE of single "
        f"plots {off} g/m2 ({source}).",
        f"采用已发表的{plant[1]}关系，未用本地样本拟合："
        f"斜率每米{slope} g/m2，单个样方均方根误差{off} g/m2（{source}）。",
    )


def _match(_: Facts) -> Iterator[Pair]:
    yield (
        "Of several observations of a plot the one nearest to the flight was taken; biomass is compared by predictions "
        "made without the plot and its group.",
        "同一样方有多次观测时取距飞行时间最近者；生物量比较采用未使用该样方及其所在组的预测值。",
    )


_WRITERS: Mapping[str, Callable[[Facts], Iterator[Pair]]] = {
    "calibrated_captures": _calibration,
    "reconstruction": _photogrammetry,
    "reflectance": _reflectance,
    "cover": _cover,
    "canopy_height": _height,
    "biomass": _biomass,
    "match": _match,
}
