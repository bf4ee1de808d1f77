"""Gates of a calibration: every figure that is held against a bound, the bound, and what to say when it is missed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from uav_workflow.domain.quality import Gate
from uav_workflow.errors import RecipeError
from uav_workflow.findings import Level

Sense = Literal["at most", "at least", "within"]
Bounds = tuple[float, ...]
"""Warning and failure; of a gate with two sides: lower failure, lower warning, upper warning, upper failure."""

_NEVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A gate: which side is good, where it warns and fails, and its words.

    Attributes
    ----------
    what, hint : str
        What a missed gate means, and what to do about it.
    share : bool
        The figure is a share and is said in per cent.
    unit : str
        Said behind the figure.
    level : Level
        Of the finding while the gate is not failed; a failed gate is a warning always.
    """

    sense: Sense
    bounds: Bounds
    what: str
    hint: str
    share: bool = False
    unit: str = ""
    level: Level = Level.WARNING


def _most(warn: float, fail: float, what: str, hint: str, **options: object) -> Rule:
    return Rule(sense="at most", bounds=(warn, fail), what=what, hint=hint, **options)  # type: ignore[arg-type]


def _least(warn: float, fail: float, what: str, hint: str, **options: object) -> Rule:
    return Rule(sense="at least", bounds=(warn, fail), what=what, hint=hint, **options)  # type: ignore[arg-type]


def _within(bounds: Bounds, what: str, hint: str, **options: object) -> Rule:
    return Rule(sense="within", bounds=bounds, what=what, hint=hint, **options)  # type: ignore[arg-type]


_FEWER_PIXELS = "photograph the panel from about one metre, so that it fills a good part of the picture"
_SHADE = "keep shadow and reflections off the panel: nobody and nothing between it and the sky"

RULES: Mapping[str, Rule] = {
    # of the pictures as a set
    "band-set": _most(
        0,
        _NEVER,
        "bands that this camera has are in no picture",
        "copy the missing band's files too; indices that need it are not made",
        unit="bands",
    ),
    "captures-full": _least(1.0, 0.9, "captures miss a band", "look for the missing files on the card", share=True),
    "exposure-tags": _most(
        0,
        0.1,
        "pictures state no exposure time or gain, and are not calibrated",
        "copy them again from the card, without an editor in between",
        share=True,
    ),
    "firmware-known": _most(
        0,
        _NEVER,
        "the camera's firmware is not among those its profile was tried with",
        "compare a panel's reflectance with its card before you trust the numbers",
        share=True,
        level=Level.INFO,
    ),
    "firmware-versions": _most(
        1,
        _NEVER,
        "pictures of several firmware versions are mixed",
        "are these one flight? a panel belongs to the flight beside it",
        unit="versions",
    ),
    "band-times": _most(
        1.0,
        10.0,
        "the bands of a capture were not taken together",
        "see whether pictures of two captures were grouped as one: copy the original files, names unchanged",
        unit="s",
    ),
    "clock-jumps": _most(
        0,
        _NEVER,
        "the camera's clock jumped between two pictures; times and the sun's position are not used",
        "let the camera find its satellites before it starts",
        unit="jumps",
    ),
    # of the sun
    "sun-elevation": _least(30.0, 20.0, "the sun stood low", "fly nearer to noon", unit="°"),
    "solar-noon": _most(2.5, _NEVER, "the flight was far from solar noon", "fly nearer to noon", unit="h"),
    "direct-to-diffuse": _least(
        3.0,
        0.0,
        "the sky was not clear: direct over diffuse light is low",
        "shadows are soft or absent; compare with flights under the same sky alone",
        level=Level.INFO,
    ),
    # of the sun sensor
    "sun-sensor-missing": _most(
        0.1, 0.5, "pictures carry no usable reading of the sun sensor", "see whether it is plugged in", share=True
    ),
    "sun-sensor-variation": _most(
        0.05,
        0.15,
        "the light changed during the flight",
        "trust single places less; see the overlap residual for what block adjustment left",
        share=True,
    ),
    "sun-sensor-jump": _most(
        0.2,
        _NEVER,
        "the light jumped from one capture to the next",
        "trust the pictures round the cloud's edge less",
        share=True,
    ),
    "sun-sensor-tilt": _most(15.0, 25.0, "the sun sensor was tilted", "mount it level and fly slower", unit="°"),
    "heading-bias": _most(
        0.05,
        0.15,
        "the sun sensor reads differently on forward and backward lines",
        "mount it level, away from shadow and mast, and calibrate its compass",
        share=True,
    ),
    # of panels
    "panel-pixels": _least(400, 150, "the panel is small in the picture", _FEWER_PIXELS, unit="px"),
    "panel-cv": _most(0.03, 0.06, "the calibration panel is not even", f"clean it; {_SHADE}", share=True),
    "panel-cv-between-bands": _most(
        2.0,
        4.0,
        "the panel is much less even in one band than in the others of the same capture",
        f"a shadow's edge or a reflection lies on it in that band; {_SHADE}",
        unit="times the median",
    ),
    "panel-gradient": _most(
        0.03,
        0.08,
        "brightness runs across the calibration panel",
        f"lay it flat and stand away from it; {_SHADE}",
        share=True,
    ),
    "panel-saturated": _most(
        0.0,
        0.001,
        "pixels of the calibration panel are saturated",
        "photograph it with less exposure",
        share=True,
    ),
    "panel-brightness": _within(
        (0.05, 0.20, 0.95, 1.0),
        "the panel is exposed too dark or too bright to be measured well",
        "photograph it with its own automatic exposure, the panel in the middle",
        share=True,
    ),
    "panel-factor": _within(
        (0.5, 0.7, 1.4, 2.0),
        "panel and sun sensor disagree about the light",
        "look for a shaded sensor, a shadow on the panel, a wrong panel table or a wrong unit",
    ),
    "panel-drift": _most(
        0.05,
        0.10,
        "panel over sun sensor changed between the visits to the panel",
        "low confidence: look for a shadow on the panel or the sensor at one of the visits",
        share=True,
    ),
    "panel-irradiance-drift": _most(
        0.05,
        0.15,
        "the light changed between the visits to the panel, the sun's height aside",
        "without a sun sensor trust this flight's reflectance less",
        share=True,
    ),
    # of overlaps
    "overlap-residual": _most(
        0.05,
        0.10,
        "overlapping pictures disagree about the ground",
        "look at the pictures: moving shadows, water and wind can't be mended by a gain",
        share=True,
    ),
    "block-gain": _most(
        2.0,
        3.0,
        "the overlaps ask for gains far from the sun sensor's word",
        "look for a shaded sensor; trust the pictures' neighbours",
        unit="x",
    ),
    # of the pictures themselves
    "saturated": _most(
        0.01,
        0.05,
        "pictures have saturated pixels",
        "bright ground is too dark in the result; lower the exposure",
        share=True,
    ),
    "under-exposed": _most(
        0.05,
        _NEVER,
        "pictures have pixels that can't be told from black",
        "dark ground is noise in the result; expose longer",
        share=True,
    ),
    "out-of-range": _most(
        0.005,
        0.02,
        "reflectance lies outside -0.02 - 1.2",
        "check panel table, shadow on the panel and glints",
        share=True,
    ),
    "dense-vegetation-ndvi": _within(
        (-1.0, 0.6, 0.95, 1.0),
        "NDVI of the greenest ground lies outside 0.6 - 0.95",
        "sparse or dry ground explains a low value; else check the panel's values in red and NIR",
        level=Level.INFO,
    ),
    "pan-alignment": _most(
        0.5,
        1.0,
        "bands lie apart from the panchromatic one",
        "see whether the sharpened pictures show coloured edges; a band that failed was not sharpened",
        unit="px",
    ),
    "temperature-range": _most(
        0.0,
        0.01,
        "pixels of a thermal picture lie outside -60 - 150 °C",
        "are these the camera's own 16-bit files? other units or edited files give wrong temperatures",
        share=True,
    ),
}


def judge(name: str, value: float, limits: Mapping[str, Bounds], *, about: str = "", where: str = "") -> Gate:
    """A gate's verdict.

    Parameters
    ----------
    name : str
        Of `RULES`.
    limits : mapping
        Bounds over those of the rule.
    about : str
        Band, or whatever of several it is about; goes into brackets behind the name.
    where : str
        Worst picture, where one is to blame.
    """
    rule, full = RULES[name], f"{name}[{about}]" if about else name
    bounds = limits.get(name, rule.bounds)
    if rule.sense == "at most":
        return Gate.at_most(full, value, *bounds, where=where)
    if rule.sense == "at least":
        return Gate.at_least(full, value, *bounds, where=where)
    low_fail, low, high, high_fail = bounds
    return Gate.within(full, value, (low, high), (low_fail, high_fail), where=where)


def checked_limits(limits: Mapping[str, Sequence[float]]) -> dict[str, Bounds]:
    """Bounds that a person gave, each for a gate that exists and the right way round.

    Raises
    ------
    RecipeError
        They are not.
    """
    checked = {}
    for name, given in limits.items():
        rule = RULES.get(name)
        if rule is None:
            raise RecipeError(f"calibration.limits: no gate '{name}'; there are {', '.join(sorted(RULES))}")
        bounds = tuple(float(number) for number in given)
        wanted = sorted(bounds, reverse=rule.sense == "at least")
        if len(bounds) != len(rule.bounds) or list(bounds) != wanted or any(map(math.isnan, bounds)):
            order = {
                "at most": "a warning and a failure, the failure not below the warning",
                "at least": "a warning and a failure, the failure not above the warning",
                "within": "lower failure, lower warning, upper warning, upper failure, rising",
            }[rule.sense]
            raise RecipeError(f"calibration.limits.{name}: {list(given)} is not {order}")
        checked[name] = bounds
    return checked


def figure(rule: Rule, value: float) -> str:
    """A value as it is said."""
    if math.isnan(value):
        return "not measurable"
    return f"{value:.3g} {rule.unit}".strip() if not rule.share else f"{100 * value:.3g} %"
