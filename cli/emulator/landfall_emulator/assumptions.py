"""What the patches assume of ministack, checked when they are applied.

A patch that misses its target must stop the emulator at start, in one sentence, and not leave a stock behaviour behind
that looks right. So every name that a patch replaces or calls goes through `require`.
"""

import importlib
import inspect
from importlib import metadata
from types import ModuleType
from typing import Any

from . import EMULATOR_VERSION


class IncompatibleEmulatorError(Exception):
    """ministack isn't what the launcher was written for; the message says what is missing and what to do."""


REMEDY = "reinstall it with `pip install -r cli/emulator/requirements.txt`"


def check_version() -> None:
    """Refuse any ministack but the pinned one, before it is imported."""
    try:
        found = metadata.version("ministack")
    except metadata.PackageNotFoundError:
        raise IncompatibleEmulatorError(f"ministack {EMULATOR_VERSION} is not installed: {REMEDY}") from None
    if found != EMULATOR_VERSION:
        raise IncompatibleEmulatorError(
            f"the emulator needs ministack {EMULATOR_VERSION} but {found} is installed: {REMEDY}"
        )


def module(name: str) -> ModuleType:
    """Import a module of ministack, or say which one is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise IncompatibleEmulatorError(
            f"ministack {EMULATOR_VERSION} should have the module {name} but importing it failed ({error}): {REMEDY}"
        ) from error


def require(owner: Any, name: str, parameters: tuple[str, ...] | None = None) -> Any:
    """Give the attribute `name` of a module or class, having checked that it exists and, for a function, that it takes
    these parameters by name (others may follow)."""
    where = f"{getattr(owner, '__module__', '')}.{owner.__qualname__}" if inspect.isclass(owner) else owner.__name__
    try:
        found = getattr(owner, name)
    except AttributeError:
        raise IncompatibleEmulatorError(
            f"ministack should have {where}.{name}, which a patch needs, and has not: {REMEDY}"
        ) from None
    if parameters is not None:
        actual = tuple(inspect.signature(found).parameters)
        if actual[: len(parameters)] != parameters:
            raise IncompatibleEmulatorError(
                f"{where}.{name} should take ({', '.join(parameters)}) and takes ({', '.join(actual)}): {REMEDY}"
            )
    return found


def replace(owner: Any, name: str, replacement: Any, parameters: tuple[str, ...] | None = None) -> Any:
    """Put `replacement` in place of an attribute, checked as by `require`; gives the original."""
    original = require(owner, name, parameters)
    setattr(owner, name, replacement)
    return original
