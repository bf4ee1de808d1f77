"""A sensor profile in plain words: what is read, what is done with it, and what to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from calibration.sensors.keys import Irradiance, PanelRule
from calibration.sensors.model import RadiometricModel
from uav_workflow.domain.flight import Band, SensorProfile
from uav_workflow.domain.sensor import SensorMatch

Rows = tuple[tuple[str, str], ...]
"""(heading, sentence) pairs."""

_WHO = {
    "table": "your own table",
    "tag": "the camera's tag",
    "code": "the code printed on the panel",
    "shipped": "the tables shipped",
}


def explain(profile: SensorProfile) -> Rows:
    """What a profile means.

    Raises
    ------
    CalibrationError
        Its radiometric section can't be understood.
    """
    rows = [
        ("photos", "; or ".join(_match_words(match) for match in profile.match)),
        ("bands", ", ".join(_band_words(band) for band in profile.bands) or "as the tags name them"),
        ("clock", "the EXIF time is UTC" if profile.clock == "utc" else "the EXIF time is local; GPS tells UTC"),
    ]
    if profile.kind == "multispectral":
        rows += [
            ("capture", _group_words(profile)),
            ("band names", _band_source_words(profile)),
            ("alignment", _alignment_words(profile)),
        ]
    if profile.radiometry:
        rows += radiometry_words(RadiometricModel.of(profile))
    else:
        rows.append(("light", "mosaics are linearised and stay relative unless ground targets are given"))
    rows += [("note", note) for note in profile.notes]
    rows.append(("file", profile.source))
    return tuple(rows)


def radiometry_words(model: RadiometricModel) -> Rows:
    """What a radiometric model means."""
    unit = "W m-2 sr-1 nm-1" if model.quantity == "si" else "a unit of the maker's own; reflectance needs a panel"
    bits = "bits as the file says" if model.bits is None else f"{model.bits} bits in steps of {model.lsb}"
    limit = "the last step of full scale" if model.saturation_dn is None else f"{model.saturation_dn} up"
    rows = [
        ("numbers", f"{bits}; saturated from {limit}"),
        ("black level", _or(model.black.tags) + _default(model.black.default)),
        ("vignetting", _vignette_words(model)),
        ("exposure", _units(model.exposure.tags) + _bugs(model)),
        ("gain", _units(model.gain.tags)),
        ("response", _response_words(model)),
        ("light", unit),
        ("sun sensor", _sun_words(model.irradiance, model.pi_factor)),
        ("panel", _panel_words(model.panel)),
    ]
    if model.row_gradient:
        rows.insert(
            3, ("row gradient", f"{_or(model.row_gradient.tags)}, numbers {_places(model.row_gradient.places)}")
        )
    if model.thermal.bands:
        rows.append(
            (
                "thermal",
                f"{', '.join(model.thermal.bands)}: {model.thermal.scale:g} DN {model.thermal.offset:+g} °C, apparent "
                "(as of a black body); no reflectance, and not handed to the node",
            )
        )
    if model.firmware_known:
        rows.append(("firmware", f"tried with {', '.join(model.firmware_known)}; another is said"))
    if model.invalid_pixels:
        rows.append(("defective pixels", _or(model.invalid_pixels)))
    return tuple(rows)


def _or(names: Iterable[str]) -> str:
    return " or ".join(names) or "nothing"


def _places(places: Sequence[int]) -> str:
    return " and ".join(str(place + 1) for place in places)


def _units(units: dict[str, float]) -> str:
    return " or ".join(name if unit == 1 else f"{name} x {unit:g}" for name, unit in units.items())


def _default(value: float | None) -> str:
    return "" if value is None else f", else {value:g}"


def _match_words(match: SensorMatch) -> str:
    said = [
        f"{word} {pattern}"
        for word, pattern in (("make", match.make), ("model", match.model), ("lens", match.lens))
        if pattern != ".*"
    ]
    since, before = match.firmware
    said += [f"firmware from {since}"] if since else []
    said += [f"firmware before {before}"] if before else []
    said += [f"with {tag}" for tag in match.tags]
    return ", ".join(said) or "any camera"


def _band_words(band: Band) -> str:
    if band.centre_nm is None:
        return band.name
    width = f"/{band.fwhm_nm:g}" if band.fwhm_nm else ""
    return f"{band.name} {band.centre_nm:g}{width} nm"


def _group_words(profile: SensorProfile) -> str:
    ways = [*profile.group_key.tags, *(["the file name"] if profile.group_key.stem else []), "time"]
    return "images of a trigger share " + ", else ".join(ways)


def _band_source_words(profile: SensorProfile) -> str:
    source = profile.band_source
    ways = [*source.name, *(["the file name"] if source.stem else []), source.index]
    centres = [*source.centre_nm, *source.centre_and_half_width, "the list above"]
    return f"{', else '.join(ways)}; wavelengths from {', else '.join(centres)}"


def _alignment_words(profile: SensorProfile) -> str:
    where = _or(profile.alignment.tags)
    return {
        "rig": f"by the angles between the cameras ({where})",
        "homography": f"by a factory matrix a band ({where})",
        "none": "one lens",
    }[profile.alignment.kind]


def _vignette_words(model: RadiometricModel) -> str:
    rule = model.vignette
    if rule is None:
        return "none"
    what = "divided by" if rule.apply == "divide" else "multiplied with"
    order = "" if rule.order == "ascending" else " (highest power first)"
    kinds = [f"{_or(rule.surface)} in x and y"] if rule.surface else []
    kinds += [f"{_or(rule.radial)} in the distance from the centre{order}"] if rule.radial else []
    absent = "" if rule.required else "; none where absent"
    return f"{what} the polynomial of {', else '.join(kinds)}{absent}; after the black level is taken off"


def _bugs(model: RadiometricModel) -> str:
    return "".join(
        f"; {bug.written_s:.4g} s is a firmware's mistake for {bug.meant_s:.4g} s" for bug in model.exposure.known_bugs
    )


def _response_words(model: RadiometricModel) -> str:
    rule = model.response
    if rule.law == "sequoia":
        return f"f² (DN - B) / (A t ISO + C) with A, B, C of {_or(rule.constants)}"
    factors = [_or(names) for names in rule.factors]
    over = ["2^bits", "gain", "time", *rule.divisors]
    return f"{' x '.join([*factors, '(DN - black)'])} / ({' x '.join(over)})"


def _sun_words(rule: Irradiance, pi_factor: bool) -> str:
    if rule.kind == "value":
        return f"{_or(rule.value)}; reflectance in proportion to {'pi ' if pi_factor else ''}light / it"
    if rule.kind == "sunshine":
        return (
            "list of readings in every picture, taken at the moment of exposure; levelled by the sensor's own attitude "
            "only where that makes the lists of a flight steadier"
        )
    if rule.kind == "none":
        return "none"
    gate = ", ".join(f"{model} {since}" for model, since in rule.horizontal_since.items())
    return (
        f"horizontal light as stated where the firmware is right ({gate}), else direct and scattered light, else one "
        f"reading turned level with direct : diffuse {rule.direct_to_diffuse:g}; not beyond {rule.max_tilt_deg:g}° of "
        f"tilt; {rule.unit_without_scale:g} W m-2 nm-1 a unit unless {rule.scale} says otherwise"
    )


def _panel_words(rule: PanelRule) -> str:
    asked = ", then ".join(_WHO[who] for who in rule.albedo_rule)
    return (
        f"found by {rule.marked} = {' or '.join(map(str, rule.valid))} with {rule.area}, or by the code beside it; "
        f"its reflectance from {asked}; a panel nobody knows is an error"
    )
