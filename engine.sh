#!/bin/sh
# Runs the engine from its sources: builds engine.jar when it is missing or older than a source, then
# hands over the words as they are, for example
#   ./engine.sh train examples/quickstart.yaml
# ENGINE_JAVA_OPTS adds flags for its JVM, ENGINE_JAVA_HOME names the JDK (25 or newer) to run it.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
jar=$root/engine.jar

fail() {
  echo "engine: $1" >&2
  exit 2
}

# a folder is newer than the jar after a file in it was removed
stale() {
  [ ! -f "$jar" ] || [ -n "$(find "$root" \( -name target -o -name '.?*' \) -prune -o \
    \( -path '*/src/main*' -o -name pom.xml \) -newer "$jar" -print 2>/dev/null | head -n 1)" ]
}

java=java
if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then
  java=$JAVA_HOME/bin/java
fi
command -v "$java" >/dev/null 2>&1 ||
  fail "no java on the PATH: expected a JDK 25 or newer, got none. Install one, for example Temurin 25."

if stale; then
  command -v mvn >/dev/null 2>&1 ||
    fail "no mvn on the PATH: engine.jar is missing or older than its sources and is built by Maven 3.8 or newer. Install it (Debian: apt install maven)."
  echo "engine: building engine.jar, the first time takes a minute or two" >&2
  # touched, so that a build that had nothing to do is not repeated
  if mvn -q -B -f "$root/pom.xml" -pl cli -am -DskipTests package >&2; then
    touch "$jar"
  else
    echo "engine: the build of engine.jar failed, see above" >&2
    exit 1
  fi
fi

exec "$java" -jar "$jar" "$@"
