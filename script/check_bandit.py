"""
Run bandit on the product and fail on any finding that nobody has looked at.

Ruff's S rules are bandit's, and lines that were looked at say `# noqa: S608  # why`. Bandit does not
read those, so this does: one remark for both tools.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("smartqueue", "config", "script", "manage.py")
NOQA = re.compile(r"# noqa: ([A-Z0-9, ]+)")
# Bandit has two names for one finding; ruff has one.
SAME = {"B703": "S308", "B404": "S603"}


def found_by_bandit(places: tuple[str, ...]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "bandit", "-q", "-r", *places, "-f", "json"]
    command += ["-c", "pyproject.toml", "-x", "*/tests/*"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603  # our own interpreter
    report = json.loads(ended.stdout)
    if report["errors"]:
        raise SystemExit(str(report["errors"]))
    return list(report["results"])


def is_looked_at(finding: dict[str, Any]) -> bool:
    """Whether a line of the statement, or its last, names the rule in a remark."""
    lines = (ROOT / finding["filename"]).read_text().splitlines()
    rule = SAME.get(finding["test_id"], finding["test_id"].replace("B", "S"))
    if finding["test_id"] == "B404":
        return any(rule in remark for line in lines for remark in NOQA.findall(line))
    last = finding["line_range"][-1]
    # A text of many lines has its remark behind the bracket or the call that it is in.
    where = lines[finding["line_range"][0] - 1 : last + 3]
    return any(rule in remark for line in where for remark in NOQA.findall(line))


def main() -> int:
    left = [finding for finding in found_by_bandit(PLACES) if not is_looked_at(finding)]
    for finding in left:
        print(
            f"{finding['filename']}:{finding['line_number']}: {finding['test_id']} "
            f"{finding['issue_text']}"
        )
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
