"""The local AWS emulator of Landfall: ministack, pinned, with what it lacks.

main.py        the order of things at start and end
options.py     the command line
assumptions.py what must be true of ministack's internals, checked at start
guardian.py    ends every child if this process is killed
processes.py   starts and ends children
server.py      the socket, the HTTP server, signals
permissions.py whether a service or a role may do something, when IAM is enforced
tasks/         ECS tasks as local processes
patches/       each change to ministack in a module of its own, with its reason
"""

EMULATOR_VERSION = "1.5.33"
"""The one version of ministack whose internals the patches know."""
