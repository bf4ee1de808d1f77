"""What the report says of reflectance, its gates and its panels."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from uav_workflow.domain.product import Product
from uav_workflow.quality.reflectance_section import reflectance_figure, reflectance_section

PANEL = {
    "image": "panels/IMG_0000_3.tif",
    "capture_id": "c0",
    "band": "Red",
    "time_utc": "2024-07-01T06:02:00+00:00",
    "serial": "RP06-1",
    "found_by": "qr code",
    "cv": 0.013,
    "gradient": 0.004,
    "pixels": 1200,
    "saturated": 0.0,
    "albedo": 0.487,
    "albedo_source": "code of the panel",
    "picture": "panel_pictures/a.png",
}


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Product]:
    document: dict[str, Any] = {
        "bands": [
            {
                "band": name,
                "basis": "panel and sun sensor",
                "block_adjustment": {"residual_before": before, "residual_after": 0.02},
            }
            for name, before in (("Red", 0.11), ("NIR", 0.16))
        ],
        "gates": [
            {"name": "panel-cv[Red]", "value": 0.041, "threshold": 0.03, "verdict": "warn"},
            {"name": "sun-elevation", "value": 61.0, "threshold": 30.0, "verdict": "pass"},
        ],
        "panels": [PANEL | {"band": "NIR", "image": "panels/IMG_0000_4.tif", "albedo": None}, PANEL],
    }
    captures = tmp_path / "captures"
    (captures / "panel_pictures").mkdir(parents=True)
    cv2.imwrite(str(captures / "panel_pictures/a.png"), np.full((480, 400, 3), 90, np.uint8))
    (captures / "calibration.json").write_text(json.dumps(document))
    budget = {"flight": {"panel": 0.03}, "photo": {"block": {"rms": 0.0004, "largest": 0.01}}, "view": {}, "line": None}
    facts = {
        "quantity": "reflectance",
        "gates": [{"name": "target-loo-rmse[red]", "value": None, "threshold": 0.05, "verdict": "fail"}],
        "uncertainty": [
            budget | {"band": "red", "typical": 0.05, "view": {"slant": {"corrected": False}}},
            budget | {"band": "nir", "typical": 0.03, "view": {"slant": {"corrected": True}}},
        ],
    }
    return {
        "calibrated_captures": Product(kind="c", fingerprint="f", path=captures, manifest={"facts": {}}),
        "reflectance": Product(kind="r", fingerprint="f", path=tmp_path, manifest={"facts": facts}),
    }


def test_parts_add_up_to_what_is_typical(made: dict[str, Product]) -> None:
    section = reflectance_section(made)
    assert section.columns == ("band", "panel", "block adjustment", "views", "all together")
    assert section.rows[0] == ("red", "3.0 %", "< 0.1 %", "4.0 %", "5.0 %")
    assert section.rows[1][3] == "0.0 %"
    assert reflectance_figure(made) == "± 5 %"
    assert "11.0 – 16.0 %; after block adjustment by 2.0 %" in section.statements[1]
    assert section.statements[2] == "As seen from above, what slanted views of plants do being taken out: nir."


def test_missed_gates_come_first_and_the_others_are_counted(made: dict[str, Product]) -> None:
    section = reflectance_section(made)
    rows = [(gate.name, gate.value, gate.verdict, gate.level) for gate in section.gates]
    assert rows == [
        ("target loo rmse (red)", "not known", "failed", "error"),
        ("panel cv (Red)", "4.1 %", "beyond its bound", "warning"),
    ]
    assert section.gates[1].bound == "3 %"
    assert section.gates[1].means.startswith("the calibration panel is not even: clean it")
    assert section.passed == 1


def test_panels_are_shown_by_wavelength_with_what_was_read(made: dict[str, Product]) -> None:
    red, nir = reflectance_section(made).panels
    assert (red.title, nir.title) == ("Red · IMG_0000_3.tif", "NIR · IMG_0000_4.tif")
    assert red.lines[0] == "RP06-1, found by QR code, 06:02 UTC"
    assert red.lines[1] == "reflectance 0.487 (code of the panel)"
    assert nir.lines[1] == "nobody knows its reflectance"
    coded = base64.b64decode(red.image.partition(",")[2])
    assert max(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR).shape[:2]) == 260


def test_relative_rgb_has_no_section(tmp_path: Path) -> None:
    facts = {"quantity": "relative", "gates": []}
    made = {"reflectance": Product(kind="r", fingerprint="f", path=tmp_path, manifest={"facts": facts})}
    assert not reflectance_section(made).statements
    assert reflectance_figure(made) is None


def test_lines_on_targets_are_said_applied_or_not(tmp_path: Path) -> None:
    line = {
        "band": "red_edge",
        "slope": 0.45,
        "slope_sd": 0.01,
        "intercept": -0.001,
        "intercept_sd": 0.002,
        "targets": 4,
        "levels": 4,
        "r2": 0.9987,
        "loo_rmse": None,
        "signal_range": [0.1, 0.6],
        "applied": False,
    }
    facts = {"quantity": "relative", "gates": [], "empirical_line": [line]}
    made = {"reflectance": Product(kind="r", fingerprint="f", path=tmp_path, manifest={"facts": facts})}
    section = reflectance_section(made)
    assert section.targets == [("red edge", "4", "0.45 ± 0.01", "-0.0010 ± 0.002", "0.9987", "", "0.04 – 0.27", "no")]
    assert "not applied" in section.statements[0]
    assert "relative light" in section.statements[1]
