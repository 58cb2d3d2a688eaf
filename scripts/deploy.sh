#!/bin/sh
# Builds the functions and deploys the stack (`make deploy`): sam build, then sam deploy, for the processor in the
# parameter Architecture.
#
#   STACK        name of the stack; default: the one in samconfig.toml
#   CONFIG_ENV   environment in samconfig.toml; default: default
#   SAM          the SAM CLI; default: sam
#   CARGO        default: cargo
#   GUIDED       1 asks for the parameters again
#
# The first deploy asks for the parameters (--guided) and keeps the answers in samconfig.toml. Later ones use these
# answers.
set -eu
cd "$(dirname "$0")/.."
sam=${SAM:-sam}
cargo=${CARGO:-cargo}
environment=${CONFIG_ENV:-default}

lacks() {
  echo "missing: $1" >&2
  exit 1
}
"$sam" --version >/dev/null 2>&1 ||
  lacks "the AWS SAM CLI (sam): install it with 'pipx install aws-sam-cli' or from https://docs.aws.amazon.com/serverless-application-model/, or set SAM=/path/to/sam"

# Only the lines of this environment's sections.
settings=$(awk -v one="[$environment.deploy.parameters]" -v other="[$environment.global.parameters]" \
  '/^\[/ { in_it = ($0 == one || $0 == other) } in_it && !/^#/' samconfig.toml)
architecture=$(printf '%s\n' "$settings" | sed -n 's/.*[" ]Architecture=\\*"*\([a-z0-9_]*\).*/\1/p' | tail -n 1)
[ -n "$architecture" ] ||
  architecture=$(awk '/^  Architecture:/ { in_it = 1 } in_it && $1 == "Default:" { print $2; exit }' template.yaml)
case $architecture in
  arm64) machine=aarch64 ;;
  x86_64) machine=x86_64 ;;
  *) lacks "a known processor: Architecture=$architecture in samconfig.toml or template.yaml is neither arm64 nor x86_64" ;;
esac
here=$(uname -m | sed 's/^arm64$/aarch64/')
if [ "$(uname -s)" != Linux ] || [ "$here" != "$machine" ]; then
  LANDFALL_TARGET=${LANDFALL_TARGET:-$machine-unknown-linux-gnu}
  export LANDFALL_TARGET
fi
export CARGO="$cargo"

echo "building the functions for $architecture; the first build takes about 15 minutes on two cores"
"$sam" build --config-env "$environment"

guided=${GUIDED:-}
# --guided writes the Region, so a section without one was never answered.
printf '%s\n' "$settings" | grep -q '^ *region *=' || guided=1
set -- deploy --config-env "$environment"
[ -z "${STACK:-}" ] || set -- "$@" --stack-name "$STACK"
[ -z "$guided" ] || set -- "$@" --guided
"$sam" "$@"
echo "deployed. Next, run 'landfall doctor --stack ${STACK:-STACK}', then 'landfall status --stack ${STACK:-STACK}'"
