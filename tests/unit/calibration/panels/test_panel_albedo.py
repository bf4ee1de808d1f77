import pytest

from calibration.panels.albedo import PanelCode, PanelTable
from uav_workflow.errors import CalibrationError


def test_old_codes_hold_the_serial_alone():
    code = PanelCode.parse("RP02-1603036-SC")
    assert (code.serial, code.version, code.line) == ("RP02-1603036-SC", 2, None)


def test_new_codes_end_with_a_line():
    code = PanelCode.parse("RP06-2051037-OB0400488" + "0900480")
    assert code.serial == "RP06-2051037-OB"
    assert code.line == ((400.0, 0.488), (900.0, 0.480))


@pytest.mark.parametrize("text", ["", "https://example.org", "RP2-1-SC", "XRP02-1603036-SC"])
def test_other_codes_are_no_panels(text):
    assert PanelCode.parse(text) is None


def test_the_line_is_linear_in_wavelength():
    code = PanelCode.parse("RP06-2051037-OB0400488" + "0900480")
    albedo = PanelTable({}, {}).albedo(code.serial, code, 650.0)
    assert albedo.value == pytest.approx(0.484)
    assert albedo.source == "code of the panel"


@pytest.mark.parametrize(("nm", "value"), [(475, 0.67), (560, 0.69), (668, 0.68), (717, 0.67), (840, 0.61)])
def test_the_shipped_panel(nm, value):
    albedo = PanelTable.load().albedo("RP02-1603036-SC", None, nm)
    assert albedo.value == pytest.approx(value)
    assert albedo.relative_sd == 0.05


def test_nobody_guesses():
    table = PanelTable.load()
    assert table.albedo("RP02-0000000-SC", PanelCode.parse("RP02-0000000-SC"), 560) is None
    assert table.albedo(None, None, 560) is None
    assert table.albedo("RP02-1603036-SC", None, None) is None
    assert table.albedo("RP02-1603036-SC", None, 11000) is None


def test_the_users_table_comes_first(tmp_path):
    own = tmp_path / "panels.csv"
    own.write_text(
        "\ufeffserial,centre_nm,albedo,relative_sd\nRP02-1603036-SC,400,0.5,0.02\nRP02-1603036-SC,900,0.4,0.02\n"
    )
    albedo = PanelTable.load([own]).albedo("RP02-1603036-SC", None, 650)
    assert albedo.value == pytest.approx(0.45)
    assert albedo.relative_sd == pytest.approx(0.02)
    assert albedo.source == "table of the user"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("serial,albedo\nX,0.5\n", "centre_nm"),
        ("serial,centre_nm,albedo\nX,560,67\n", "impossible"),
        ("serial,centre_nm,albedo\nX,0.56,0.67\n", "impossible"),
        ("serial,centre_nm,albedo\nX,green,0.67\n", "line 2"),
    ],
)
def test_a_wrong_table_says_where(tmp_path, text, why):
    path = tmp_path / "panels.csv"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=why):
        PanelTable.load([path])


def test_a_missing_table_says_so(tmp_path):
    with pytest.raises(CalibrationError, match=r"absent\.csv"):
        PanelTable.load([tmp_path / "absent.csv"])
