#!/bin/bash
# Clients that nobody here wrote, in exact versions, into the directory $1 for `npm run test:clients`: with npm, pip, Go,
# Cargo and Maven.
set -euo pipefail
mkdir -p "${1:?a directory}/npm"
there=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

# Their install scripts are not needed. `npm ci` would refuse a lock that lacks an optional package for Windows.
javascript() {
  cp "$here/npm/package.json" "$here/npm/package-lock.json" "$there/npm"
  npm install --no-save --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$there/npm"
}

# Agents of a terminal, whose programs are large; the first links its own to where it is looked for.
terminal() {
  mkdir -p "$there/terminal"
  cp "$here/terminal/package.json" "$there/terminal"
  npm install --no-save --no-package-lock --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$there/terminal"
  node "$there/terminal/node_modules/@anthropic-ai/claude-code/install.cjs"
}

# LangChain's adapters and the OpenAI Agents SDK need the first generation of `mcp`, fastmcp and the frameworks for agents
# the second; those pin other versions of fastmcp.
python() {
  python3 -m venv "$there/$1"
  "$there/$1/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$here/python/$1.txt"
}

go_clients() {
  cd "$here/go"
  go build -o "$there/go-client" .
  go build -o "$there/go-mcp" ./mcp
}

# Cargo writes its lock beside the manifest.
rust_client() {
  cp -r "$here/rust" "$there"
  cargo build --quiet --manifest-path "$there/rust/Cargo.toml"
  mv "$there/rust/target/debug/rmcp-client" "$there"
  rm -r "$there/rust"
}

java_client() {
  mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$there/java"
}

jobs=()
javascript & jobs+=($!)
terminal & jobs+=($!)
python mcp-1 & jobs+=($!)
python mcp-2 & jobs+=($!)
python agents & jobs+=($!)
go_clients & jobs+=($!)
rust_client & jobs+=($!)
java_client & jobs+=($!)
for job in "${jobs[@]}"; do wait "$job"; done
