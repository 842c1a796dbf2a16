#!/usr/bin/env bash
# totals.sh FOLDER: adds up the TRX reports below a folder. Last line: "N passed, N failed". Fails when a test failed or none ran.
set -euo pipefail
find "$1" -name '*.trx' -exec cat {} + | awk -v FOLDER="$1" '
    # A report names its tests and ends with one element <Counters total=".." executed=".." passed=".." failed=".." .../>.
    function count(name) {
        return match($0, " " name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0 : 0
    }
    /<Counters / {
        passed += count("passed")
        failed += count("failed") + count("error") + count("timeout") + count("aborted")
        idle += count("total") - count("executed")
    }
    END {
        if (idle > 0) print idle " not run (the reports below " FOLDER " say why)"
        print passed + 0 " passed, " failed + 0 " failed"
        exit failed > 0 || passed == 0
    }'
