"""The order of things at start and end."""

import json
import logging
import os
import sys
import threading

from . import assumptions, guardian, options
from .environment import emulator_environment
from .processes import Processes
from .server import PortTaken, bind, serve

EXIT_REFUSED = 1
EXIT_PORT_TAKEN = 2


def main(arguments: list[str]) -> int:
    """Run the emulator until it is told to stop; gives the process's exit code."""
    given = options.parse(arguments)
    try:
        assumptions.check_version()
    except assumptions.IncompatibleEmulator as error:
        return _refuse(str(error), EXIT_REFUSED)
    watcher = guardian.start()  # first: the fork must not copy sockets, threads or ministack
    try:
        listener = bind(given.port)
    except PortTaken as error:
        return _refuse(str(error), EXIT_PORT_TAKEN)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        given.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return _refuse(f"cannot make the data folder {given.data}: {error.strerror}", EXIT_REFUSED)
    kept = emulator_environment(given, listener.getsockname()[1], dict(os.environ))
    os.environ.clear()  # before the import: ministack reads its settings at import, and copies os.environ into functions
    os.environ.update(kept)
    _log_to(given.data)
    processes = Processes(watcher)
    try:
        from .patches import apply_all

        manager = apply_all(given, endpoint, processes)
    except assumptions.IncompatibleEmulator as error:
        return _refuse(str(error), EXIT_REFUSED)

    def announce() -> None:
        print(json.dumps({"ready": True, "endpoint": endpoint, "pid": os.getpid()}), flush=True)

    serve(listener, given, announce, manager, processes)
    watcher.dismiss()
    sys.stdout.flush()
    # Not sys.exit: ministack's threads and keep-alive connections would be waited for, and there is nothing left to save.
    os._exit(0)


def _refuse(reason: str, code: int) -> int:
    print(reason, file=sys.stderr)
    return code


def _log_to(data: "os.PathLike[str]") -> None:
    """Everything that the emulator logs goes to one file, what kills a thread included: stdout carries the ready line only,
    and nobody may be reading stderr."""
    logging.basicConfig(
        filename=os.path.join(data, "emulator.log"),
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
