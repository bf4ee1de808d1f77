"""The data page in English and Chinese, of one template, with the fields a data centre reviews."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from uav_workflow.publication.record import Record, Verdict
from uav_workflow.publication.titles import abstracts

ENGLISH = {
    "untitled": "No title: the place is not known",
    "missing": "Not yet filled in",
    "abstract": "Abstract",
    "place": "Place",
    "period": "Period (UTC)",
    "bbox": "Extent",
    "sides": "west, south, east, north",
    "crs": "Coordinate system",
    "resolution": "Resolution",
    "keywords": "Keywords",
    "creators": "Creators",
    "contact": "Contact",
    "licence": "Licence",
    "citation": "Citation",
    "funding": "Funding",
    "size": "Size",
    "files": "files",
    "flights": "Flights",
    "flight": "Flight",
    "site": "Site",
    "time": "Time (UTC)",
    "sensor": "Sensor",
    "captures": "Captures",
    "variables": "Variables",
    "quality": "Quality",
    "form": "quality form",
    "variable": "Variable",
    "method": "Method",
    "sites": "Sites",
    "bias": "Bias",
    "unvalidated": "Nothing was compared with ground measurements.",
    "lineage": "Lineage",
    "product": "Product",
    "made_of": "Made of",
    "made": "Made (UTC)",
    "data": "Data",
    "file": "File",
    "bytes": "Bytes",
    "passed": "passed",
    "failed": "failed",
    "waived": "waived",
    "not made": "not made",
}
CHINESE = {
    "untitled": "暂无标题：未填写地点",
    "missing": "尚未填写的字段",
    "abstract": "摘要",
    "place": "地点",
    "period": "时间范围（UTC）",
    "bbox": "空间范围",
    "sides": "西、南、东、北",
    "crs": "坐标系",
    "resolution": "空间分辨率",
    "keywords": "关键词",
    "creators": "作者",
    "contact": "联系方式",
    "licence": "使用许可",
    "citation": "引用方式",
    "funding": "资助项目",
    "size": "数据量",
    "files": "个文件",
    "flights": "飞行架次",
    "flight": "架次",
    "site": "样地",
    "time": "时间（UTC）",
    "sensor": "传感器",
    "captures": "曝光次数",
    "variables": "变量",
    "quality": "数据质量",
    "form": "质量检查表",
    "variable": "变量",
    "method": "方法",
    "sites": "样地数",
    "bias": "偏差",
    "unvalidated": "尚未与地面实测值比较。",
    "lineage": "数据处理过程",
    "product": "产品",
    "made_of": "来源",
    "made": "生成时间（UTC）",
    "data": "数据文件",
    "file": "文件",
    "bytes": "字节数",
    "passed": "通过",
    "failed": "未通过",
    "waived": "豁免",
    "not made": "未检查",
}


def write_pages(record: Record, out: Path) -> list[Path]:
    """Write index.html (English) and index_zh.html (Chinese); what the record lacks is a dash, and listed on top."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files("uav_workflow.publication").joinpath("templates/page.html").read_text("utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    cells = sorted({cell for flight in record.flights for cell in flight.cells_m})
    shared = {
        "record": record,
        "crs": ", ".join(dict.fromkeys(flight.crs for flight in record.flights)),
        "resolution": ", ".join(f"{cell:g} m" for cell in cells),
        "verdicts": [(verdict.value, sum(check.verdict is verdict for check in record.checks)) for verdict in Verdict],
    }
    english, chinese = abstracts(record)
    campaign = record.campaign
    pages = (
        ("index.html", "en", ENGLISH, record.title, english, campaign.place),
        ("index_zh.html", "zh", CHINESE, record.title_zh, chinese, campaign.place_zh),
    )
    for name, language, say, title, abstract, place in pages:
        own = {"language": language, "say": say, "title": title, "abstract": abstract, "place": place}
        (out / name).write_text(template.render(shared | own), encoding="utf-8")
    return [out / name for name, *_ in pages]
