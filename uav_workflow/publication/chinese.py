"""Chinese of what products, catalogs and fields say in English: whole phrases, and phrases with names and figures."""

from __future__ import annotations

import re

WORDS = {
    # of the products' facts
    "panel and sun sensor": "定标板与光照传感器",
    "panel": "定标板",
    "sun sensor": "光照传感器",
    "clear": "晴空",
    "haze": "薄霾",
    "overcast": "阴天",
    "broken": "碎云",
    "unknown": "无法判断",
    "leave_one_out": "留一法",
    "leave_site_out": "留一样地法",
    "spatial_blocks": "空间分块法",
    "too few placed plots to see how far neighbours are alike": "有位置的样方太少，无法判断空间自相关范围",
    "neighbouring plots are no more alike than distant ones": "相邻样方并不比远处样方更相似",
    # bands and figures
    "Blue": "蓝",
    "Green": "绿",
    "Red": "红",
    "Red edge": "红边",
    "NIR": "近红外",
    "Panchro": "全色",
    "LWIR": "热红外",
    "signal": "信号标准差",
    "noise": "噪声标准差",
    "RMSE/mean": "RMSE/均值",
    "bias": "偏差",
    # of the catalogs
    "Green vegetation cover": "绿色植被覆盖度",
    "Total vegetation cover": "植被总覆盖度",
    "Dry above-ground biomass": "地上生物量（干重）",
    "green vegetation cover": "绿色植被覆盖度",
    "total vegetation cover": "植被总覆盖度",
    "dry above-ground biomass": "地上生物量（干重）",
    "cover and biomass": "植被覆盖度和生物量",
    "ground plots": "地面样方",
    "area": "面积",
    "Samples: one row a variable and cell": "样本：每行为一个变量和一个像元",
    "Plots: drone and ground values": "样方：无人机值与地面实测值",
    "Inputs, parameters and versions of every product": "各产品的输入、参数与软件版本",
    "How the hand-over was made: inputs, parameters, versions, findings": "卫星格网产品的生成：输入、参数、版本",
    "STAC catalog over the hand-overs": "STAC总目录",
    "ISO 19115-3 metadata": "ISO 19115-3元数据",
    "ISO 19139 metadata": "ISO 19139元数据",
    "DataCite metadata": "DataCite元数据",
    # topic categories of ISO 19115
    "farming": "农业",
    "biota": "生物",
    "boundaries": "边界",
    "climatologyMeteorologyAtmosphere": "气候、气象、大气",
    "economy": "经济",
    "elevation": "高程",
    "environment": "环境",
    "geoscientificInformation": "地球科学信息",
    "health": "健康",
    "imageryBaseMapsEarthCover": "影像、底图、地表覆盖",
    "intelligenceMilitary": "情报、军事",
    "inlandWaters": "内陆水体",
    "location": "位置",
    "oceans": "海洋",
    "planningCadastre": "规划、地籍",
    "society": "社会",
    "structure": "构筑物",
    "transportation": "交通",
    "utilitiesCommunication": "公用设施、通信",
    # what to write into campaign.yaml
    "place: {en: ..., zh: ...}: the place by its English name": "place: {en: ..., zh: ...}：英文地名",
    "place: {en: ..., zh: ...}: the place by its Chinese name": "place: {en: ..., zh: ...}：中文地名",
    "description: {en: ..., zh: ...}: what was measured and why, in two or three sentences": (
        "description: {en: ..., zh: ...}：用两三句话说明观测内容与目的"
    ),
    "description: {en: ..., zh: ...}: the same in Chinese": "description: {en: ..., zh: ...}：中文简介",
    "contact: name and e-mail of who answers questions": "contact：联系人姓名与电子邮箱",
    "licence: CC-BY-4.0, or what the data may be used for": "licence：CC-BY-4.0，或数据的允许用途",
    "publisher: the data centre or institute that publishes": "publisher：发布数据的数据中心或机构",
    "citation: how the data are to be cited, with the DOI once there is one": "citation：数据引用方式，有DOI时请写明",
    "funding: [programme and grant number]": "funding：[项目名称与编号]",
    "keywords: {en: [...], zh: [...]}: theme, place, discipline": "keywords: {en: [...], zh: [...]}：主题、地点、学科",
    "keywords: {en: [...], zh: [...]}: the same in Chinese": "keywords: {en: [...], zh: [...]}：中文关键词",
    "creators: orcid of each person": "creators：每位作者的orcid",
}
"""Whole phrases."""

_PHRASES = tuple(
    (re.compile(pattern), phrase)
    for pattern, phrase in (
        # of the catalogs
        (r"STAC Item: (?P<say>.+)", "STAC条目：{say}"),
        (r"STAC Collection: (?P<say>.+)", "STAC集合：{say}"),
        (r"STAC Catalog: (?P<say>.+)", "STAC目录：{say}"),
        (r"STAC Item", "STAC条目"),
        (r"STAC Collection", "STAC集合"),
        (r"STAC Catalog", "STAC目录"),
        (r"(?P<site>.+), flight (?P<flight>\S+)", "{site}，架次{flight}"),
        (
            r"(?P<site>.+): maps on (?P<cell>\S+) m cells \((?P<grid>.+) grid\)",
            "{site}：{cell}米像元地图（{grid}格网）",
        ),
        (r"(?P<site>.+): sample table", "{site}：样本表"),
        (r"(?P<site>.+): plots", "{site}：样方表"),
        (r"(?P<site>.+): the drone's bands on cells of (?P<scene>.+)", "{site}：{scene}像元上的无人机波段"),
        (r"(?P<site>.+): (?P<say>.+) and (?P<say2>.+) on satellite grids", "{site}：卫星格网上的{say}和{say2}"),
        (r"(?P<site>.+): (?P<say>.+) on satellite grids", "{site}：卫星格网上的{say}"),
        (r"(?P<site>.+): ground plots", "{site}：地面样方"),
        (r"(?P<say>.+), (?P<cell>\S+) m cells, weighted by (?P<say2>.+)", "{say}，{cell}米像元，按{say2}加权"),
        (r"(?P<say>.+), (?P<cell>\S+) m cells", "{say}，{cell}米像元"),
        (r"Gaussian point spread, FWHM (?P<fwhm>\S+) cells", "高斯点扩散函数（半高全宽{fwhm}个像元）"),
        (r"(?P<say>.+): what to know before a cell is used", "{say}：像元使用前须知"),
        (
            r"(?P<scene>.+) regressed on the drone's bands; nothing is corrected by it",
            "{scene}与无人机波段的回归，未用于校正",
        ),
        (
            r"The drone's bands on cells of (?P<scene>.+): not the satellite's own reflectance",
            "{scene}像元上的无人机波段，并非卫星反射率",
        ),
        # of the models
        (r"(?P<n>\d+) sites", "{n}个样地"),
        (
            r"(?P<n>\d+) sites?, of at least (?P<least>\d+) needed to leave sites out",
            "{n}个样地，留一样地法至少需要{least}个",
        ),
        (
            r"neighbours are alike up to (?P<reach>\d+) m, which leaves fewer than (?P<blocks>\d+) blocks: "
            r"single plots left out look better than they are",
            "空间自相关范围达{reach}米，不足{blocks}个分块：逐个留出样方的结果偏于乐观",
        ),
        (r"blocks of (?P<reach>\d+) m, the variogram's range", "{reach}米分块（变异函数变程）"),
        (
            r"agb_dry \[g/m2\] = quantile forest of (?P<trees>\d+) trees on (?P<names>.+)",
            "agb_dry [g/m2]的分位数回归森林（{trees}棵树），预测变量：{names}",
        ),
        (r"(?P<say>.+); the search of these ended early", "{say}；超参数搜索提前终止"),
        (r"(?P<say>.+); at their bounds: (?P<say2>.+)", "{say}；达到取值边界：{say2}"),
        (r"(?P<say>.+), (?P<say2>length of \S+|signal|noise)", "{say}、{say2}"),
        (r"length of (?P<name>\S+)", "{name}的长度尺度"),
        (
            r"agb_dry \[g/m2\] = Gaussian process on (?P<say>.+): mean (?P<mean>\S+), signal sd (?P<signal>\S+), "
            r"noise sd (?P<noise>\S+), Matern 5/2",
            "agb_dry [g/m2]的高斯过程（Matérn 5/2），预测变量：{say}；"
            "均值{mean}，信号标准差{signal}，噪声标准差{noise}",
        ),
        (r"(?P<say>.+), (?P<say2>\S+ \(length \S+\))", "{say}、{say2}"),
        (r"(?P<name>\S+) \(length (?P<length>\S+)\)", "{name}（长度尺度{length}）"),
        (r"agb_dry \[g/m2\] = slope \* height_mean \[m\]", "agb_dry [g/m2] = 斜率 × height_mean [m]"),
        # a rig's two greens, and what a field of the campaign lacks
        (r"(?P<say>[A-Z][A-Za-z ]+)[- ](?P<centre>\d+)", "{say}{centre}"),
        (r"campaign\.yaml, (?P<say>.+)", "campaign.yaml，{say}"),
        (r"ORCID of (?P<name>.+)", "{name}的ORCID"),
    )
)
"""Phrases with something in them: a group called ``say`` is put into Chinese too, names and figures stay."""


def chinese(text: str) -> str:
    """A phrase of ours in Chinese; anything else as it is."""
    if text in WORDS:
        return WORDS[text]
    for pattern, phrase in _PHRASES:
        if found := pattern.fullmatch(text):
            groups = found.groupdict()
            told = {name: chinese(part) if name.startswith("say") else part for name, part in groups.items()}
            return phrase.format(**told)
    return text


def chinese_notes(text: str) -> str:
    """Notes joined by semicolons, each in Chinese."""
    return "；".join(chinese(part) for part in text.split("; "))


def said(text: str, language: int) -> str:
    """A phrase in a language (0 English, 1 Chinese)."""
    return chinese(text) if language else text
