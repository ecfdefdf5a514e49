# SPDX-License-Identifier: Apache-2.0
"""A registry for tests: the OCI distribution protocol 1.1 with state in memory, Basic and
Bearer authentication, TLS, a log of requests, and a script of faults. It is strict: what
the specification forbids a client to do is refused and kept in `violations`.

    with Registry(auth="bearer", users={"u": "p"}) as registry:
        registry.fault("GET", "/blobs/", "cut", after=1000)
        ... registry.host, registry.log, registry.violations
"""
from .faults import Fault
from .server import Cdn, Registry

__all__ = ["Cdn", "Fault", "Registry"]
