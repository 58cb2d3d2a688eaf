"""ECS tasks as local processes.

request.py      RunTask: what AWS refuses, and in which words
idempotency.py  clientToken
record.py       a task as DescribeTasks shows it
state_change.py the "ECS Task State Change" event of a task
images.py       image reference -> local command
container.py    one container as a process
output.py       its output to a file and to CloudWatch Logs
metadata.py     the task metadata endpoint and the task role's credentials
run.py          one task's life
manager.py      all tasks: start, stop, forget
"""
