"""Title and abstract of a data set: place, theme and time, from the facts alone, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from uav_workflow.domain.campaign import Campaign
from uav_workflow.publication.record import PublishedFlight, Record, Validation
from uav_workflow.publication.themes import named


def titles(campaign: Campaign, flights: Sequence[PublishedFlight]) -> tuple[str | None, str | None]:
    """English and Chinese title; the campaign's own, else place + theme + time; None where the place is not known."""
    english = campaign.title
    if not english and campaign.place:
        english = f"{campaign.place}: {_joined(_themes(flights, 0), ' and ')} from drone imagery, {period(flights)}"
    chinese = campaign.title_zh
    if not chinese and campaign.place_zh:
        chinese = f"{campaign.place_zh}{_joined(_themes(flights, 1), '和', '、')}无人机观测数据集（{period(flights)}）"
    return english, chinese


def period(flights: Sequence[PublishedFlight]) -> str:
    """Days of the first and the last flight, ISO 8601."""
    first = min(flight.start for flight in flights).date().isoformat()
    last = max(flight.end for flight in flights).date().isoformat()
    return first if first == last else f"{first}/{last}"


def abstracts(record: Record) -> tuple[str, str]:
    """English and Chinese abstract: what, where, when, how, how well."""
    own = record.campaign.description
    return " ".join(filter(None, [own, *_english(record)])), "".join(
        filter(None, [record.campaign.description_zh, *_chinese(record)])
    )


def _english(record: Record) -> Iterator[str]:
    flights, facts = record.flights, _Facts.of(record)
    what = _joined(_themes(flights, 0), " and ").capitalize() or "Ground plots"
    count = "one drone flight" if len(flights) == 1 else f"{len(flights)} drone flights"
    said = [
        f"{facts.captures} captures" if facts.captures else "",
        f"sensor {', '.join(facts.sensors)}" if facts.sensors else "",
        f"{facts.pixel} cm a pixel" if facts.pixel else "",
    ]
    how = ", ".join(filter(None, said))
    yield f"{what} from {count} on {period(flights)}{f': {how}' if how else ''}."
    if facts.cells:
        yield f"Maps are weighted means in satellite cells of {' and '.join(facts.cells)} m with their uncertainty."
    for row in _compared(record):
        rmse = f"RMSE {row.figures['rmse']:.3g}{_unit(row)}"
        of = f" of flight {row.flight_id}" if len(flights) > 1 else ""
        name = named(row.variable, 0).capitalize()
        yield f"{name}{of} against {row.n} ground values of {_counted(row.sites, 'site')}: {rmse}."


def _chinese(record: Record) -> Iterator[str]:
    flights, facts = record.flights, _Facts.of(record)
    said = [
        f"共{facts.captures}次曝光" if facts.captures else "",
        f"传感器：{'、'.join(facts.sensors)}" if facts.sensors else "",
        f"地面分辨率{facts.pixel}厘米" if facts.pixel else "",
    ]
    how = "，".join(filter(None, said))
    what = _joined(_themes(flights, 1), "和", "、") or "地面样方数据"
    source = f"{period(flights)}的{len(flights)}个无人机架次{f'（{how}）' if how else ''}"
    yield f"本数据集由{source}生成，内容为{what}。"
    if facts.cells:
        yield f"栅格产品按{'、'.join(facts.cells)}米卫星像元加权平均，并附不确定性。"
    for row in _compared(record):
        rmse = f"{row.figures['rmse']:.3g}{_unit(row)}"
        of = f"{row.flight_id}架次的" if len(flights) > 1 else ""
        yield f"{of}{named(row.variable, 1)}与{row.sites}个样地的{row.n}组地面实测值比较，均方根误差为{rmse}。"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What both languages say of all flights, as text."""

    captures: int
    sensors: tuple[str, ...]
    cells: tuple[str, ...]
    pixel: str

    @classmethod
    def of(cls, record: Record) -> _Facts:
        flights = record.flights
        pixels = [flight.pixel_m for flight in flights if flight.pixel_m]
        return cls(
            captures=sum(flight.photos or 0 for flight in flights),
            sensors=tuple(sorted({flight.sensor for flight in flights if flight.sensor})),
            cells=tuple(f"{cell:g}" for cell in sorted({cell for flight in flights for cell in flight.cells_m})),
            pixel=" – ".join(dict.fromkeys(f"{100 * end(pixels):.1f}" for end in (min, max))) if pixels else "",
        )


def _compared(record: Record) -> list[Validation]:
    return [row for row in record.validations if "rmse" in row.figures]


def _unit(row: Validation) -> str:
    return "" if row.unit == "1" else f" {row.unit}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _themes(flights: Sequence[PublishedFlight], language: int) -> list[str]:
    found = dict.fromkeys(name for flight in flights for name in flight.variables)
    return [named(name, language) for name in found]


def _joined(words: Sequence[str], last: str, comma: str = ", ") -> str:
    return last.join(filter(None, [comma.join(words[:-1]), *words[-1:]]))
