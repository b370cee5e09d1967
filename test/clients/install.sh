#!/bin/sh
# Clients that nobody here wrote, in exact versions, into the directory $1 for `npm run test:clients`.
set -eu
there=${1:?a directory}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$there/npm"
there=$(cd "$there" && pwd)

# No install script of a package is needed, so none runs.
cp "$here/npm/package.json" "$here/npm/package-lock.json" "$there/npm"
npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$there/npm" &

# LangChain's adapters and the OpenAI Agents SDK want the first generation of `mcp`, fastmcp the second.
for environment in "$here"/python/*.txt; do
  name=$(basename "$environment" .txt)
  {
    python3 -m venv "$there/$name"
    "$there/$name/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$environment"
  } &
done
wait
