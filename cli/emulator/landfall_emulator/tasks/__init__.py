"""ECS tasks as local processes.

request.py      checks RunTask requests and gives AWS's error messages
idempotency.py  clientToken
record.py       a task as DescribeTasks shows it
state_change.py the "ECS Task State Change" event of a task
images.py       image reference -> local command
container.py    one container as a process
output.py       container output to a file and to CloudWatch Logs
metadata.py     the task metadata endpoint and the task role's credentials
run.py          the life cycle of one task
manager.py      all tasks: start, stop, remove
"""
