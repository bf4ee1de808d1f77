"""Names of the methods in the plot tables in words, English and Chinese."""

from __future__ import annotations

Pair = tuple[str, str]

COVER: dict[str, Pair] = {
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
"""How green and other ground are told apart."""

PLANTS: dict[str, Pair] = {
    "graminoid": ("graminoid", "禾草类"),
    "shrub": ("shrub", "灌木"),
    "forb": ("forb", "杂类草"),
    "fern": ("fern", "蕨类"),
    "succulent": ("succulent", "肉质植物"),
    "tree": ("tree", "乔木"),
}
"""Plants of the published lines from height to biomass."""

OTHERS: dict[str, Pair] = {
    "dsm_minus_dtm": ("surface minus terrain", "地表面减地形"),
    "linear_height": ("line on height", "高度线性模型"),
    "log_log_height": ("power of height", "高度幂函数模型"),
    "height_cover": ("line on height times cover", "高度与覆盖度乘积线性模型"),
    "height_cover_index": ("height times cover, and an index", "高度、覆盖度与植被指数模型"),
    "gaussian_process": ("Gaussian process", "高斯过程"),
    "quantile_forest": ("quantile regression forest", "分位数回归森林"),
}


def method_name(method: str, language: int) -> str:
    """A method in words of a language (0 English, 1 Chinese); empty where there are none."""
    base = method.partition(":")[0]
    mixed = base.endswith("_mixed")
    base = base.removesuffix("_mixed").removesuffix("_pure")
    plant = PLANTS.get(base.removeprefix("allometry_"))
    if plant is not None and base.startswith("allometry_"):
        return (f"published line of {plant[0]} plants", f"已发表的{plant[1]}高度–生物量关系")[language]
    words = (COVER | OTHERS).get(base)
    if words is None:
        return ""
    return words[language] + (("; pixels as mixtures", "；像元按混合解译")[language] if mixed else "")
