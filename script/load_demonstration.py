"""
Load the communes and the demonstration in one process: starting four takes longer than what they do.

What is there already stays as it is; run by script/server, with manage.py's settings.
"""

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("load_communes", "load_demo", "load_demo_appointments", "load_demo_dialogues")


def main() -> None:
    """Run each command; the first that fails ends it."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    django.setup()
    from smartqueue.common.tenancy import trust_this_process  # noqa: PLC0415  # after the setup

    trust_this_process()
    for name in COMMANDS:
        call_command(name)


if __name__ == "__main__":
    main()
