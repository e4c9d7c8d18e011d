"""A triangular surrogate derivative."""

from __future__ import annotations

from brian2learn.core.declaration import Choice, Param

from ._surrogate import Surrogate


class Triangle(Surrogate):
    """A triangle around threshold, of height ``gain/width``; zero beyond one width and, if wished, while refractory."""

    cites = "bellec2020"

    width = Param(
        0.6, "half of its base, in volts where the potential has a unit: the threshold in the paper",
        low=1e-9, high=1e3, source="bellec2020 (code)",
    )  # fmt: skip
    gain = Param(0.3, "height times width", low=0, high=10, source="bellec2020 (code)")
    refractory = Choice(
        "zero",
        "in a refractory cell",
        {"zero": "no derivative", "ignored": "as in any other"},
        source="bellec2020 (code)",
    )

    @property
    def psi(self) -> str:
        return "gain/width*clip(1 - abs(distance/width), 0, 1)" + ("*ready" if self.refractory == "zero" else "")

    def check(self) -> None:
        """Its text is checked where it is used: `ready` is a name of the cell."""
