"""A Chinese reader meets no English sentence of ours: names, units, identifiers and what users wrote stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, get_args

import format_records as records
import numpy as np
import pytest
from lxml import html

from calibration.planning.factors import BOTH, PANEL, RELATIVE, SUN_SENSOR
from calibration.sun.sky import SkyKind
from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.domain.product import Product
from uav_workflow.flights.campaign import TOPICS
from uav_workflow.flights.folder import DEFAULT_NAMES
from uav_workflow.publication.check_names import NAMES
from uav_workflow.publication.chinese import chinese, chinese_notes
from uav_workflow.publication.method_names import COVER, PLANTS, method_name
from uav_workflow.publication.methods import methods_of
from uav_workflow.publication.missing import missing_fields
from uav_workflow.publication.page import write_pages
from uav_workflow.publication.quality_form import write_quality_form
from uav_workflow.publication.record import Check, PublishedFile, Record, Validation, Verdict
from uav_workflow.publication.themes import THEMES
from uav_workflow.publication.words import ENGLISH
from uav_workflow.statistics.folds import validation_folds
from uav_workflow.statistics.gaussian_process import LENGTHS, NOISE, SIGNAL
from uav_workflow.vegetation.allometries import ALLOMETRIES, SOURCE
from uav_workflow.vegetation.biomass_forest import ForestForm
from uav_workflow.vegetation.biomass_forms import Sample
from uav_workflow.vegetation.biomass_gaussian import GaussianForm
from uav_workflow.vegetation.biomass_ladder import LADDER
from uav_workflow.vegetation.biomass_models import Allometry

PROPER = re.findall(
    r"\S+",
    "STAC ISO DataCite ORCID RO Crate WGS UTM zone EPSG SHA CEOS LPV UTC CC BY DOI CIELAB NDVI GLI RMSE CCC PI GSD MiB "
    "cm px English Otsu Li Meyer Neto Matérn",
)
"""Standards, symbols, units, authors, and the link to the other language."""
USERS = re.findall(r"\S+", "Ada Example Bo et al Institute of Meadows example org Grant Long meadow vegetation drone")
"""What the record's campaign.yaml and folders say."""
IDENTIFIERS = (*THEMES, "ndvi_mean", "dji_rgb", "20250705_one", r"data/\d\.json", r"_格网\.tif", "_flags_")
NAMED = (SOURCE, "source为ground", "topics: [...]", "numpy 2.4.6", "uav-workflow")
"""A citation, a column with its value, a field of campaign.yaml, software."""


BANDS = ("Blue", "Green", "Red", "Red edge", "NIR", "Panchro", "LWIR", "Green-531")


def latin(text: str) -> list[str]:
    """English words that are left: no names of files, no identifiers, nothing with digits, no single letters."""
    for name in NAMED:
        text = text.replace(name, " ")
    text = re.sub("|".join(IDENTIFIERS), " ", text)
    text = re.sub(r"[\w.-]+\.(?:csv|yaml|json|txt|tif|html)\b", " ", text, flags=re.ASCII)
    text = re.sub(r"\S*(?:[@]|\d[A-Za-z]|[A-Za-z]\d)\S*", " ", text)
    return [word for word in re.findall(r"[A-Za-z][A-Za-z_é']+", text) if word not in PROPER and word not in USERS]


def test_the_filter_sees_english() -> None:
    assert latin("方法：Tested by leave one out, agb_dry 3 g/m2 (Otsu 1979)") == ["Tested", "by", "leave", "one", "out"]


def products() -> Iterator[tuple[str, dict[str, Any]]]:
    """Facts of every kind that has words, each value of every fixed vocabulary once."""
    for basis in (BOTH, PANEL, SUN_SENSOR, RELATIVE):
        for sky in get_args(SkyKind):
            band = {"basis": basis, "relative_uncertainty": {"combined": 0.05}}
            yield "calibrated_captures", {"quantity": "reflectance", "sky": {"kind": sky}, "bands": [band]}
    for checks in ({}, {"n": 4, "rmse_h_m": 0.02, "rmse_z_m": 0.03}):
        points = {"control_points": {"n": 5}, "control_points_used": bool(checks), "check_points": checks}
        yield "reconstruction", {"registered": 9, "total": 10, **points}
    for quantity in ("reflectance", "relative"):
        yield "reflectance", {"quantity": quantity}
    for method in COVER:
        yield "cover", {"method": f"{method}_mixed", "reading": "mixed", "shadow_share": 0.02}
    for given in (True, False):
        yield "canopy_height", {"terrain_given": given}
    for scheme, note in notes():
        yield "biomass", {"model": {"n": 12, "validated_by": scheme, "validation_note": note}}
    for formula in formulas():
        yield "biomass", {"model": {"formula": formula}}
    for plant in ALLOMETRIES:
        yield "biomass", {"model": Allometry(plant_type=plant).card()}
    yield "match", {}


def notes() -> Iterator[tuple[str, str]]:
    """What folds say of themselves: too few plots, no likeness of neighbours, blocks, likeness all over, many sites."""
    rng = np.random.default_rng(3)
    east, north = rng.uniform(0, 2000, (2, 144))
    apart = np.hypot(east[:, None] - east, north[:, None] - north)
    patches = np.linalg.cholesky(np.exp(-apart / 100) + 1e-9 * np.eye(144)) @ rng.normal(size=144)
    cases = [(["a"] * 3, east[:3], north[:3], east[:3]), (list("abcde"), *(east[:5],) * 3)]
    cases += [(["a"] * 144, east, north, off) for off in (rng.normal(size=144), patches, east + north)]
    for sites, x, y, off in cases:
        folds = validation_folds(sites, x, y, off)
        yield folds.scheme, folds.note


def formulas() -> Iterator[str]:
    rng = np.random.default_rng(2)
    values = {name: rng.uniform(0.1, 0.6, 64) for name in ("height_mean", "fvc_green", "ndvi_mean")}
    sample = Sample(values=values, agb=300 * values["height_mean"] + rng.normal(0, 5, 64))
    fitted = GaussianForm.fit(sample, list(values))
    yield fitted.formula
    process = replace(fitted.process, converged=False)
    yield replace(fitted, process=process).formula
    edge = replace(process, signal=SIGNAL[1], noise=NOISE[0], lengths=np.full(len(values), LENGTHS[1]))
    yield replace(fitted, process=edge).formula
    yield ForestForm.fit(sample, list(values)).formula


def full(root: Path) -> Record:
    """A record whose every field that is printed holds every word of its vocabulary."""
    record = records.full(root)
    one = record.flights[0]
    kinds: dict[str, str] = ENGLISH["kinds"]  # type: ignore[assignment]
    roles = [*DEFAULT_NAMES, "flight", "campaign", "adjusting_points", "plots 2"]
    step = replace(record.steps[0], upstream=dict.fromkeys(kinds, "f"), inputs=dict.fromkeys(roles, "a" * 64))
    checks = [
        Check(flight_id=one.flight_id, group=kind, name=name, value="1 px", bound="<= 2 px", verdict=verdict)
        for name, kind, verdict in zip(NAMES, [*kinds] * len(NAMES), [*Verdict] * len(NAMES), strict=False)
    ]
    checks += [replace(checks[0], name=f"panel-cv[{band}]") for band in BANDS]
    checks += [replace(checks[0], name=f"90 % interval of {name}") for name in ("agb dry", "fvc green", "height mean")]
    figures = {"r2": 0.9, "rmse": 0.1, "rrmse_percent": 9, "bias": 0.01, "ccc": 0.9, "pi90_coverage": 0.9}
    methods = [f"{name}_mixed:median_of_3_photos" for name in COVER] + [f"allometry_{plant}" for plant in PLANTS]
    methods += ["dsm_minus_dtm", *(rung.name for rung in LADDER)]
    return replace(
        record,
        campaign=replace(record.campaign, topics=TOPICS, description=None, keywords_zh=("植被",)),
        flights=(replace(one, variables=("fvc_green", "fvc_total", "agb_dry", "height_mean"), sensor="dji_rgb"),),
        checks=tuple(checks),
        validations=tuple(
            Validation(
                flight_id=one.flight_id, variable="agb_dry", unit="g/m2", method=method, n=n, sites=2, figures=figures
            )
            for n, method in enumerate(methods, start=20)
        ),
        methods=tuple(
            method
            for kind, facts in products()
            for method in methods_of(
                one.flight_id, {kind: Product(kind=kind, fingerprint="f", path=Path(), manifest={"facts": facts})}
            )
        ),
        steps=tuple(replace(step, kind=kind) for kind in kinds),
        missing=(*missing_fields(Campaign(creators=(Creator(name="Bo Example"),))),),
        files=tuple(
            PublishedFile(name=f"data/{number}.json", title=title, media_type="-", size=1, sha256="a" * 64)
            for number, title in enumerate(("Samples: one row a variable and cell", "STAC Item", "STAC Catalog"))
        ),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of a Chinese page to what a reader sees of it, identifiers (``code``) left out."""
    root = tmp_path_factory.mktemp("pages")
    record = full(root)
    texts = {}
    for path in [*write_pages(record, root), *write_quality_form(record, root)]:
        if path.suffix == ".html" and path.stem.endswith("_zh"):
            seen = html.fromstring(path.read_bytes()).xpath("//body//text()[not(ancestor::code)]")
            texts[path.name] = "\n".join(str(text) for text in seen)
        elif path.stem.endswith("_zh"):
            texts[path.name] = re.sub(r"`[^`]*`", "", unescape(path.read_text("utf-8")))
    return texts


@pytest.mark.parametrize("name", ["index_zh.html", "quality_form_zh.html", "quality_form_zh.md"])
def test_no_english_of_ours_is_left(written: dict[str, str], name: str) -> None:
    left = {line.strip(): latin(line) for line in written[name].splitlines() if latin(line)}
    assert left == {}


def test_a_field_to_fill_in_is_said_in_chinese(tmp_path: Path) -> None:
    for gap in missing_fields(Campaign(creators=(Creator(name="Bo Example"),))):
        told = chinese(gap.where)
        key, colon, words = told.partition("：")
        assert key.isascii() or colon == "" or "，" in key, told
        assert not latin(words.replace("orcid", "")), told
        assert colon or gap.field == "creators", told


def test_every_note_and_formula_was_met() -> None:
    """The fixtures above reach every sentence that folds can say."""
    said = " ".join(note for _, note in notes())
    assert all(
        part in said
        for part in ("5 sites", "too few placed", "no more alike", "the variogram's range", "look better than they are")
    )
    assert not [note for _, note in notes() if latin(chinese_notes(note))]
    assert not [formula for formula in formulas() if latin(chinese(formula))]


def test_words_of_users_stay() -> None:
    assert chinese("clear creek: sample table") == "clear creek：样本表"
    assert chinese("a note of mine") == "a note of mine"
    assert method_name("quadrats", 1) == ""


def test_names_of_methods_in_english() -> None:
    assert method_name("allometry_shrub", 0) == "published line of shrub plants"
    assert method_name("exgr_mixed", 0).endswith("(Meyer & Neto 2008); pixels as mixtures")
