#!/bin/sh
# A real SPIRE for `npm run test:spire`, into the directory $1 and nowhere else: it is built with Go, because only its
# source is published, as a module. `PATH=$1:$PATH` then has its two commands.
set -eu
here=${1:?a directory}
version=v1.13.3
mkdir -p "$here/source"
here=$(cd "$here" && pwd)
export GOPATH="$here/go" GOCACHE="$here/cache" GOBIN="$here" GOFLAGS=-modcacherw
cd "$here/source"
[ -f go.mod ] || go mod init narrowgate.test/spire
# Its module replaces others, which `go install …@version` refuses.
go get -tool "github.com/spiffe/spire/cmd/spire-server@$version" "github.com/spiffe/spire/cmd/spire-agent@$version"
# Not optimized, and without what only a debugger needs: they run for half a minute.
go install -gcflags='all=-N -l' -ldflags='-s -w' \
  github.com/spiffe/spire/cmd/spire-server github.com/spiffe/spire/cmd/spire-agent
rm -rf "$GOPATH" "$GOCACHE" "$here/source"
