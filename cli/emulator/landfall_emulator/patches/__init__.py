"""Changes to ministack, one per module.

Each module says what ministack does ("Stock"), what AWS does, and what it does here.

functions.py               function processes: environment, process groups, logs
async_invocation.py        asynchronous invocations: retries, failure destinations, dead-letter queues
event_targets.py           EventBridge rules -> functions and queues
event_sources.py           SQS -> functions: batching window, large batches, polling
message_delays.py          DelaySeconds of SQS messages
object_events.py           S3 events on EventBridge
schedules.py               EventBridge Scheduler
ecs_tasks.py               RunTask and StopTask
ecs_authorization.py       IAM of ECS calls
schedule_authorization.py  IAM of Scheduler calls
transport.py               aws:SecureTransport
"""

import os
from typing import TYPE_CHECKING

from ..options import Options
from ..processes import Processes

if TYPE_CHECKING:  # importing it imports ministack, which needs its environment first
    from ..tasks.manager import Tasks


def apply_all(given: Options, endpoint: str, processes: Processes) -> "Tasks":
    """Applies every patch, or raises IncompatibleEmulatorError. Returns the manager of ECS tasks."""
    from ..tasks.images import Images
    from ..tasks.metadata import Metadata
    from ..tasks.run import TaskHost
    from . import (
        async_invocation,
        ecs_authorization,
        ecs_tasks,
        event_sources,
        event_targets,
        functions,
        message_delays,
        object_events,
        schedule_authorization,
        schedules,
        transport,
    )

    machine = dict(os.environ)
    functions.apply(given, endpoint, processes, machine)
    async_invocation.apply()
    event_targets.apply()
    event_sources.apply()
    message_delays.apply()
    object_events.apply()
    schedules.apply()
    ecs_authorization.apply()
    schedule_authorization.apply()
    transport.apply()
    host = TaskHost(Images(given.images), Metadata(), given.data, endpoint, processes.popen_class(), machine)
    return ecs_tasks.apply(host)
