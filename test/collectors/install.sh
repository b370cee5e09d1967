#!/bin/sh
# Real sinks for `npm run test:export`, into the directory $1 and nowhere else: OpenTelemetry's collector, which Go builds
# of its published modules in some minutes; a server with the API of S3; and the schema of OCSF with its own validator.
set -eu
here=${1:?a directory}
version=v0.161.0
mkdir -p "$here/source"
here=$(cd "$here" && pwd)

cat >"$here/source/builder.yaml" <<EOF
dist: { name: otelcol, output_path: $here/source/dist, module: narrowgate.test/otelcol }
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $version
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter $version
EOF
(
  export GOPATH="$here/go" GOCACHE="$here/cache" GOBIN="$here/source" GOFLAGS=-modcacherw
  go install "go.opentelemetry.io/collector/cmd/builder@$version"
  # It checks Signature Version 4, which many stand-ins for S3 do not.
  go install -ldflags='-s -w' github.com/versity/versitygw/cmd/versitygw@v1.8.0
  "$here/source/builder" --config "$here/source/builder.yaml" --ldflags='-s -w'
)
mv "$here/source/dist/otelcol" "$here/source/versitygw" "$here/"
rm -rf "$here/go" "$here/cache" "$here/source"

python3 -m venv "$here/venv"
"$here/venv/bin/pip" -q install --disable-pip-version-check ocsf-json-schema==1.2.0 jsonschema==4.25.1
