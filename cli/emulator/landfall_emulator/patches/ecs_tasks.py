"""RunTask and StopTask.

Stock: without Docker a task stays RUNNING forever. There are no events, clientToken is ignored, and unknown clusters
are created. If the package `docker` is installed, tasks go to a Docker daemon.
AWS: see the modules in tasks/.
Here: both calls use local processes, and ministack never looks for Docker.
"""

from ..assumptions import module, replace, require
from ..tasks.manager import Tasks
from ..tasks.run import TaskHost


def apply(host: TaskHost) -> Tasks:
    """Installs the manager of local tasks and returns it."""
    ecs = module("ministack.services.ecs")
    actions = require(ecs, "_ACTION_MAP")
    tasks = Tasks(host)
    replace(ecs, "_get_docker", lambda: None, ())
    replace(ecs, "_run_task", tasks.run_task, ("data",))
    replace(ecs, "_stop_task", tasks.stop_task, ("data",))
    actions["RunTask"], actions["StopTask"] = tasks.run_task, tasks.stop_task
    stock_reset = require(ecs, "reset", ())

    def reset() -> None:
        tasks.reset()
        stock_reset()

    replace(ecs, "reset", reset)
    return tasks
