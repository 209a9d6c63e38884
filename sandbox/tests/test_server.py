import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from sandbox.providers import smpp_codec as codec
from sandbox.server import running
from sandbox.settings import Settings

QUIET = replace(Settings(), port=0, smpp_port=0, smtp_port=0, smpp_enquire_seconds=0.05)
ROOT = Path(__file__).parents[2]


async def test_links_are_kept_alive() -> None:
    async with running(QUIET) as sandbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.smpp_port)
        async with asyncio.timeout(5):
            _, command, _, sequence = codec.HEADER.unpack(await reader.readexactly(16))
            writer.write(codec.Pdu(codec.ENQUIRE_LINK | codec.RESPONSE, sequence).packed())
            again = codec.HEADER.unpack(await reader.readexactly(16))
        writer.close()

    assert (command, again[1]) == (codec.ENQUIRE_LINK, codec.ENQUIRE_LINK)


async def test_an_end_does_not_wait_for_those_who_hang() -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        async with running(QUIET) as sandbox:
            world = sandbox.world
            world.rules.add({"answer": "hang_before", "hang_seconds": 600, "times": 1})
            account = world.settings.twilio_account
            path = f"/twilio/2010-04-01/Accounts/{account}/Messages.json"
            hanging = asyncio.ensure_future(
                client.post(
                    world.public_url + path,
                    data={"To": "+33612345678", "From": "+15005550006", "Body": "x"},
                    auth=(account, world.settings.twilio_token),
                )
            )
            await client.post(f"{world.public_url}/control/quiet")
            _, writer = await asyncio.open_connection("127.0.0.1", sandbox.smpp_port)
            began = time.monotonic()
        took = time.monotonic() - began
        writer.close()
        [answer] = await asyncio.gather(hanging, return_exceptions=True)

    assert took < 10
    assert isinstance(answer, httpx2.RemoteProtocolError) or answer.status_code == 500


async def test_a_taken_port_ends_the_start() -> None:
    async with running(QUIET) as sandbox:
        for taken in ("port", "smpp_port", "smtp_port"):
            settings = replace(QUIET, **{taken: getattr(sandbox, taken)})
            with pytest.raises(OSError, match="in use"):
                async with running(settings):
                    pass


async def test_the_account_of_push_is_kept_over_restarts(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    settings = replace(QUIET, fcm_account_file=file)

    async with running(settings) as first:
        before = json.loads(file.read_text())
        assert before["token_uri"] == f"{first.world.public_url}/fcm/token"
    async with running(settings):
        after = json.loads(file.read_text())

    assert after["private_key"] == before["private_key"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_command_serves_until_it_is_told_to_end() -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--smpp-port", "0"]
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [*command, "--smtp-port", "0", "--callback-base", "http://127.0.0.1:1"],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_SHORT_CODE": "24600"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.partition("providers ")[2].partition("/  ")[0]
        assert "24600" in httpx2.get(f"{url}/phones/+221771234567", trust_env=False).text
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()

    assert (process.returncode, errors) == (0, "")
