#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A lint that cannot fail protects nothing: plants one violation at a time in a small tree
and sees that the lint reports it, and that the tree without any is fine."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FLOORS = """\
floor 0  util:
floor 1  codec:  util
floor 2  image:  codec util
floor 2  http:   codec util
floor 3  cli:    util
public   util:   error.h
public   image:  reference.h
"""
CLEAN_TREE = {
    "src/FLOORS": FLOORS,
    "include/s2c/error.h": "int s2c_a(void);\n",
    "include/s2c/reference.h": "#include <s2c/error.h>\n",
    "src/util/a.h": "#include <s2c/error.h>\n",
    "src/codec/b.h": '#include "util/a.h"\n',
    "src/codec/backend.h": "int s2c_b(void);\n",
    "src/codec/json.c": '#include <cJSON.h>\n#include "codec/backend.h"\n',
    "src/image/c.h": '#include "codec/b.h"\n',
    "src/image/c.c": '/* SPDX-License-Identifier: Apache-2.0 */\n#include "image/c.h"\n'
                     '/* strcpy( in a comment */ const char *s = "system(";\n'
                     "int n = ops->open(a);\nint m = open(a, O_RDONLY | O_CLOEXEC);\n",
    "src/http/d.h": "int s2c_d(void);\n",
    "src/cli/main.c": '#include <s2c/reference.h>\n#include "util/a.h"\nexit(2);\n',
}
# lint, file, text, what it must say
PLANTED = [
    ("layers", "src/util/x.c", '#include "codec/b.h"', "room 'util' may not include"),
    ("layers", "src/image/x.c", '#include "http/d.h"', "room 'image' may not include"),
    ("layers", "src/image/x.c", '#include "codec/backend.h"', "for the room 'codec' only"),
    ("layers", "src/image/x.c", '#include "c.h"', "is no header of src/"),
    ("layers", "src/image/x.c", '#include "image/none.h"', "is no header of src/"),
    ("layers", "src/codec/x.c", "#include <s2c/reference.h>", "may not include <s2c/ref"),
    ("layers", "src/codec/x.c", "#include <s2c/none.h>", "has no room"),
    ("layers", "src/cli/x.c", '#include "codec/b.h"', "room 'cli' may not include"),
    ("layers", "src/util/a.h", '#include "util/e.h"\n#include <s2c/error.h>', "no header"),
    ("layers", "src/attic/x.c", "", "no room of src/FLOORS owns"),
    ("layers", "include/s2c/new.h", "", "no room of src/FLOORS owns"),
    ("layers", "include/s2c/error.h", '#include "util/a.h"', "a public header may not"),
    ("layers", "include/s2c/error.h", "#include <s2c/reference.h>", "of 'image'"),
    ("layers", "src/image/x.c", "#include <cjson/cJSON.h>", "belongs to codec/json.c"),
    ("layers", "src/image/x.c", "\n#include <pthread.h>", "src/image/x.c:2:"),
    ("layers", "src/codec/b.h", '#include "codec/b.h"', "include cycle: codec/b.h ->"),
    ("layers", "src/FLOORS", FLOORS.replace("codec:  util", "codec:  image"), "not below"),
    ("layers", "src/FLOORS", FLOORS + "room 9\n", "cannot read"),
    ("headers", "src/util/x.h", "size_t s2c_x(void);", '"util/x.h" does not compile'),
    ("headers", "include/s2c/error.h", "struct e {};", "<s2c/error.h> does not compile"),
    ("headers", "src/util/x.h", "struct x { int a; };", "does not compile"),
    ("banned", "src/util/x.c", "\nstrcpy(a, b);", "src/util/x.c:2: strcpy:"),
    ("banned", "src/util/x.c", "int n = atoi(s);", "atoi"),
    ("banned", "src/util/x.c", "system(s);", "system"),
    ("banned", "src/util/x.c", "exit(1);", "exit"),
    ("banned", "src/util/x.c", "fprintf(stderr, s);", "fprintf"),
    ("banned", "src/util/x.c", "usleep(1);", "usleep"),
    ("banned", "src/util/x.c", "t = gmtime(&now);", "gmtime"),
    ("banned", "src/util/x.c", "cJSON_Parse(s);", "cJSON_"),
    ("banned", "src/util/x.c", "yaml_parser_parse(&p, &e);", "yaml_"),
    ("banned", "src/util/x.c", "pthread_create(a);", "pthread_"),
    ("banned", "src/util/x.c", "fd = open(path,\n\tO_RDONLY);", "without close-on-exec"),
    ("banned", "src/util/x.c", 'f = fopen(path, "r");', "without close-on-exec"),
    ("banned", "src/util/x.c", "pipe(ends);", "pipe"),
    ("banned", "src/util/x.c", "typedef struct x x;", "typedef"),
    ("banned", "src/util/x.c", "\tfoo();\nout:\n", "x.c:2: out:"),
    ("shape", "src/util/x.c", "int a;\n", "no SPDX line"),
    ("shape", "src/util/x.c", "/* SPDX-License-Identifier: Apache-2.0 */\n" * 701, "701"),
    ("shape", "src/util/x.c", "/* SPDX-License-Identifier: Apache-2.0 */\n" + "x" * 101, "101"),
    ("shape", "src/util/x.c", "/* SPDX-License-Identifier: Apache-2.0 */\nint a; \n", ":2:"),
]


def run(lint, plant):
    """Exit status and output of a lint on the clean tree plus `plant`."""
    with tempfile.TemporaryDirectory(prefix="s2c-lint-") as top:
        for name, text in (CLEAN_TREE | plant).items():
            path = pathlib.Path(top, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if lint == "shape" and name not in plant and path.suffix in (".c", ".h"):
                text = "/* SPDX-License-Identifier: Apache-2.0 */\n" + text
            path.write_text(text)
        done = subprocess.run([sys.executable, HERE / f"{lint}.py", top],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def main():
    tests = [(lint, {}, 0, "") for lint in ("layers", "headers", "banned", "shape")]
    tests += [(lint, {name: text}, 1, says) for lint, name, text, says in PLANTED]
    print(f"1..{len(tests)}")
    failed = 0
    for i, (lint, plant, wanted, says) in enumerate(tests, 1):
        status, output = run(lint, plant)
        ok = status == wanted and says in output and "Traceback" not in output
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {i} - {lint}: {says or 'a clean tree'}")
        if not ok:
            print("".join(f"# {line}\n" for line in output.splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
