#!/usr/bin/env bash
# Builds everything and runs every test. --install first installs the Debian packages that the fuller tests need.
# --long also runs the long campaigns (crash cycles, millions of property samples).
# --fuzz SECONDS runs AFL++ over each reader for so long instead (docs/fuzzing.md).
set -euo pipefail
cd "$(dirname "$0")"
packages="strace python3 python3-openpyxl postgresql"
# Debian keeps PostgreSQL's server programs off the path, in a folder of their version.
is_there() {
  case "$1" in
    postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
    python3-openpyxl) /usr/bin/python3 -c 'import openpyxl' ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}
if [ "${1:-}" = --fuzz ]; then exec tools/fuzz.sh "${2:-60}"; fi
for argument in "$@"; do
  case "$argument" in
    --install) apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages ;;
    --long) export LEDGER_LONG=1 ;;
    *) echo "usage: ./test.sh [--install] [--long] | --fuzz [SECONDS]" >&2; exit 64 ;;
  esac
done
for package in $packages; do
  is_there "$package" || echo "Some tests are skipped by name; to run them: apt-get install -y $packages"
done
dotnet build Ledger.sln -c Release
dotnet test --project tests/Ledger.Tests/Ledger.Tests.csproj -c Release --no-build
