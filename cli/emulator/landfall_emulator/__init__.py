"""The local AWS emulator of Landfall: a pinned ministack, with patches for what it lacks.

main.py        starts and ends everything in order
options.py     reads the command line
assumptions.py checks at start that ministack's internals are as the patches expect
environment.py limits what processes see of the machine's environment
guardian.py    ends every child if this process is killed
processes.py   starts and ends children
server.py      runs the HTTP server and handles signals
permissions.py decides whether IAM allows a service or a role an action
tasks/         runs ECS tasks as local processes
patches/       changes ministack, one change and its reason per module
"""

EMULATOR_VERSION = "1.5.33"
"""The version of ministack that the patches are written for."""
