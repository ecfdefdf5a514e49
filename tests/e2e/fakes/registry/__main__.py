# SPDX-License-Identifier: Apache-2.0
"""python3 -m registry: runs the registry by itself and prints its port.
--faults FILE is a JSON list of rules such as
    {"method": "GET", "path": "/blobs/", "action": "cut", "times": 2, "after": 1000}
--quirk NAME=VALUE sets what quirks.py lists; the value is JSON, or else text."""
import argparse
import json
import pathlib
import sys
import tempfile

from . import PROFILES, Registry
from .server import make_certificate, wait_forever


def quirk(text):
    """(name, value) of NAME=VALUE."""
    name, sep, value = text.partition("=")
    if not sep:
        raise argparse.ArgumentTypeError("NAME=VALUE is due")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="registry", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--profile", choices=sorted(PROFILES))
    parser.add_argument("--auth", choices=["basic", "bearer"])
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    parser.add_argument("--anonymous-pull", action="store_true")
    parser.add_argument("--expires-in", type=int, default=300)
    parser.add_argument("--quirk", action="append", default=[], type=quirk, metavar="NAME=VALUE")
    parser.add_argument("--layout", action="append", default=[], metavar="NAME:TAG=DIR[:REF]",
                        help="an image to have, of an OCI layout")
    parser.add_argument("--tls", action="store_true", help="certificate in --tls-dir")
    parser.add_argument("--tls-dir")
    parser.add_argument("--faults", type=pathlib.Path)
    args = parser.parse_args()
    options = dict(args.quirk, expires_in=args.expires_in)
    if args.auth:
        options["auth"] = args.auth
    if args.anonymous_pull:
        options["anonymous_pull"] = True
    with tempfile.TemporaryDirectory() as scratch:
        tls = make_certificate(args.tls_dir or scratch) if args.tls else None
        with Registry(profile=args.profile, users=dict(u.split(":", 1) for u in args.user),
                      tls=tls, port=args.port, **options) as registry:
            for image in args.layout:
                name, _, layout = image.partition("=")
                layout, _, ref = layout.partition(":")
                registry.state.put_layout(*name.split(":"), pathlib.Path(layout), ref or None)
            for rule in json.loads(args.faults.read_text()) if args.faults else []:
                registry.fault(**rule)
            print(registry.port, flush=True)
            wait_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
