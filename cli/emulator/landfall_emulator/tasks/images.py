"""Local commands in place of container images."""

import json
from dataclasses import dataclass, field
from pathlib import Path


class ImageUnavailableError(Exception):
    """The image has no local command. The message is the reason of a failed pull."""


@dataclass(frozen=True)
class LocalImage:
    """A local command in place of an image."""

    argv: list[str]
    """Replaces the image's ENTRYPOINT. The container's `command` is appended."""
    env: dict[str, str] = field(default_factory=dict)
    """Replaces the image's ENV. The task definition and overrides replace its variables."""
    workdir: str | None = None
    """The working folder. If None, each task gets a new one."""


class Images:
    """The --images file. It is read at each lookup, so that images can be added while the emulator runs."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def find(self, reference: str) -> LocalImage:
        """Returns the image for an exact reference with its tag or digest, or raises ImageUnavailableError."""
        if self._file is None:
            raise ImageUnavailableError(f"{reference}: not found: the emulator was started without --images")
        try:
            images = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ImageUnavailableError(f"{reference}: not found: there is no file {self._file}") from None
        except (OSError, ValueError) as error:
            raise ImageUnavailableError(f"{reference}: cannot read {self._file}: {error}") from error
        entry = images.get(reference) if isinstance(images, dict) else None
        if entry is None:
            raise ImageUnavailableError(f"{reference}: not found: {self._file} does not name it")
        return _checked(reference, entry, self._file)


def _checked(reference: str, entry: object, file: Path) -> LocalImage:
    if not isinstance(entry, dict):
        raise ImageUnavailableError(f"{reference}: its value in {file} should be an object with argv")
    unknown = sorted(set(entry) - {"argv", "env", "workdir"})
    argv, env, workdir = entry.get("argv"), entry.get("env", {}), entry.get("workdir")
    if unknown:
        raise ImageUnavailableError(f"{reference}: {file} has unknown keys: {', '.join(unknown)}")
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise ImageUnavailableError(f"{reference}: argv in {file} should be a list of at least one string")
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise ImageUnavailableError(f"{reference}: env in {file} should map names to strings")
    if workdir is not None and not isinstance(workdir, str):
        raise ImageUnavailableError(f"{reference}: workdir in {file} should be a path")
    return LocalImage(argv, env, workdir)
