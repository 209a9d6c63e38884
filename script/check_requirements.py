"""Fail when a lock file carries an address, lacks a hash, or is older than pyproject.toml."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)")
EXACT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)$")


def locked(path: Path, found: list[str]) -> dict[str, str]:
    pins = {}
    for entry in path.read_text().replace("\\\n", " ").splitlines():
        pin = PIN.match(entry)
        if not pin:
            found.append(f"{path.name}: not a pinned package: {entry}")
        elif "--hash=sha256:" not in entry or "://" in entry:
            found.append(f"{path.name}: no hash, or an address: {entry[:80]}")
        else:
            pins[pin[1]] = pin[2]
    return pins


def main() -> int:
    found: list[str] = []
    locks = {
        path.stem: locked(path, found) for path in sorted((ROOT / "requirements").glob("*.txt"))
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "base": project["project"]["dependencies"],
        "sentry": project["project"]["optional-dependencies"]["sentry"],
        "sandbox": groups["sandbox"],
        "dev": [name for group in groups.values() for name in group if isinstance(name, str)],
    }
    for lock, names in wanted.items():
        for name in names:
            exact = EXACT.match(name)
            if exact and locks[lock].get(exact[1].lower().replace("_", "-")) != exact[2]:
                found.append(f"{lock}.txt does not follow pyproject.toml: {name} (run script/lock)")
    found += [
        f"{name} differs between base.txt and dev.txt"
        for name, version in locks["base"].items()
        if locks["dev"].get(name) != version
    ]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
