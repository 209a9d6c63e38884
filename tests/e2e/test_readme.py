"""What the README shows a newcomer works as it is written."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

pytestmark = [pytest.mark.e2e, pytest.mark.serial, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_first_ticket_is_issued_read_and_called(live_server: Any) -> None:
    call_command("load_demo", stdout=io.StringIO())
    shown = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    commands = shown[1].replace("http://localhost:8000", live_server.url)

    ran = subprocess.run(  # noqa: S603  # the README's own commands
        ["bash", "-eu", "-o", "pipefail", "-c", commands],  # noqa: S607  # found as a newcomer's shell finds it
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    status, waiting, page, called = ran.stdout.splitlines()
    assert json.loads(status)["state"] == "open"
    assert json.loads(waiting)["state"] == "waiting"
    assert page.endswith(f"/t/{json.loads(waiting)['token']}/")
    assert json.loads(called)["state"] == "called"
    assert json.loads(called)["number"] == json.loads(waiting)["number"]
