#!/bin/sh
# Prometheus and its promtool for `npm run test:metrics`, into the directory $1, from Debian's package; nothing is installed
# into the system. The lists of packages must be there (`apt-get update`, once).
set -eu
here=${1:?a directory}
mkdir -p "$here/packages" "$here/root"
here=$(cd "$here" && pwd)
cd "$here/packages"
apt-get -qq -o APT::Sandbox::User=root download prometheus
dpkg -x prometheus_*.deb "$here/root"
