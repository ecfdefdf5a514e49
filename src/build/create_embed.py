#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes templates as a table of C strings: create_embed.py OUT.c NAME.in..."""
import pathlib
import sys


def literal(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return "\n\t\t".join(f'"{line}\\n"' for line in escaped.rstrip("\n").split("\n"))


rows = [f'\t{{"{pathlib.Path(name).name.removesuffix(".in")}",\n\t\t{literal(pathlib.Path(name).read_text())}}},\n'
        for name in sys.argv[2:]]
pathlib.Path(sys.argv[1]).write_text(
    '#include "build/create.h"\n\nconst struct s2c_create_template s2c_create_templates[] = {\n'
    + "".join(rows) + "\t{0},\n};\n")
