"""The data page answers what a reader asks who knows only the published folder, in English and Chinese."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import format_records as records
import pytest
from lxml import html

from uav_workflow.domain.product import Product
from uav_workflow.handover.cells import BANDS
from uav_workflow.publication import licences
from uav_workflow.publication.methods import methods_of
from uav_workflow.publication.page import write_pages
from uav_workflow.publication.record import Method, Record
from uav_workflow.publication.themes import BANDS_ZH, THEMES
from uav_workflow.publication.words import CHINESE, ENGLISH


def record_of_cover(root: Path) -> Record:
    record = records.full(root)
    flights = tuple(replace(flight, variables=("fvc_green", "agb_dry")) for flight in record.flights)
    row = replace(record.validations[0], variable="fvc_green", figures={"rmse": 0.06, "pi90_coverage": 0.85})
    return replace(record, flights=flights, validations=(row,))


def pages(record: Record, out: Path) -> list[str]:
    found = [html.fromstring(path.read_bytes()).xpath("//body//text()") for path in write_pages(record, out)]
    return [" ".join(" ".join(texts).split()) for texts in found]


@pytest.mark.parametrize(
    "answer",
    [
        ("green vegetation cover fvc_green 1 share of the ground,", "绿色植被覆盖度 fvc_green 1 垂直俯视"),
        ("above-ground biomass agb_dry g/m2", "地上生物量 agb_dry g/m2"),
        ("WGS 84 / UTM zone 31N (EPSG:32631)", "WGS 84 / UTM zone 31N (EPSG:32631)"),
        ("2025-07-05 10:00:00 – 2025-07-06 11:00:00", "2025-07-05 10:00:00 – 2025-07-06 11:00:00"),
        ("EarthCover (ISO 19115), by default, from the variables", "EarthCover (ISO 19115), 未填写时由变量推定"),
        ("calibration Photos were calibrated.", "辐射定标 照片已定标。"),
        ("85 %", "85 %"),
        ("numpy 2.4.6, scipy 1.17.1", "numpy 2.4.6, scipy 1.17.1"),
        (f"coverage_fraction {BANDS['coverage_fraction']}", f"coverage_fraction {BANDS_ZH['coverage_fraction']}"),
        ("samples.csv Samples 7", "samples.csv Samples 7"),
        ("5.0 cm", "5.0 cm"),
    ],
)  # fmt: skip
def test_what_where_when_how_and_how_well(tmp_path: Path, answer: tuple[str, str]) -> None:
    method = Method(
        flight_id="20250705_one", kind="calibrated_captures", text=("Photos were calibrated.", "照片已定标。")
    )
    english, chinese = pages(replace(record_of_cover(tmp_path), methods=(method,)), tmp_path)
    assert answer[0] in english
    assert answer[1] in chinese


def test_the_licence_is_a_link_where_its_address_is_known(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    said = write_pages(record, tmp_path)[0].read_text("utf-8")
    assert '<a href="https://spdx.org/licenses/CC-BY-4.0.html">CC-BY-4.0</a>' in said
    own = replace(record, campaign=replace(record.campaign, licence="ask us first"))
    assert "<td>ask us first</td>" in write_pages(own, tmp_path)[0].read_text("utf-8")


@pytest.mark.parametrize(
    ("licence", "address"),
    [
        ("CC0-1.0", "https://spdx.org/licenses/CC0-1.0.html"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("CC-BY-9.9", None),
        (None, None),
    ],
)
def test_no_address_is_made_up(licence: str | None, address: str | None) -> None:
    assert licences.address(licence) == address


def test_chinese_words_of_the_campaign_come_first_on_the_chinese_page(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    own = replace(record.campaign, description_zh="草甸的覆盖度。", keywords_zh=("植被",), topics=("farming",))
    english, chinese = pages(replace(record, campaign=own), tmp_path)
    assert "草甸的覆盖度。" in chinese
    assert "植被 作者" in chinese
    assert "vegetation, drone" in english
    assert "vegetation, drone" not in chinese
    assert "farming (ISO 19115) Keywords" in english


def test_an_unknown_zone_is_said(tmp_path: Path) -> None:
    record = records.full(tmp_path)
    unknown = replace(record, flights=tuple(replace(flight, zone_known=False) for flight in record.flights))
    assert [ENGLISH["zone_unknown"] in pages(one, tmp_path)[0] for one in (record, unknown)] == [False, True]


def test_both_languages_have_the_same_words() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    assert ENGLISH["kinds"].keys() == CHINESE["kinds"].keys()  # type: ignore[attr-defined]
    assert BANDS.keys() == BANDS_ZH.keys()
    assert all(len(theme.names) == len(theme.meaning) == 2 for theme in THEMES.values())


def made(kind: str, facts: dict[str, object]) -> dict[str, Product]:
    return {kind: Product(kind=kind, fingerprint="f", path=Path(), manifest={"facts": facts})}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("kind", "facts", "english", "chinese"),
    [
        (
            "calibrated_captures",
            {
                "quantity": "reflectance",
                "sky": {"kind": "clear"},
                "bands": [{"basis": "panel and sun sensor", "relative_uncertainty": {"combined": 0.05}}],
            },
            "Photos were calibrated to reflectance by panel and sun sensor. The sky was clear. "
            "Relative standard uncertainty of the light: 5 %.",
            "照片定标依据：定标板与光照传感器。天空状况：晴空。各波段光照定标的相对标准不确定度：5%。",
        ),
        (
            "reconstruction",
            {"registered": 9, "total": 10, "check_points": {"n": 4, "rmse_h_m": 0.02, "rmse_z_m": 0.03}},
            "Structure from motion placed 9 of 10 captures. The block stands on the photos' own positions, without "
            "ground control. 4 check points: RMSE 2.0 cm horizontal, 3.0 cm vertical.",
            "空三定位10次曝光中的9次。依据照片自带位置，未用地面控制点。4个检查点的均方根误差：平面2.0厘米，高程3.0厘米。",
        ),
        (
            "reflectance",
            {"quantity": "relative"},
            "Values of the mosaic are relative to the photos' own light: they are no reflectance.",
            "镶嵌影像的像元值为相对值，不是反射率。",
        ),
        (
            "reflectance",
            {"quantity": "reflectance", "uncertainty": [{"typical": 0.0727}, {"typical": 0.094}, {"typical": None}]},
            "Values of the mosaic are reflectance, 0 – 1. Relative standard uncertainty of a band at its mean pixel, "
            "light and views together: 7.3 – 9.4 %.",
            "镶嵌影像的像元值为反射率（0–1）。各波段平均像元的相对标准不确定度（含光照与观测角度）：7.3 – 9.4%。",
        ),
        (
            "cover",
            {"method": "a_star_otsu_mixed", "reading": "mixed", "shadow_share": 0.021},
            "Green and other ground were told apart by one threshold of CIELAB a* for the whole flight (Otsu 1979). "
            "Pixels were read as mixtures of two end members. Ground in shadow (2.1%) is missing, not bare.",
            "绿色与非绿色的区分方法：CIELAB a*全航次统一阈值（Otsu 1979）。像元按两端元混合解译。"
            "阴影区（2.1%）作缺测处理。",
        ),
        (
            "biomass",
            {"model": {"formula": "agb = 2 h", "n": 12, "validated_by": "leave_one_out", "validation_note": "1 site"}},
            "agb = 2 h. Fitted on 12 harvested plots. Tested by leave one out (1 site).",
            "模型：agb = 2 h。由12个收获样方拟合。检验方法：留一法（1 site）。",
        ),
    ],
)
def test_methods(kind: str, facts: dict[str, object], english: str, chinese: str) -> None:
    (method,) = methods_of("one", made(kind, facts))
    assert method.text == (english, chinese)


@pytest.mark.parametrize(("roles", "said"), [(["positions"], "given beside the photos"), (["ground"], "own positions")])
def test_positions_given_are_not_called_the_photos_own(roles: list[str], said: str) -> None:
    task = {"facts": {}, "inputs": [{"role": role, "sha256": "0"} for role in roles]}
    node = Product(kind="node_task", fingerprint="f", path=Path(), manifest=task)  # type: ignore[arg-type]
    (method,) = methods_of("one", {"node_task": node, **made("reconstruction", {"registered": 9, "total": 10})})
    assert said in method.text[0]


def test_the_moment_of_creation_is_utc(tmp_path: Path) -> None:
    record = replace(records.full(tmp_path), created=datetime(2026, 8, 1, 9, tzinfo=UTC))
    assert pages(record, tmp_path)[0].endswith("uav-workflow 0.1.0 · 2026-08-01 09:00:00")
