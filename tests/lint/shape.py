#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of files: an SPDX line first, at most 700 lines in src/, 100 columns (tabs are 8;
clang-format aims at 90), no blanks at the end of a line."""
import pathlib
import sys

LINES_MAX, COLUMNS_MAX = 700, 100
PATTERNS = ["src/**/*.[ch]", "include/**/*.h", "tests/**/*.[ch]", "tests/lint/*.py"]


def findings(rel, text):
    lines = text.split("\n")
    if not any("SPDX-License-Identifier:" in line for line in lines[:2]):
        yield f"{rel}:1: no SPDX line"
    if rel.startswith(("src/", "include/")) and text.count("\n") > LINES_MAX:
        yield f"{rel}: {text.count(chr(10))} lines; split it at {LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > COLUMNS_MAX and "://" not in line:
            yield f"{rel}:{number}: {len(line.expandtabs(8))} columns"
        if line != line.rstrip():
            yield f"{rel}:{number}: blanks at the end"


def main(root):
    files = sorted({p for pattern in PATTERNS for p in root.glob(pattern)})
    bad = [f for p in files for f in findings(p.relative_to(root).as_posix(), p.read_text())]
    print("\n".join(bad) if bad else f"{len(files)} files are in shape")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
