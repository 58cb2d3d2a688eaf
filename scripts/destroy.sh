# `make destroy`: sam delete, and what it keeps. Plain sh.
#
#   STACK        the stack, to be named: this is no place for a default
#   CONFIG_ENV   the section of samconfig.toml, for its Region; default: default
#   SAM          the SAM CLI; default: sam
set -eu
cd "$(dirname "$0")/.."
sam=${SAM:-sam}
[ -n "${STACK:-}" ] || {
  echo "which stack? make destroy STACK=name" >&2
  exit 1
}
"$sam" --version >/dev/null 2>&1 || {
  echo "missing: the AWS SAM CLI (sam); name one by SAM=/path/to/sam" >&2
  exit 1
}
# Asked before, for the stack cannot say it afterwards.
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

Kept, because it cannot be made again:
  s3://$state    the board, the ledger, releases and runs
  s3://$docs    the docs
  s3://$landing    what landed (yours, or made by the stack)
Also there: task definitions of the family $STACK-dbt, images in your registry, and what dbt built in the warehouse. Of tasks that run now each runs
to its end, and nobody settles it.

To remove a bucket with all its versions (for the landing bucket only if nothing else uses it):
  aws s3api list-object-versions --bucket BUCKET --output json --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' > versions.json
  aws s3api delete-objects --bucket BUCKET --delete file://versions.json      # a thousand at a time: repeat both until there are none
  aws s3 rb s3://BUCKET
To remove the task definitions:
  aws ecs list-task-definitions --family-prefix $STACK-dbt --query 'taskDefinitionArns[]' --output text | tr '\t' '\n' |
    xargs -n 1 aws ecs deregister-task-definition --no-cli-pager --task-definition
KEPT
