#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone and twice: the public ones as strict C17 without help, those
of src/ the way the tree compiles them.
Usage: headers.py [-c COMPILER] [ROOT]"""
import argparse
import pathlib
import subprocess
import sys

PUBLIC = ["-std=c17", "-Wall", "-Wextra", "-pedantic"]
PRIVATE = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wno-unused-parameter",
           "-Wno-missing-field-initializers"]


def alone(compiler, root, include, flags):
    """What the compiler says about a file that includes only this header, or ''."""
    run = subprocess.run(
        [*compiler, "-fsyntax-only", "-Werror", *flags, "-I", root / "include",
         "-I", root / "src", "-x", "c", "-"],
        input=f"#include {include}\n#include {include}\nextern int s2c_unused;\n",
        capture_output=True, text=True, check=False)
    return run.stderr or "the compiler failed" if run.returncode else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--compiler", default="cc")
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    args = parser.parse_args()
    src, public = args.root / "src", args.root / "include"
    jobs = [(f"<{p.relative_to(public)}>", PUBLIC) for p in sorted(public.rglob("*.h"))]
    jobs += [(f'"{p.relative_to(src)}"', PRIVATE) for p in sorted(src.rglob("*.h"))]
    bad = 0
    for include, flags in jobs:
        if said := alone(args.compiler.split(), args.root, include, flags):
            print(f"{include} does not compile alone:\n{said}")
            bad += 1
    if not bad:
        print(f"{len(jobs)} headers compile alone")
    return 1 if bad or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
