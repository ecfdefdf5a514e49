#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a cmocka program and mends its TAP: version 1.1.5 writes skipped tests as
"not ok 1 # SKIP name", which every reader takes for failed. A line "# skip: REASON" before
(skip_because() of helper.h writes it) becomes part of the name, so that reports show it."""
import re
import subprocess
import sys

with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, errors="replace") as run:
    reason = ""
    for line in run.stdout:
        if m := re.match(r"# skip: (.*)", line):
            reason = m[1]
            continue
        if m := re.match(r"not ok (\d+) # SKIP (.*)", line):
            line = f"ok {m[1]} - {m[2]}: {reason or 'no reason'} # SKIP {reason}\n"
            reason = ""
        sys.stdout.write(line)
        sys.stdout.flush()
sys.exit(run.returncode if run.returncode >= 0 else 128 - run.returncode)
