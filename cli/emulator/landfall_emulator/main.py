"""Starts and ends the emulator in the right order."""

import json
import logging
import os
import sys
import threading
from pathlib import Path

from . import assumptions, guardian, options
from .environment import emulator_environment
from .processes import Processes
from .server import PortTakenError, bind, serve

EXIT_REFUSED = 1
EXIT_PORT_TAKEN = 2


def main(arguments: list[str]) -> int:
    """Runs the emulator until a signal or the end of the parent process stops it.

    Returns the exit code of the process.
    """
    given = options.parse(arguments)
    try:
        assumptions.check_version()
    except assumptions.IncompatibleEmulatorError as error:
        return _refuse(str(error), EXIT_REFUSED)
    watcher = guardian.start()  # first: the fork must not copy sockets, threads or ministack
    try:
        listener = bind(given.port)
    except PortTakenError as error:
        return _refuse(str(error), EXIT_PORT_TAKEN)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        given.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return _refuse(f"cannot create the data folder {given.data}: {error.strerror}", EXIT_REFUSED)
    kept = emulator_environment(given, listener.getsockname()[1], dict(os.environ))
    os.environ.clear()  # before the import, at which ministack reads its settings
    os.environ.update(kept)
    _log_to(given.data)
    processes = Processes(watcher)
    try:
        from .patches import apply_all

        manager = apply_all(given, endpoint, processes)
    except assumptions.IncompatibleEmulatorError as error:
        return _refuse(str(error), EXIT_REFUSED)

    def announce() -> None:
        print(json.dumps({"ready": True, "endpoint": endpoint, "pid": os.getpid()}), flush=True)

    serve(listener, given, announce, manager, processes)
    watcher.dismiss()
    sys.stdout.flush()
    # Not sys.exit, which would wait for ministack's threads and keep-alive connections. There is nothing left to save.
    os._exit(0)


def _refuse(reason: str, code: int) -> int:
    print(reason, file=sys.stderr)
    return code


def _log_to(data: Path) -> None:
    """Sends the whole log to one file, with the errors that end a thread.

    stdout carries the ready line only, and stderr may be a pipe without a reader.
    """
    logging.basicConfig(
        filename=data / "emulator.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s [%(name)s] %(message)s",
        force=True,
    )
    logger = logging.getLogger("landfall")
    threading.excepthook = lambda failure: logger.error(
        "thread %s ended by an error",
        failure.thread.name if failure.thread else "?",
        exc_info=(failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback),
    )
