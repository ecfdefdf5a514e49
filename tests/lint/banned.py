#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that do not occur in src/, with the reason or the replacement, as file:line.
Comments and strings are blanked first. Includes are checked by layers.py."""
import fnmatch
import pathlib
import re
import sys

# What (not as the end of a longer name, nor as a member), why, and where it is fine.
BANNED = [
    (r"(strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|gets|strtok)\s*\(",
     "unbounded or easily wrong: use s2c_buf, xasprintf, snprintf", []),
    (r"(atoi|atol|atoll|atof|[fs]?scanf|vsscanf)\s*\(", "no error on bad numbers", []),
    (r"(system|popen)\s*\(", "no shell: use s2c_process_run", []),
    (r"(mktemp|tmpnam|tempnam|tmpfile)\s*\(", "use s2c_fs_random_name with O_EXCL", []),
    (r"(alloca|strdupa|strndupa)\s*\(", "no stack of a peer's size", []),
    (r"(u|nano|clock_nano)?sleep\s*\(", "wait with s2c_ctx_poll", []),
    (r"(localtime|gmtime|ctime|asctime)\s*\(", "use the _r variant", []),
    (r"(exit|_Exit|quick_exit|abort)\s*\(", "the library does not exit",
     ["util/mem.h", "cli/*"]),
    (r"(v?printf|v?fprintf|v?dprintf|puts|fputs|putchar|fputc|perror|errx|warnx?)\s*\(",
     "the library does not print: emit an event or an error", ["cli/*"]),
    (r"cJSON_", "use codec/json.h", ["codec/json.c"]),
    (r"curl_", "use http/client.h", ["http/client*.c", "http/client_lane.h"]),
    (r"yaml_", "use codec/yaml.h", ["codec/yaml.c"]),
    (r"archive_(read|write|entry|error|errno)", "use codec/tar.h", []),
    (r"EVP_", "use codec/digest.h", ["codec/digest.c"]),
    (r"(pthread|thrd)_", "use util/pool.h", ["util/pool.c"]),
    (r"(pipe|dup|accept|creat|vfork|inotify_init|epoll_create)\s*\(",
     "leaks into children: use the variant that sets close-on-exec", []),
    (r"typedef\s+(struct|union|enum)\b", "tags, no typedefs", []),
    (r"^\s*(out|cleanup|fail|error|done|end)\s*:(?!:)", "CLEAN scopes instead of labels", []),
]
# Calls that must name close-on-exec, or pass flags made elsewhere.
OPENING = re.compile(
    r"(?<![\w.>])(open|openat|memfd_create|socket|socketpair|pipe2|accept4|eventfd|fopen|"
    r"signalfd|timerfd_create|epoll_create1|inotify_init1|open_by_handle_at|mkostemp)\s*\(")
BLANK = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S)


def blank(text, keep_strings):
    """The text with comments (and strings) made blank, lines kept."""
    def one(m):
        if keep_strings and m[0][0] in "\"'":
            return m[0]
        return re.sub(r"[^\n]", " ", m[0])
    return BLANK.sub(one, text)


def arguments(text, start):
    """The text between a parenthesis that was opened before `start` and its end."""
    depth, at = 1, start
    while depth and at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start:at]


def findings(rel, raw):
    text, with_strings = blank(raw, False), blank(raw, True)
    for pattern, why, fine in BANNED:
        if any(fnmatch.fnmatch(rel, f) for f in fine):
            continue
        start = "" if pattern.startswith("^") else r"(?<![\w.>])"
        for m in re.finditer(start + pattern, text, re.M):
            yield m.end() - len(m[0].lstrip()), m[0].strip(" (\t\n"), why
    for m in OPENING.finditer(text):
        wanted = r'"[a-z+]*e[a-z+]*"' if m[1] == "fopen" else r"CLOEXEC|CLO_|(?i:flags)"
        if not re.search(wanted, arguments(with_strings, m.end())):
            yield m.start(), m[1], "without close-on-exec"


def main(root):
    src, bad, files = root / "src", 0, sorted((root / "src").rglob("*.[ch]"))
    for path in files:
        raw = path.read_text()
        for at, name, why in sorted(findings(path.relative_to(src).as_posix(), raw)):
            print(f"{path.relative_to(root)}:{raw.count(chr(10), 0, at) + 1}: {name}: {why}")
            bad += 1
    if not bad:
        print(f"{len(files)} files use no banned name")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
