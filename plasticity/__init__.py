"""Plasticity rules and mechanisms, one per file; and `derive`, which finds the eligibility of a pathway."""

from typing import Any

from brian2learn.core.discovery import public_names

_declared = public_names("plasticity")


def __getattr__(name: str) -> Any:
    if name == "derive":
        from ._derive import derive

        return derive
    return _declared(name)
