"""Speed over time as SVG, drawn here: colours are the page's, by class. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log10

from airflow_provider_auth0link.report.timeline import Timeline

MARKS = 5
MINUTE, HOUR, DAY = 60, 3_600, 86_400
TIME_MARKS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    86_400,
)


@dataclass(frozen=True, slots=True)
class Size:
    """A chart's size in pixels, its margins, and how many marks the time's axis may bear."""

    width: int
    height: int
    times: int
    left: int = 52
    right: int = 14
    top: int = 26
    bottom: int = 44

    @property
    def inner_width(self) -> int:
        """What is left between the margins."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> int:
        """What is left between the margins."""
        return self.height - self.top - self.bottom


WIDE, NARROW = Size(1040, 300, 10), Size(358, 250, 4)


def chart(timeline: Timeline, size: Size) -> str:
    """Draw links and undone links a second, and the limit where it is known. Nothing in it comes from an account."""
    highest = max((each for step in timeline.steps for each in (step.linked, step.undone)), default=0.0)
    marks = scale(max(highest, timeline.limit or 0.0))
    drawing = _Drawing(timeline, size, marks)
    label = f"Links per second over {in_words(timeline.seconds)} at work, at most {highest:.3g} in a second"
    return (
        f'<svg viewBox="0 0 {size.width} {size.height}" width="{size.width}" height="{size.height}" role="img" '
        f'aria-label="{label}">{"".join(drawing.parts())}</svg>'
    )


def scale(highest: float) -> list[float]:
    """Return the marks of an axis from 0 to at least *highest*: 1, 2 or 5 and tens of them apart."""
    rough = max(highest, 1e-6) / (MARKS - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    marks = [0.0]
    while marks[-1] < highest or len(marks) == 1:
        marks.append(step * len(marks))
    return marks


def in_words(seconds: float) -> str:
    """Return a duration: ``42 s``, ``7 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = round(seconds)
    for large, small, names in (
        (DAY, HOUR, ("d", "h")),
        (HOUR, MINUTE, ("h", "min")),
        (MINUTE, 1, ("min", "s")),
    ):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{whole} s"


@dataclass(frozen=True, slots=True)
class _Drawing:
    timeline: Timeline
    size: Size
    marks: list[float]

    def parts(self) -> Iterator[str]:
        yield from self._grid()
        yield from self._times()
        if any(step.linked for step in self.timeline.steps):
            yield self._area("linked")
        if any(step.undone for step in self.timeline.steps):
            yield self._area("undone")
        for pause in self.timeline.pauses:
            x, top = self._x(pause), self.size.top
            yield f'<path class="pause" d="M{x:.1f} {top}V{top + self.size.inner_height}"/>'
        if self.timeline.limit is not None:
            y = self._y(self.timeline.limit)
            yield f'<path class="limit" d="M{self.size.left} {y:.1f}h{self.size.inner_width}"/>'

    def _x(self, seconds: float) -> float:
        return self.size.left + seconds / self.timeline.seconds * self.size.inner_width

    def _y(self, per_second: float) -> float:
        return self.size.top + (1 - per_second / self.marks[-1]) * self.size.inner_height

    def _grid(self) -> Iterator[str]:
        yield '<text class="name" x="2" y="14">links per second</text>'
        for mark in self.marks:
            y = self._y(mark)
            kind = "axis" if mark == 0 else "grid"
            yield f'<path class="{kind}" d="M{self.size.left} {y:.1f}h{self.size.inner_width}"/>'
            yield f'<text class="y" x="{self.size.left - 8}" y="{y + 4:.1f}">{mark:,.6g}</text>'

    def _times(self) -> Iterator[str]:
        total, base = self.timeline.seconds, self.size.top + self.size.inner_height
        step = next((each for each in TIME_MARKS if total / each <= self.size.times), 0) or _days(
            total, self.size.times
        )
        for mark in range(0, total + 1, step):
            x = self._x(mark)
            yield f'<path class="axis" d="M{x:.1f} {base}v5"/>'
            side = ' style="text-anchor:end"' if x > self.size.width - self.size.right - 12 else ""
            yield f'<text class="x" x="{x:.1f}" y="{base + 19}"{side}>{in_words(mark) if mark else "0"}</text>'
        middle = self.size.left + self.size.inner_width / 2
        yield f'<text class="x name" x="{middle:.0f}" y="{self.size.height - 4}">time at work</text>'

    def _area(self, name: str) -> str:
        """Draw steps, with the area below them filled; where nothing went there is nothing."""
        base = self._y(0)
        path: list[str] = []
        before = 0.0
        for step in self.timeline.steps:
            rate = step.linked if name == "linked" else step.undone
            if rate and not before:
                path.append(f"M{self._x(step.begins):.1f} {base:.1f}")
            elif before and not rate:
                path.append(f"V{base:.1f}Z")
            if rate:
                path.append(f"V{self._y(rate):.1f}H{self._x(step.ends):.1f}")
            before = rate
        return f'<path class="{name}" d="{"".join(path)}{f"V{base:.1f}Z" if before else ""}"/>'


def _days(total: int, times: int) -> int:
    return DAY * -(-total // (DAY * times))
