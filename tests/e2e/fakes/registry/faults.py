# SPDX-License-Identifier: Apache-2.0
"""The script of faults: which requests meet which misfortune, and how often. (What a registry
does all the time is no fault but a quirk: quirks.py.)

    rule = registry.fault("GET", "/blobs/", "cut", after=1000, times=2, skip=1)
    ...
    assert rule.met == 2

Method and path are regular expressions; the path is searched in the whole target, query
included, so "mount=" finds mounts. `times` is how many requests meet it (-1: all), `skip` how
many it lets pass before. A request meets every rule that fits; of those that answer, the first.

Actions that answer instead of the registry (nothing is stored):
    status   `status`, `headers`, `body`; error=("CODE", "message") makes the body;
             retry_after=N says Retry-After in seconds, retry_date=N as a date N seconds
             from now; read_body=False answers before the body is read, and closes
    reset    closes the connection without an answer; read_body=False before the body is read
    hang     keeps the connection open and says nothing until the server ends
    garbage  `raw` bytes instead of an answer
    redirect `status` (307) to `to`, with {path} and {query} filled in
    echo     `status` (400) with an error document that repeats the Authorization header
    take     an upload breaks: `after` bytes of the request's body are taken (and kept in the
             session, keep=False: dropped), then the connection is reset
Actions that alter the registry's own answer:
    cut      the connection ends after `after` bytes of the body, which do arrive;
             reset=True: with a reset
    stall    nothing more comes after `after` bytes, until the server ends
    truncate the body loses its last `by` bytes, the length is right for what is left
    extend   `by` bytes more, the length is right
    swap     other bytes of the same length
    endless  a chunked body that does not end (`total` bytes at the most)
    slow     `rate` bytes per second
    code     another `status` than the registry's own, all else as it is
    header   sets header `name` to `value` (a list: several lines); None removes it
    flood    `lines` header lines more, of `width` bytes
Actions beside an answer that stays as it is:
    expire   all tokens (at a CDN: all signatures) have expired; late=True: not before this
             request was answered
    forget   all open upload sessions are gone
    wait     `seconds` pass
    gather   waits until `count` requests of this rule are here at once, at most `seconds`
             (20); rule.most is how many there were: proof of things done in parallel
    call     `do(owner, entry)` is called, to change anything in the middle
"""
import dataclasses
import email.utils
import json
import re
import threading
import time

ANSWERS = {"status", "reset", "hang", "garbage", "redirect", "echo", "take"}
ALTERS = {"cut", "stall", "truncate", "extend", "swap", "endless", "slow", "code", "header",
          "flood"}
BESIDE = {"expire", "forget", "wait", "gather", "call"}


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
    most: int = 0  # gather: how many waited at once
    here: int = 0
    lock: threading.Condition = dataclasses.field(default_factory=threading.Condition)

    def __post_init__(self):
        if self.action not in ANSWERS | ALTERS | BESIDE:
            raise ValueError(f"no such fault: {self.action}")

    def meets(self, method, path):
        """Whether this request gets it; counts."""
        if not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        with self.lock:
            if self.skip:
                self.skip -= 1
                return False
            if self.times == 0:
                return False
            self.times -= 1 if self.times > 0 else 0
            self.met += 1
            return True

    def gather(self, stopping):
        """Waits for others; the last to come opens the door for good."""
        end = time.monotonic() + self.options.get("seconds", 20)
        with self.lock:
            self.here += 1
            self.most = max(self.most, self.here)
            self.lock.notify_all()
            while (self.most < self.options.get("count", 2) and time.monotonic() < end
                   and not stopping.is_set()):
                self.lock.wait(0.1)
            self.here -= 1

    def answer(self):
        """(status, headers, body) of a "status"."""
        options = self.options
        headers, body = dict(options.get("headers", {})), options.get("body", b"")
        if "retry_after" in options:
            headers["Retry-After"] = str(options["retry_after"])
        if "retry_date" in options:
            headers["Retry-After"] = email.utils.formatdate(
                time.time() + options["retry_date"], usegmt=True)
        if "error" in options:
            code, message = options["error"]
            body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
            headers["Content-Type"] = "application/json"
        return options.get("status", 500), headers, body
