"""RunTask's clientToken.

"Ensuring idempotency" in the Amazon ECS API Reference: a repeated call with the same token and the same parameters gets
the first call's response, including failures. With other parameters it gets ConflictException, with the first call's
task ARNs in `resourceIds`. A token is valid for 24 hours, or until one hour after its tasks stopped if that is earlier.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

TOKEN_SECONDS = 24 * 3600.0
AFTER_STOP_SECONDS = 3600.0

Response = tuple[int, dict, bytes]


class TokenConflictError(Exception):
    """The token was used with other parameters. `task_arns` are the tasks that the first call started."""

    def __init__(self, task_arns: list[str]) -> None:
        super().__init__("client token reused with other parameters")
        self.task_arns = task_arns


class ClientTokens:
    """The responses to RunTask calls with a token.

    `stopped_at` returns when a task stopped in seconds since 1970: None while it runs, 0.0 after it was removed.
    """

    def __init__(self, stopped_at: Callable[[str], float | None], clock: Callable[[], float] = time.time) -> None:
        self._stopped_at = stopped_at
        self._clock = clock
        self._answers: dict[tuple, tuple[float, str, Response]] = {}
        self._lock = threading.Lock()

    def answer(self, scope: tuple, request: dict[str, Any], run: Callable[[], Response]) -> Response:
        """Returns the response of `run()`, or the recorded one of an earlier call.

        `scope` is account, region and cluster. Calls with tokens run one after the other, so that two calls with the
        same token cannot both start tasks.
        """
        token = request.get("clientToken")
        if not token:
            return run()
        key, fingerprint = (*scope, token), json.dumps(request, sort_keys=True)
        with self._lock:
            self._forget()
            known = self._answers.get(key)
            if known is not None:
                _, first, response = known
                if first != fingerprint:
                    raise TokenConflictError(started_by(response))
                return _copy(response)
            response = run()
            if response[0] == 200:  # a refused request started nothing, so it may be corrected and sent again
                self._answers[key] = (self._clock(), fingerprint, _copy(response))
            return response

    def clear(self) -> None:
        """Removes every token."""
        with self._lock:
            self._answers.clear()

    def _forget(self) -> None:
        now = self._clock()
        for key, (made, _, response) in list(self._answers.items()):
            stops = [self._stopped_at(arn) for arn in started_by(response)]
            ended = bool(stops) and all(stop is not None and now - stop > AFTER_STOP_SECONDS for stop in stops)
            if ended or now - made > TOKEN_SECONDS:
                del self._answers[key]


def started_by(response: Response) -> list[str]:
    """Returns the ARNs of the tasks in a RunTask response."""
    return [task["taskArn"] for task in json.loads(response[2])["tasks"]]


def _copy(response: Response) -> Response:
    status, headers, body = response
    return status, dict(headers), body  # the HTTP layer writes into the headers
