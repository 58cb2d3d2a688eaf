# `make deploy`: sam build and sam deploy, with the functions built for the processor that the stack asks for. Plain sh.
#
#   STACK        the stack; default: samconfig.toml's
#   CONFIG_ENV   the section of samconfig.toml; default: default
#   SAM          the SAM CLI; default: sam
#   CARGO        default: cargo
#
# The first time it asks (--guided) and samconfig.toml keeps the answers; from then on it deploys by them. Ask again with GUIDED=1.
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
  lacks "the AWS SAM CLI (sam): install it with 'pipx install aws-sam-cli' or from https://docs.aws.amazon.com/serverless-application-model/, or name one by SAM=/path/to/sam"

# The section's own lines: what another environment says is not meant.
settings=$(awk -v one="[$environment.deploy.parameters]" -v other="[$environment.global.parameters]" \
  '/^\[/ { in_it = ($0 == one || $0 == other) } in_it && !/^#/' samconfig.toml)
architecture=$(printf '%s\n' "$settings" | sed -n 's/.*[" ]Architecture=\\*"*\([a-z0-9_]*\).*/\1/p' | tail -n 1)
[ -n "$architecture" ] ||
  architecture=$(awk '/^  Architecture:/ { in_it = 1 } in_it && $1 == "Default:" { print $2; exit }' template.yaml)
case $architecture in
  arm64) machine=aarch64 ;;
  x86_64) machine=x86_64 ;;
  *) lacks "a processor: samconfig.toml and template.yaml say Architecture=$architecture, which is neither arm64 nor x86_64" ;;
esac
here=$(uname -m | sed 's/^arm64$/aarch64/')
if [ "$(uname -s)" != Linux ] || [ "$here" != "$machine" ]; then
  LANDFALL_TARGET=${LANDFALL_TARGET:-$machine-unknown-linux-gnu}
  export LANDFALL_TARGET
fi
export CARGO="$cargo"

echo "building the functions for $architecture; the first time takes its time (make size says how much)"
"$sam" build --config-env "$environment"

guided=${GUIDED:-}
# --guided writes the Region there.
printf '%s\n' "$settings" | grep -q '^ *region *=' || guided=1
set -- deploy --config-env "$environment"
[ -z "${STACK:-}" ] || set -- "$@" --stack-name "$STACK"
[ -z "$guided" ] || set -- "$@" --guided
"$sam" "$@"
echo "deployed. Next: landfall doctor --stack ${STACK:-STACK}, then landfall status --stack ${STACK:-STACK}"
