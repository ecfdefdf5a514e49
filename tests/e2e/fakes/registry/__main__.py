# SPDX-License-Identifier: Apache-2.0
"""python3 -m registry: runs the registry by itself and prints its port.
--faults FILE is a JSON list of rules such as
    {"method": "GET", "path": "/blobs/", "action": "cut", "times": 2, "after": 1000}"""
import argparse
import json
import pathlib
import sys
import tempfile

from . import Registry
from .server import make_certificate, wait_forever


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="registry", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--auth", choices=["basic", "bearer"])
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    parser.add_argument("--anonymous-pull", action="store_true")
    parser.add_argument("--expires-in", type=int, default=300)
    parser.add_argument("--location", choices=["absolute", "path", "relative"], default="path")
    parser.add_argument("--mounts", choices=["yes", "refuse", "forbid"], default="yes")
    parser.add_argument("--tls", action="store_true", help="certificate in --tls-dir")
    parser.add_argument("--tls-dir")
    parser.add_argument("--faults", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tls = make_certificate(args.tls_dir or scratch) if args.tls else None
        with Registry(auth=args.auth, users=dict(u.split(":", 1) for u in args.user),
                      anonymous_pull=args.anonymous_pull, expires_in=args.expires_in,
                      location=args.location, mounts=args.mounts, tls=tls,
                      port=args.port) as registry:
            for rule in json.loads(args.faults.read_text()) if args.faults else []:
                registry.fault(**rule)
            print(registry.port, flush=True)
            wait_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
