#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the contract suite on a real engine: starts it, gives the program its socket, stops it.
Usage: engine_contract.py docker|podman PROGRAM"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from engines import Engine, base_dir  # noqa: E402

engine = Engine(sys.argv[1], base_dir())
try:
    engine.start()
    env = dict(os.environ, S2C_CONTRACT_ENGINE=engine.socket)
    status = subprocess.run([sys.argv[2], "engine"], env=env, check=False).returncode
    left = engine.containers()
    if left:
        print(f"Bail out! containers left behind: {left}")
        status = 1
except RuntimeError as error:
    print("Bail out! " + str(error).replace("\n", " "))
    status = 1
finally:
    engine.stop()
sys.exit(status)
