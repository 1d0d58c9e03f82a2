"""Metrics in plain dictionaries, written out in Prometheus' text format (0.0.4) when somebody asks."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

MAX_SERIES: Final = 1_000
"""Label sets of one family; further ones are counted together under `other`."""
OTHER: Final = "other"
SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""Upper bounds of the buckets of every time, in seconds."""

Labels = tuple[str, ...]


class _Family(Protocol):
    def lines(self) -> Iterator[str]: ...


class Counter:
    """A sum that only grows, for each set of labels. `unit` is what one counted thing is in the exported unit."""

    def __init__(self, name: str, meaning: str, labels: Labels, unit: float = 1) -> None:
        self._name, self._meaning, self._labels, self._unit = name, meaning, labels, unit
        self._sums: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count `amount` under the values `labels`."""
        sums = self._sums
        if labels in sums:
            sums[labels] += amount
        else:
            labels = _bounded(labels, len(sums))
            sums[labels] = sums.get(labels, 0) + amount

    def lines(self) -> Iterator[str]:
        """The family as text."""
        yield from _head(self._name, self._meaning, "counter")
        for labels, value in self._sums.items():
            yield f"{self._name}{_braced(self._labels, labels)} {value if self._unit == 1 else value * self._unit!r}"


class Histogram:
    """How often a time in seconds fell under each of `SECONDS`, for each set of labels."""

    def __init__(self, name: str, meaning: str, labels: Labels) -> None:
        self._name, self._meaning, self._labels = name, meaning, labels
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one time under the values `labels`."""
        counts = self._counts.get(labels)
        if counts is None:
            labels = _bounded(labels, len(self._counts))
            counts = self._counts.setdefault(labels, [0] * (len(SECONDS) + 1))
            self._sums.setdefault(labels, 0.0)
        counts[bisect_left(SECONDS, seconds)] += 1
        self._sums[labels] += seconds

    def lines(self) -> Iterator[str]:
        """The family as text, with cumulative buckets."""
        yield from _head(self._name, self._meaning, "histogram")
        names = (*self._labels, "le")
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*map(str, SECONDS), "+Inf"), counts, strict=True):
                total += count
                yield f"{self._name}_bucket{_braced(names, (*labels, bound))} {total}"
            yield f"{self._name}_sum{_braced(self._labels, labels)} {self._sums[labels]!r}"
            yield f"{self._name}_count{_braced(self._labels, labels)} {total}"


class Gauge:
    """Values that are read when somebody asks, each with its labels."""

    def __init__(
        self, name: str, meaning: str, labels: Labels, read: Callable[[], Iterable[tuple[Labels, float]]]
    ) -> None:
        self._name, self._meaning, self._labels, self._read = name, meaning, labels, read

    def lines(self) -> Iterator[str]:
        """The family as text."""
        yield from _head(self._name, self._meaning, "gauge")
        for labels, value in self._read():
            yield f"{self._name}{_braced(self._labels, labels)} {value!r}"


class Metrics:
    """All families of a worker, in the order in which they were made."""

    def __init__(self) -> None:
        self._families: list[_Family] = []

    def counter(self, name: str, meaning: str, labels: Labels, unit: float = 1) -> Counter:
        """A new counter."""
        counter = Counter(name, meaning, labels, unit)
        self._families.append(counter)
        return counter

    def histogram(self, name: str, meaning: str, labels: Labels) -> Histogram:
        """A new histogram of times."""
        histogram = Histogram(name, meaning, labels)
        self._families.append(histogram)
        return histogram

    def gauge(
        self, name: str, meaning: str, labels: Labels, read: Callable[[], Iterable[tuple[Labels, float]]]
    ) -> None:
        """Export what `read` gives at each scrape."""
        self._families.append(Gauge(name, meaning, labels, read))

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return "".join(f"{line}\n" for family in self._families for line in family.lines()).encode()


def _bounded(labels: Labels, series: int) -> Labels:
    return labels if series < MAX_SERIES else (OTHER,) * len(labels)


def _head(name: str, meaning: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _braced(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
