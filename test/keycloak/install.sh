#!/bin/sh
# A real Keycloak for `npm run test:keycloak`, into the directory $1 and nowhere else; nothing is started. It takes Maven
# and Java 17 or newer.
set -eu
here=${1:?a directory}
mkdir -p "$here"
cd "$here"
here=$(pwd)
# (Outside a project Maven leaves a mark in a directory that is called like its own variable.)
mvn -q -B -Dmaven.repo.local="$here/repository" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack \
  -Dartifact=org.keycloak:keycloak-quarkus-dist:26.4.7:zip -DoutputDirectory="$here"
rm -rf repository '${project.basedir}'
ln -sfn keycloak-26.4.7 "$here/keycloak"
