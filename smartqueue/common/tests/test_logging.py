"""What is written about a failure names the place, never what a person typed."""

import json
import logging

import pytest

from smartqueue.common import logging as structured


def test_a_failure_is_logged_without_its_variables(capsys: pytest.CaptureFixture[str]) -> None:
    kept = logging.getLogger().handlers[:]
    try:
        structured.configure({"level": "INFO"})
        phone = "+22177" + "1234567"
        try:
            int(phone[0])
        except ValueError:
            logging.getLogger("smartqueue.test").exception("Failed")
    finally:
        logging.getLogger().handlers[:] = kept
    line = capsys.readouterr().err
    frames = json.loads(line)["exception"][0]["frames"]
    assert [frame["name"] for frame in frames] == ["test_a_failure_is_logged_without_its_variables"]
    assert phone not in line
    assert "locals" not in line
