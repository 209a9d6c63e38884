from email.message import EmailMessage

import pytest

from sandbox import gsm, phones, settings, store
from sandbox.rules import Answer, BadRule, Limits, Outcome, ReceiptPlan, Rules
from sandbox.tests.conftest import Control


def test_the_newest_rule_that_fits_decides() -> None:
    rules = Rules()
    rules.add({"provider": "*", "answer": "refuse"})
    rules.add({"provider": "smpp", "to": "+22177*", "answer": "cut_after"})

    assert rules.decide("smpp.yas", to="+221771234567").answer is Answer.CUT_AFTER
    assert rules.decide("smpp.yas", to="+221761234567").answer is Answer.REFUSE


def test_only_a_rule_that_names_a_sign_in_makes_it_fail() -> None:
    rules = Rules()
    rules.add({"provider": "smpp_bind", "answer": "refuse", "error": "ESME_RBINDFAIL"})
    rules.add({"provider": "*", "answer": "refuse"})

    assert rules.decide_entry("smpp_bind.yas").error == "ESME_RBINDFAIL"
    assert rules.decide_entry("fcm_token").answer is Answer.ACCEPT


def test_what_is_kept_is_bounded() -> None:
    kept = store.Store()
    for number in range(store.MESSAGES_KEPT + 10):
        kept.add(
            store.Message(
                provider="twilio",
                channel="sms",
                to_phone=True,
                phone=f"+2217{number % (store.PHONES_KEPT + 10):08d}",
                peer="x",
                text="x",
                provider_id=f"SM{number}",
            )
        )
    for _ in range(12):
        kept.add_mail(store.Mail("a", ["b"], b"x" * 10_000_000, EmailMessage()))

    assert (len(kept.messages), len(kept.phones)) == (store.MESSAGES_KEPT, store.PHONES_KEPT)
    assert len(kept.mails) == 10
    assert kept.by_provider_id("twilio", "SM9") is None
    assert kept.by_provider_id("twilio", "SM10") is not None


def test_what_could_not_be_counted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEYS_COUNTED", 4)
    counts = store.Counts()

    for number in (1, 2, 3, 1):
        counts.note("fcm", to=str(number), text="x", reference="", outcome="accepted")

    found = counts.read("", of="accepted", by="text", keys=False)
    assert (found["total"], found["repeated"], found["lost"]) == (3, {"1\nx": 2}, 2)


def test_a_rule_lets_some_pass_and_is_used_up() -> None:
    rules = Rules()
    rules.add({"text": "*code*", "answer": "refuse", "skip": 1, "times": 2})

    answers = [rules.decide("twilio", to="+33", text="your code is 1").answer for _ in range(4)]

    assert answers == [Answer.ACCEPT, Answer.REFUSE, Answer.REFUSE, Answer.ACCEPT]
    assert rules.decide("twilio", to="+33", text="hello").answer is Answer.ACCEPT


@pytest.mark.parametrize(
    "given",
    [
        {"answr": "refuse"},
        {"answer": "explode"},
        {"times": -1},
        {"times": True},
        {"delay_seconds": "1"},
        {"to": 5},
        {"receipts": "late"},
        {"receipts": {"copies": 101}},
        {"receipts": {"outcome": "lost"}},
        {"receipts": {"statuses": "SENT"}},
        {"receipts": {"reverse": 1}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(BadRule):
        Rules().add(given)


def test_receipts_are_ordered_as_planned() -> None:
    usual = ("sent", "delivered")

    assert ReceiptPlan().ordered(usual) == ["sent", "delivered"]
    assert ReceiptPlan(reverse=True, copies=2).ordered(usual) == [
        "delivered",
        "delivered",
        "sent",
        "sent",
    ]
    assert ReceiptPlan(statuses=("odd",)).ordered(usual) == ["odd"]
    assert ReceiptPlan(send=False, outcome=Outcome.FAILED).ordered(usual) == []


def test_a_limit_counts_over_a_sliding_second() -> None:
    now = [0.0]
    limits = Limits({"orange_sms": 2}, clock=lambda: now[0])

    def at(moment: float) -> bool:
        now[0] = moment
        return limits.allows("orange_sms")

    assert [at(0), at(0.9), at(0.95), at(1.0), at(1.5), at(1.95)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert all(limits.allows("twilio") for _ in range(10))


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("é" * 160, 1),
        ("é" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ç", 1),
        ("a" * 306, 2),
        ("a" * 307, 3),
    ],
)
def test_segments_follow_the_alphabet(text: str, segments: int) -> None:
    assert gsm.segments(text) == segments


def test_small_c_cedilla_is_not_in_the_alphabet_and_the_capital_is() -> None:
    assert not gsm.fits("ç")
    assert gsm.fits("Çéèàùìò")
    assert gsm.decoded(gsm.encoded("[{€}] Ça")) == "[{€}] Ça"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("77 123 45 67", "+221771234567"),
        ("221771234567", "+221771234567"),
        ("00221771234567", "+221771234567"),
        ("tel:+221771234567", "+221771234567"),
        ("24500", "24500"),
    ],
)
def test_numbers_are_read_as_people_write_them(given: str, read: str) -> None:
    assert phones.normalised(given) == read


def test_arguments_win_over_the_environment() -> None:
    environment = {
        "SANDBOX_PORT": "1",
        "SANDBOX_SMPP_PORT": "2",
        "SANDBOX_SMPP_ACCOUNTS": "yas:secret, expresso:other",
        "SANDBOX_CALLBACK_ORANGE_SMS_RECEIPT": "/dr/secret/",
        "SANDBOX_CALLBACK_TWILIO_VOICE": "",
    }

    read = settings.read(["--port", "3", "--callback-base", "http://localhost:8100"], environment)

    assert (read.port, read.smpp_port, read.smtp_port) == (3, 2, 2525)
    assert read.smpp_accounts == {"yas": "secret", "expresso": "other"}
    assert read.callback_url("orange_sms.receipt") == "http://localhost:8100/dr/secret/"
    assert read.callback_url("twilio.voice") == ""


def test_a_setting_that_cannot_be_read_ends_the_start() -> None:
    with pytest.raises(SystemExit, match="SANDBOX_PORT"):
        settings.read([], {"SANDBOX_PORT": "many"})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "rules", {"answer": "explode"}),
        ("PUT", "options", {"lam_status": "colour"}),
        ("PUT", "callbacks", {"twilio.voice": "ftp://x"}),
        ("PUT", "callbacks", {"other": "http://x"}),
        ("PUT", "limits", {"twilio": -1}),
        ("PUT", "balances", {"twilio": "much"}),
        ("POST", "tokens/expire", {"provider": "twilio"}),
        ("POST", "phones/12/sms", {"text": "x"}),
        ("POST", "phones/+221771234567/sms", {"text": " "}),
        ("POST", "phones/+221771234567/sms", {"text": "x", "provider": "pigeon"}),
        ("POST", "phones/+221771234567/ussd", {"code": "245"}),
        ("GET", "counts?of=other", {}),
        ("GET", "messages?limit=0", {}),
    ],
)
def test_the_control_interface_says_what_makes_no_sense(
    control: Control, method: str, path: str, body: dict[str, object]
) -> None:
    response = control.client.request(method, f"/control/{path}", json=body or None)

    assert response.status_code == 422
    assert response.json()["error"]


def test_a_reset_forgets_rules_options_and_addresses(control: Control) -> None:
    before = control.call("GET", "callbacks")["urls"]
    control.rule(answer="refuse")
    control.call("PUT", "options", lam_status="number")
    control.call("PUT", "callbacks", **{"twilio.voice": "http://127.0.0.1:9/voice"})

    control.call("POST", "reset")

    assert control.call("GET", "rules") == {"rules": []}
    assert control.call("GET", "options")["lam_status"] == "name"
    assert control.call("GET", "callbacks")["urls"] == before


def test_pages_of_other_sites_cannot_steer_the_sandbox(control: Control) -> None:
    response = control.client.post("/control/reset", headers={"sec-fetch-site": "cross-site"})

    assert response.status_code == 403
