"""Checks what the patches assume about ministack when they are applied.

A patch that misses its target must stop the emulator at start with a clear message. Otherwise the stock behaviour would
stay and look right. So every name that a patch replaces or calls goes through `require`.
"""

import importlib
import inspect
from importlib import metadata
from types import ModuleType
from typing import Any

from . import EMULATOR_VERSION


class IncompatibleEmulatorError(Exception):
    """The installed ministack does not fit the patches. The message says what is missing and what to do."""


REMEDY = "reinstall it with `pip install -r cli/emulator/requirements.txt`"


def check_version() -> None:
    """Raises unless the pinned version of ministack is installed. Does not import it."""
    try:
        found = metadata.version("ministack")
    except metadata.PackageNotFoundError:
        raise IncompatibleEmulatorError(f"ministack {EMULATOR_VERSION} is not installed: {REMEDY}") from None
    if found != EMULATOR_VERSION:
        raise IncompatibleEmulatorError(
            f"the emulator needs ministack {EMULATOR_VERSION} but {found} is installed: {REMEDY}"
        )


def module(name: str) -> ModuleType:
    """Imports a module of ministack, or raises an error that names the module."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise IncompatibleEmulatorError(
            f"the module {name} of ministack {EMULATOR_VERSION} cannot be imported ({error}): {REMEDY}"
        ) from error


def require(owner: Any, name: str, parameters: tuple[str, ...] | None = None) -> Any:
    """Returns the attribute `name` of a module or class, or raises if it does not exist.

    With `parameters`, also checks that it is a function whose first parameters have these names.
    """
    where = f"{getattr(owner, '__module__', '')}.{owner.__qualname__}" if inspect.isclass(owner) else owner.__name__
    try:
        found = getattr(owner, name)
    except AttributeError:
        raise IncompatibleEmulatorError(f"ministack has no {where}.{name}, which a patch needs: {REMEDY}") from None
    if parameters is not None:
        actual = tuple(inspect.signature(found).parameters)
        if actual[: len(parameters)] != parameters:
            raise IncompatibleEmulatorError(
                f"{where}.{name} should take ({', '.join(parameters)}), but it takes ({', '.join(actual)}): {REMEDY}"
            )
    return found


def replace(owner: Any, name: str, replacement: Any, parameters: tuple[str, ...] | None = None) -> Any:
    """Replaces an attribute, after the checks of `require`. Returns the original."""
    original = require(owner, name, parameters)
    setattr(owner, name, replacement)
    return original
