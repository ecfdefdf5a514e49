# SPDX-License-Identifier: Apache-2.0
"""The script of faults: which requests meet which misfortune, and how often.

Actions that answer instead of the registry:
    status   `status`, `headers`, `body`; read_body=False answers before the body is read
    reset    closes the connection without an answer
    hang     keeps the connection open and says nothing until the server ends
    garbage  `raw` bytes instead of an answer
    redirect `status` (307) to `to`, with {path} and {query} filled in
    echo     `status` (400) with an error document that repeats the Authorization header
Actions that alter the registry's own answer:
    cut      the connection ends after `after` bytes of the body
    truncate the body loses its last `by` bytes, the length is right for what is left
    extend   `by` bytes more, the length is right
    swap     other bytes of the same length
    endless  a chunked body that does not end (`total` bytes at the most)
    slow     `rate` bytes per second
    header   sets header `name` to `value`; None removes it
    flood    `lines` header lines more, of `width` bytes
Actions before the registry looks at the request:
    expire   all tokens have expired
    wait     `seconds` pass
"""
import dataclasses
import re

ANSWERS = {"status", "reset", "hang", "garbage", "redirect", "echo"}
ALTERS = {"cut", "truncate", "extend", "swap", "endless", "slow", "header", "flood"}
BEFORE = {"expire", "wait"}


@dataclasses.dataclass
class Fault:
    """One rule. `method` and `path` are regular expressions, searched in the request."""
    method: str
    path: str
    action: str
    times: int = 1  # how many requests it meets; -1: all
    skip: int = 0  # how many it lets pass before
    options: dict = dataclasses.field(default_factory=dict)
    met: int = 0

    def __post_init__(self):
        if self.action not in ANSWERS | ALTERS | BEFORE:
            raise ValueError(f"no such fault: {self.action}")

    def meets(self, method, path):
        """Whether this request gets it; counts."""
        if not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times == 0:
            return False
        self.times -= 1 if self.times > 0 else 0
        self.met += 1
        return True
