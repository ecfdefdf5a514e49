#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a program as a C array: embed.py PROGRAM OUT.c"""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
rows = [", ".join(str(b) for b in data[i:i + 20]) for i in range(0, len(data), 20)]
pathlib.Path(sys.argv[2]).write_text(
    '#include "runtime/init_image.h"\n\nconst unsigned char s2c_init_image[] = {\n'
    + ",\n".join(rows)
    + "\n};\nconst size_t s2c_init_image_len = sizeof(s2c_init_image);\n")
