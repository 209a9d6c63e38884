#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import execute_from_command_line

from smartqueue.common.tenancy import trust_this_process

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    # Commands, the relay among them, are the platform's own.
    trust_this_process()
    execute_from_command_line(sys.argv)
