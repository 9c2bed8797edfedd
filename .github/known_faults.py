"""Report on known faults of pinned versions: ``python known_faults.py constraints.txt``, where pip-audit is installed.

pip-audit itself writes "No known vulnerabilities found" also where it reached no database and skipped every package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

NOTHING_KNOWN = "Nothing is known about faults of these versions: {why}. Try again where the database can be reached."


def report(found: str, otherwise: str = "") -> tuple[str, int]:
    """Text of the report and exit code: 2 where no version was compared, else 0, whatever faults are known.

    Args:
        found: output of ``pip-audit --format json``; empty where it failed.
        otherwise: its messages, of which the last line is shown where it failed.

    Example:
        >>> text, code = report('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}')
        >>> text.partition(". ")[0]
        'Nothing is known about faults of these versions: the database has answered for none of 1'
        >>> code
        2
    """
    try:
        packages: list[dict[str, Any]] = json.loads(found)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return NOTHING_KNOWN.format(why=otherwise.strip().rpartition("\n")[2] or "pip-audit has no result"), 2
    compared = [package for package in packages if "skip_reason" not in package]
    if not compared:
        return NOTHING_KNOWN.format(why=f"the database has answered for none of {len(packages)}"), 2
    faulty = [package for package in compared if package["vulns"]]
    lines = [f"{len(compared)} of {len(packages)} versions compared, {len(faulty)} with known faults."]
    for package in faulty:
        lines.append(f"- {package['name']} {package['version']}")
        for fault in package["vulns"]:
            mended = ", ".join(fault["fix_versions"]) or "no version yet"
            about = " ".join((fault.get("description") or "").split())
            lines.append(f"  - {fault['id']}, mended in {mended}: {about:.200}")
    if skipped := [package for package in packages if "skip_reason" in package]:
        lines.append("Nothing is known about the others:")
        lines += [f"- {package['name']}: {package['skip_reason']}" for package in skipped]
    return "\n".join(lines), 0


def audit(constraints: str) -> subprocess.CompletedProcess[str]:
    """Run pip-audit; the constraints name every package, and none is installed."""
    options = ["--no-deps", "--disable-pip", "--desc", "on", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", constraints, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    done = audit(sys.argv[1])
    text, code = report(done.stdout, done.stderr)
    print(text)
    sys.exit(code)
