#!/usr/bin/env bash
# coverage.sh FOLDER: the share of lines that any of the Cobertura reports below a folder saw run, for each project.
set -euo pipefail
find "$1" -name '*.cobertura.xml' -exec cat {} + | awk '
    function value(name) {
        return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : ""
    }
    /<package / { project = value("name") }
    /<class / { file = value("filename") }
    /<line / {
        # Lines stand in methods and again in their class, and a file in several reports: each counts once.
        line = project SUBSEP file SUBSEP value("number")
        if (!(line in known)) { known[line]; lines[project]++ }
        if (value("hits") > 0 && !(line in hit)) { hit[line]; hits[project]++ }
    }
    END {
        for (project in lines) {
            printf "%-20s %5.1f %%   %6d of %6d lines\n", project, 100 * hits[project] / lines[project], hits[project], lines[project] | "sort"
            found = 1
        }
        exit !found
    }'
