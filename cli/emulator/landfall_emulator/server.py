"""The socket, the HTTP server, and the signals that end them."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from .assumptions import module, require
from .options import Options
from .processes import Processes

logger = logging.getLogger("landfall")

FUNCTION_GRACE_SECONDS = 2.0
PARENT_POLL_SECONDS = 0.5
SERVER_END_SECONDS = 2.0


class PortTakenError(Exception):
    """The port is not available. The message names it and says what to do."""


def bind(port: int) -> socket.socket:
    """Returns a listening socket on 127.0.0.1.

    ministack needs the port number at import, so the socket is bound before, which also makes port 0 work without a
    race.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"cannot listen on 127.0.0.1:{port} ({os.strerror(error.errno or 0).lower()}): "
            f"end the program that uses port {port} or choose another with --port (0 picks a free one)"
        ) from error
    return listener


def serve(
    listener: socket.socket, given: Options, announce: Callable[[], None], manager: Any, processes: Processes
) -> None:
    """Serves until a signal, the end of stdin or the end of the parent process.

    Then ends tasks, functions and the server, in this order, so that a task that gets SIGTERM can still upload its
    results. `manager` ends the tasks.
    """
    asyncio.run(_serve(listener, given, announce, manager, processes))


async def _serve(
    listener: socket.socket, given: Options, announce: Callable[[], None], manager: Any, processes: Processes
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    kill_now = threading.Event()

    def stop(reason: str) -> None:
        if stopping.is_set():
            logger.info("second signal (%s): killing all processes that still run", reason)
            kill_now.set()
        else:
            logger.info("stopping: %s", reason)
            stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, signal.Signals(number).name)

    def stop_from_thread(reason: str) -> None:
        loop.call_soon_threadsafe(stop, reason)

    _watch_starter(given, stop_from_thread)

    async def stopped() -> None:
        await stopping.wait()
        await asyncio.to_thread(manager.end_all, kill_now)
        await asyncio.to_thread(processes.end_all, 0.0 if kill_now.is_set() else FUNCTION_GRACE_SECONDS)

    application = require(module("ministack.app"), "app", ("scope", "receive", "send"))
    configuration = require(module("hypercorn.config"), "Config")()
    configuration.bind = [f"fd://{listener.fileno()}"]
    configuration.keep_alive_timeout = 75
    configuration.graceful_timeout = 1
    configuration.errorlog = logging.getLogger("hypercorn.error")
    ended = asyncio.Event()

    async def trigger() -> None:
        await stopped()
        ended.set()

    run = asyncio.create_task(
        module("hypercorn.asyncio").serve(_announcing(application, announce), configuration, shutdown_trigger=trigger)
    )
    await asyncio.wait({run, asyncio.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.is_set():
        await stopped() if stopping.is_set() else await asyncio.to_thread(processes.end_all, FUNCTION_GRACE_SECONDS)
        await run  # the server ended by itself: raises its error
        return
    # Python 3.12 and newer wait here for keep-alive connections to close by themselves.
    await asyncio.wait({run}, timeout=SERVER_END_SECONDS)


def _announcing(application: Any, announce: Callable[[], None]) -> Any:
    """Returns the application with a call of `announce` when its start-up is complete.

    The socket listens already, so a request is served even if the server accepts connections only a moment later.
    """

    async def wrapped(scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return

        async def observed(message: dict) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                announce()

        await application(scope, receive, observed)

    return wrapped


def _watch_starter(given: Options, stop: Callable[[str], None]) -> None:
    if given.exit_with_stdin:
        threading.Thread(target=_until_stdin_closes, args=(stop,), daemon=True, name="landfall-stdin").start()
    parent = os.getppid()
    if given.exit_with_parent and parent != 1:
        threading.Thread(target=_until_parent_ends, args=(parent, stop), daemon=True, name="landfall-parent").start()


def _until_stdin_closes(stop: Callable[[str], None]) -> None:
    while os.read(0, 4096):
        pass  # input has no meaning
    stop("stdin closed")


def _until_parent_ends(parent: int, stop: Callable[[str], None]) -> None:
    ticks = threading.Event()
    while os.getppid() == parent:
        ticks.wait(PARENT_POLL_SECONDS)
    stop("the process that started the emulator has ended")
