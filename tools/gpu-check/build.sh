#!/usr/bin/env bash
# build.sh: makes artifacts/gpu-check.tar.gz, everything that run.sh needs beside the repository's files: the tests, the command and the
# runtime, below 28 MiB, for a Linux x64 machine that has a driver and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly most=$((28 << 20))
folder=artifacts/gpu-check bundle=artifacts/gpu-check.tar.gz

rm -rf "$folder" "$bundle"
dotnet publish tools/gpu-check -c Release -r linux-x64 --self-contained -p:Bundle=true -o "$folder" -v quiet --nologo
# Debuggers, garbage collectors that are not chosen, tracing; the test host and its reports; the shipped model, which the repository holds.
(cd "$folder" && rm -rf ./*.pdb ./*.xml createdump libmscordaccore.so libmscordbi.so libclrgc.so libclrgcexp.so libcoreclrtraceptprovider.so \
    testhost* Microsoft.TestPlatform* Microsoft.VisualStudio* Microsoft.Testing* NUnit3.TestAdapter* testcentric* coverlet* CodeCoverage InstrumentationEngine models)
# Without its list of files the host takes those that are there.
rm -f "$folder"/*.deps.json
tar -C artifacts -cf - gpu-check | gzip -9 >"$bundle"
size=$(stat -c %s "$bundle")
echo "$bundle: $(awk -v n="$size" 'BEGIN { printf "%.1f MiB", n / 1048576 }')"
[[ $size -le $most ]] || { echo "build.sh: $bundle has $size bytes, at most $most are wanted" >&2; exit 1; }
