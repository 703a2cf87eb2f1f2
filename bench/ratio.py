"""One ratio with both of its sides."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """`this` over `that`, in the same unit and from the same run. `goal`: the highest value that is good enough."""

    what: str
    this: float
    that: float
    unit: str
    goal: float | None = None

    @property
    def value(self) -> float:
        return self.this / self.that

    @property
    def holds(self) -> bool:
        """True where there is no goal: the figure is then only shown."""
        return self.goal is None or self.value <= self.goal

    def row(self) -> tuple[str, ...]:
        """Cells of the table that `make bench` prints."""
        return (
            self.what,
            f"{self.this:.1f} {self.unit}",
            f"{self.that:.1f} {self.unit}",
            f"{self.value:.2f}",
            "-" if self.goal is None else f"<= {self.goal:g}",
            "" if self.goal is None else "ok" if self.holds else "missed",
        )
