# SPDX-License-Identifier: Apache-2.0
"""A registry for tests: the OCI distribution protocol 1.1 with state in memory, Basic and
Bearer authentication, TLS, a log of requests, a script of faults, and the quirks of the
registries that people have. It is strict: what the specification forbids a client to do is
refused and kept in `violations`.

    with Registry(profile="ecr", users={"u": "p"}, ranges="ignore") as registry:
        digest = registry.state.put_layout("a/b", "1", layout)     # or put_blob, put_manifest
        rule = registry.fault("GET", "/blobs/", "cut", after=1000) # faults.py has the list
        registry.quirks.chunk_max = 1 << 20                        # quirks.py too
        registry.state.stale["a/b", "1"] = old                     # what HEAD of a cache says
        ... registry.host ...
        rule.met, registry.violations
        registry.log, registry.requests("GET", "/blobs/")          # entries, see wire.Entry
        registry.counts(), registry.sent("GET", "/blobs/"), registry.received("PUT")
        registry.most_at_once("GET", "/blobs/"), registry.most_connections
        registry.cdn.log                                           # the other host, if any
"""
from .faults import Fault
from .quirks import PROFILES, Quirks
from .server import Cdn, Registry

__all__ = ["PROFILES", "Cdn", "Fault", "Quirks", "Registry"]
