#!/usr/bin/env bash
# AFL++ over every reader, one after another, for so many seconds each: tools/fuzz.sh SECONDS [TARGET…]
# Needs afl++ (apt-get install afl++) and the tool sharpfuzz (dotnet tool install SharpFuzz.CommandLine --version 2.3.0).
# Findings and queues are kept in $LEDGER_FUZZ, by default a folder of the temporary ones.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1; shift
for needed in afl-fuzz sharpfuzz; do
  command -v "$needed" >/dev/null || { echo "$needed is not here: docs/fuzzing.md" >&2; exit 69; }
done
work=${LEDGER_FUZZ:-$(mktemp -d)}
echo "findings in $work"
dotnet build tests/Ledger.Benchmarks -c Release -v q -nologo -p:CompilesAhead=false # branches are marked in plain assemblies
rm -rf "$work/bin"; mkdir -p "$work/bin"; cp -r tests/Ledger.Benchmarks/bin/Release/net10.0/. "$work/bin/"
for library in Ledger.Domain Ledger.Ingest Ledger.Journal; do sharpfuzz "$work/bin/$library.dll"; done
[ $# -gt 0 ] || set -- tests/Ledger.Tests/Corpus/*/
export AFL_SKIP_BIN_CHECK=1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1
# The reader allocates at most 256 MiB for one input; the runtime reserves far more than it uses, so the heap is bounded.
export DOTNET_GCHeapHardLimit=0x20000000 DOTNET_TieredPGO=0
failed=0
for folder in "$@"; do
  target=$(basename "$folder")
  nice -n 19 timeout $((seconds + 60)) afl-fuzz -i "tests/Ledger.Tests/Corpus/$target" -o "$work/$target" -t 1000 -m none \
    -V "$seconds" -- dotnet "$work/bin/Ledger.Benchmarks.dll" fuzz "$target" > "$work/$target.log" 2>&1 || true
  stats="$work/$target/default/fuzzer_stats"
  if [ ! -f "$stats" ]; then echo "$target: did not start, see $work/$target.log"; failed=1; continue; fi
  value() { sed -n "s/^$1 *: *//p" "$stats"; }
  echo "$target inputs=$(value execs_done) paths=$(value corpus_count) crashes=$(value saved_crashes) hangs=$(value saved_hangs)"
  [ "$(value saved_crashes)" = 0 ] && [ "$(value saved_hangs)" = 0 ] || failed=1
done
exit $failed
