#!/bin/sh
# Deletes a stack (`make destroy`) and says what remains.
#
#   STACK        name of the stack; required, so that no default is deleted by mistake
#   CONFIG_ENV   environment in samconfig.toml, which holds the Region; default: default
#   SAM          the SAM CLI; default: sam
set -eu
cd "$(dirname "$0")/.."
sam=${SAM:-sam}
[ -n "${STACK:-}" ] || {
  echo "missing: the name of the stack; run make destroy STACK=name" >&2
  exit 1
}
"$sam" --version >/dev/null 2>&1 || {
  echo "missing: the AWS SAM CLI (sam): install it with 'pipx install aws-sam-cli', or set SAM=/path/to/sam" >&2
  exit 1
}
# Read before the deletion: afterwards the stack has no outputs.
outputs=$("$sam" list stack-outputs --stack-name "$STACK" --config-env "${CONFIG_ENV:-default}" --output json)
bucket() {
  printf '%s\n' "$outputs" | tr -d ' \n' | tr '{' '\n' |
    sed -n "s/.*\"OutputKey\":\"$1\".*/&/p" | sed -n 's/.*"OutputValue":"\([^"]*\)".*/\1/p'
}
state=$(bucket StateBucket)
docs=$(bucket DocsBucket)
landing=$(bucket LandingBucket)
"$sam" delete --stack-name "$STACK" --config-env "${CONFIG_ENV:-default}"

cat <<KEPT

These buckets remain, because their content cannot be recreated:
  s3://$state    the board, the ledger, releases and runs
  s3://$docs    the docs
  s3://$landing    what landed (your bucket, or the stack's)
These remain too: the task definitions of the family $STACK-dbt, the images in your own repository, and what dbt built in
the warehouse. Running tasks run to their end, but their results are not recorded.

To remove a bucket with all its versions (the landing bucket only if nothing else uses it):
  aws s3api list-object-versions --bucket BUCKET --output json --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' > versions.json
  aws s3api delete-objects --bucket BUCKET --delete file://versions.json      # 1,000 at a time: repeat both until none are left
  aws s3 rb s3://BUCKET
To remove the task definitions:
  aws ecs list-task-definitions --family-prefix $STACK-dbt --query 'taskDefinitionArns[]' --output text | tr '\t' '\n' |
    xargs -n 1 aws ecs deregister-task-definition --no-cli-pager --task-definition
KEPT
