"""Names of the checks in words, for readers who know nothing of the program that made them."""

from __future__ import annotations

import re

from uav_workflow.publication.chinese import said
from uav_workflow.publication.themes import named

NAMES = {
    "photos placed": ("photos placed by the photogrammetry", "参与重建的照片比例"),
    "check points, horizontal RMSE": ("check points, horizontal RMSE", "检查点平面均方根误差"),
    "check points, vertical RMSE": ("check points, vertical RMSE", "检查点高程均方根误差"),
    "check points": ("number of check points", "检查点数量"),
    "band on band, worst RMS": ("bands lie on each other: worst RMS shift", "波段间配准：最大均方根偏移"),
    "green and other told apart": (
        "green and other told apart: variance between",
        "绿色与非绿色可分性：类间方差比例",
    ),
    "ground in shadow": ("ground in shadow", "阴影面积比例"),
    "canopy far below ground": ("canopy below ground by more than a pixel", "冠层低于地面一个像元以上的比例"),
    "plots placed well enough": ("plots placed well enough to be compared", "定位精度满足比对要求的样方比例"),
    "plots with every value": ("plots with a value of every variable", "各变量均有值的样方比例"),
    "impossible values on plots": ("impossible values on plots", "样方中的不合理值个数"),
    "pairs of drone and ground": ("pairs of a drone's and a ground value", "无人机与地面实测配对数"),
    "90 % interval": ("ground values inside the 90 % interval", "落入90%区间的地面实测值比例"),
    "band-set": ("bands of the camera that are in no picture", "缺失的相机波段"),
    "captures-full": ("captures with every band", "波段齐全的曝光比例"),
    "temperature-range": ("thermal pixels outside the range of the camera", "超出相机测温范围的热红外像素"),
    "pan-alignment": ("bands laid over the panchromatic picture", "各波段与全色影像的配准"),
    "exposure-tags": ("pictures without exposure time or gain", "缺少曝光时间或增益的照片比例"),
    "firmware-known": ("pictures of a firmware never tried", "固件未经测试的照片比例"),
    "firmware-versions": ("firmware versions in the flight", "固件版本数"),
    "band-times": ("largest time between the bands of a capture", "同次曝光各波段的最大时间差"),
    "clock-jumps": ("jumps of the camera's clock", "相机时钟跳变次数"),
    "sun-elevation": ("lowest elevation of the sun", "最低太阳高度角"),
    "solar-noon": ("largest time from solar noon", "距正午的最大时间"),
    "direct-to-diffuse": ("direct over diffuse light", "直射光与散射光之比"),
    "sun-sensor-missing": ("pictures without a reading of the sun sensor", "缺少光照传感器读数的照片比例"),
    "sun-sensor-variation": ("variation of the light", "飞行期间光照变化"),
    "sun-sensor-jump": ("largest jump of the light", "光照最大跳变"),
    "sun-sensor-tilt": ("tilt of the sun sensor", "光照传感器倾角"),
    "heading-bias": ("sun sensor, forward against backward lines", "光照传感器往返航线差异"),
    "panel-pixels": ("pixels on the calibration panel", "定标板像元数"),
    "panel-cv": ("calibration panel: spread of its brightness", "定标板亮度离散度"),
    "panel-cv-between-bands": ("calibration panel: spread against that of other bands", "定标板离散度的波段间比值"),
    "panel-gradient": ("calibration panel: brightness across it", "定标板亮度梯度"),
    "panel-saturated": ("calibration panel: saturated pixels", "定标板饱和像元比例"),
    "panel-brightness": ("calibration panel: brightness", "定标板亮度"),
    "panel-factor": ("panel against sun sensor", "定标板与光照传感器之比"),
    "panel-drift": ("panel over sun sensor, change between visits", "定标板与光照传感器之比的前后变化"),
    "panel-irradiance-drift": ("light on the panel, change between visits", "定标板处光照的前后变化"),
    "overlap-residual": ("overlapping pictures disagree about the ground by", "重叠照片的地面亮度残差"),
    "block-gain": ("largest gain that overlaps ask for", "重叠平差的最大增益"),
    "saturated": ("saturated pixels", "饱和像元比例"),
    "under-exposed": ("pixels that can't be told from black", "曝光不足像元比例"),
    "out-of-range": ("reflectance outside -0.02 – 1.2", "反射率超出-0.02–1.2的比例"),
    "dense-vegetation-ndvi": ("NDVI of the greenest ground", "最绿地面的NDVI"),
    "target-levels": ("ground targets: levels of reflectance", "地面靶标的反射率等级数"),
    "target-r2": ("ground targets: R² of the line", "地面靶标拟合R²"),
    "target-loo-rmse": ("ground targets: RMSE, each left out", "地面靶标留一法均方根误差"),
    "target-intercept": ("ground targets: intercept of the line", "地面靶标拟合截距"),
    "target-extrapolated": ("pixels beyond the ground targets", "超出地面靶标范围的像元比例"),
}
"""Name of a gate, without the band or variable it is about, to English and Chinese."""
_ABOUT = re.compile(r"(?P<base>.+?)(?:\[(?P<band>.+)\]|(?:: | of )(?P<variable>[a-z0-9 ]+))?")


def label(name: str, language: int) -> str:
    """A check in words of a language (0 English, 1 Chinese), the band or variable it is about in brackets."""
    found = _ABOUT.fullmatch(name)
    if name in NAMES or found is None:
        return NAMES[name][language] if name in NAMES else name
    base, band, variable = found.group("base", "band", "variable")
    if base not in NAMES:
        return name
    about = named(variable.replace(" ", "_"), language) if variable else said(band or "", language)
    return f"{NAMES[base][language]} ({about})" if language == 0 else f"{NAMES[base][language]}（{about}）"
