#!/usr/bin/env bash
# Runs the JMH benchmarks; arguments go to JMH. usage: benchmarks/kernels.sh PackedProductBenchmark -p format=Q8_0,Q4_K -p tokens=1
# Build first: mvn -q -DskipTests package. JDK 25 is taken from JAVA_HOME.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
libraries=$(find "$HOME/.m2/repository" -name 'jmh-core-1.*.jar' -o -name 'jopt-simple-5.*.jar' -o -name 'commons-math3-3.*.jar' | tr '\n' ':')
exec "${JAVA_HOME:?set it to a JDK 25}/bin/java" --add-modules=jdk.incubator.vector \
  -cp "$root/benchmarks/target/classes:$root/engine.jar:$libraries" org.openjdk.jmh.Main "$@"
