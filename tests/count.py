#!/usr/bin/env python3
"""Adds up JUnit files: prints failures and reasons of skips, then the closing line."""
import argparse
import pathlib
import sys
import xml.etree.ElementTree as ET


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--minimum", type=pathlib.Path, help="file with the least number of tests")
    args = parser.parse_args()
    passed, failed, skipped = 0, [], []
    for missing in sorted(args.results.glob("*.missing")):
        failed.append(f"{missing.stem}: the runner left no results")
    for xml in sorted(args.results.glob("*.xml")):
        for case in ET.parse(xml).getroot().iter("testcase"):
            name = f"{case.get('classname')}: {case.get('name')}"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            elif skip is not None:
                reason = skip.get("message") or (skip.text or "").strip() or "no reason given"
                skipped.append(f"{name}: {reason}")
            else:
                passed += 1
    for line in skipped:
        print(f"skipped  {line}")
    for line in failed:
        print(f"FAILED   {line}")
    if args.minimum:
        least = int(args.minimum.read_text())
        if passed + len(failed) + len(skipped) < least:
            print(f"FAILED   fewer tests ran than the {least} in {args.minimum}")
            failed.append("count")
    closing = f"{passed} passed, {len(failed)} failed"
    print(closing + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
