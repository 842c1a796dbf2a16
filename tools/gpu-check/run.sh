#!/usr/bin/env bash
# run.sh [DEVICE] [--quick]: on a machine with a GPU, unpacks what build.sh made and runs the full-size benchmarks, parity and the tests on that
# device (cuda when none is named), 8 minutes at most. Wants no .NET, no network. Writes 3.4 GB to the temporary folder. --quick takes the shipped
# model and a few tests instead, and writes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ -f artifacts/gpu-check.tar.gz ]] || { echo "run.sh: artifacts/gpu-check.tar.gz is missing; tools/gpu-check/build.sh makes it" >&2; exit 2; }
tar -xzf artifacts/gpu-check.tar.gz -C artifacts
exec artifacts/gpu-check/kosmos2-gpu-check "$@"
