#!/usr/bin/env bash
# Measures the kernels beside the machine's own limits, or runs JMH with the words given.
#   benchmarks/kernels.sh kernels --quick              # less than a minute
#   benchmarks/kernels.sh kernels --only gemm,rows --threads 2 --json kernels.json
#   benchmarks/kernels.sh PackedProductBenchmark -p format=Q8_0,Q4_K -p tokens=1
# Build first: mvn -q -DskipTests package. The JDK, 25 or newer, is that of ENGINE_JAVA_HOME, JAVA_HOME or the newest installed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for home in "${ENGINE_JAVA_HOME:-}" "${JAVA_HOME:-}" $(ls -d /usr/lib/jvm/*/ 2>/dev/null | sort -rV); do
  if [ -x "$home/bin/java" ] && [ "$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null || echo 0)" -ge 25 ]; then
    exec "$home/bin/java" --add-modules=jdk.incubator.vector -jar "$root/benchmarks/target/benchmarks.jar" "$@"
  fi
done
echo "kernels.sh: expected a JDK 25 or newer, found none. Set JAVA_HOME." >&2
exit 2
