"""Passkeys and authenticator apps in a browser, with Chromium's own virtual authenticator."""

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.conftest import PHONE, Visit
from tests.e2e.servers import Site
from tests.e2e.test_pages_alive import serious_faults, speak

pytestmark = [pytest.mark.e2e, pytest.mark.serial]

PASSWORD = "une phrase assez longue"
PERIOD = 30
SECURITY = "/account/security/"
# What the script posts, given to the test instead of the server.
HOLD_BACK = """() => {
  HTMLFormElement.prototype.submit = function () {
    window.held = Object.fromEntries(new FormData(this));
  };
}"""
ELSEWHERE = "https://elsewhere.test"
ASK_FOR_LOCALHOST = """async () => {
  const publicKey = { challenge: new Uint8Array(32), rpId: "localhost", userVerification: "required" };
  try {
    await navigator.credentials.get({ publicKey });
    return "answered";
  } catch (error) {
    return error.name;
  }
}"""
# The device of a test touches itself: where passkeys complete names it would sign in at once.
COUNT_QUESTIONS = """
    window.questions = 0;
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) => {
        window.questions += 1;
        return get(options);
    };
"""
WITHOUT_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
POST = """async ([path, body]) => {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return [answer.status, (await answer.json()).code ?? null];
}"""


class Device:
    """A phone or computer that keeps passkeys and checks its owner by touch."""

    def __init__(self, page: Page, **options: Any) -> None:
        self.wire: CDPSession = page.context.new_cdp_session(page)
        self.wire.send("WebAuthn.enable")
        made = self.wire.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
                | options
            },
        )
        self.id = made["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found = self.wire.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials

    def touch(self, *, by_itself: bool) -> None:
        """Let the device answer whatever it is asked, or nothing."""
        self.wire.send(
            "WebAuthn.setAutomaticPresenceSimulation",
            {"authenticatorId": self.id, "enabled": by_itself},
        )

    def put(self, credential: dict[str, Any]) -> None:
        """Copy a credential onto this device, in place of what it holds of it."""
        where = {"authenticatorId": self.id}
        known = where | {"credentialId": credential["credentialId"]}
        if any(c["credentialId"] == credential["credentialId"] for c in self.credentials()):
            self.wire.send("WebAuthn.removeCredential", known)
        self.wire.send("WebAuthn.addCredential", where | {"credential": credential})


def register(site: Site, page: Page) -> str:
    """Register somebody new on the pages; return their address."""
    address = f"awa.{uuid4().hex[:8]}@example.test"
    page.goto("/register/")
    page.locator("#identifier").fill(address)
    page.locator("#first_name").fill("Awa")
    page.locator("#last_name").fill("Diop")
    page.locator("#password").fill(PASSWORD)
    page.get_by_test_id("register").get_by_role("button").click()
    expect(page.get_by_test_id("verify")).to_be_visible()
    mailbox = page.context.new_page()
    mailbox.goto("/dev/mailbox/")
    letter = mailbox.get_by_test_id("letter").filter(has_text=address).inner_text()
    mailbox.close()
    code = re.search(r"\b\d{6}\b", letter)
    assert code
    page.locator("#code").fill(code[0])
    page.get_by_test_id("verify").get_by_role("button").click()
    expect(page.get_by_test_id("sign-out")).to_be_visible()
    return address


def add_passkey(page: Page, name: str = "Mon téléphone", kind: str = "passkey") -> None:
    page.goto(SECURITY)
    page.get_by_test_id("add-passkey").click()
    page.locator(f'input[value="{kind}"]').check()
    page.locator("#name").fill(name)
    page.get_by_test_id("passkey-form").get_by_role("button").click()


def sign_out(page: Page) -> None:
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-in-link")).to_be_visible()


def enter_password(page: Page, address: str) -> None:
    page.goto("/sign-in/")
    page.locator("#identifier").fill(address)
    page.locator("#password").fill(PASSWORD)
    page.get_by_test_id("sign-in").get_by_role("button").click()


def use_passkey(page: Page) -> None:
    page.get_by_test_id("passkey").get_by_role("button").click()


@pytest.fixture
def person(site: Site, visit: Visit) -> tuple[Page, str, Device]:
    """Somebody with a passkey, still signed in."""
    page = visit("/", script=WITHOUT_AUTOFILL)
    address = register(site, page)
    device = Device(page)
    add_passkey(page)
    expect(page.get_by_test_id("recovery-codes").locator("li")).to_have_count(10)
    page.get_by_test_id("codes-kept").click()
    expect(page.get_by_test_id("passkey-row")).to_have_count(1)
    return page, address, device


def test_a_passkey_is_added_and_signs_in_alone(
    site: Site, person: tuple[Page, str, Device]
) -> None:
    page, _address, device = person
    (credential,) = device.credentials()
    assert credential["isResidentCredential"]
    assert credential["rpId"] == "localhost"
    expect(page.get_by_test_id("passkey-row")).to_contain_text("Mon téléphone")
    sign_out(page)
    page.goto(f"/sign-in/?next={SECURITY}")
    use_passkey(page)
    expect(page).to_have_url(f"{site.url}{SECURITY}")
    assert device.credentials()[0]["signCount"] > credential["signCount"]


@pytest.fixture
def returning(site: Site, visit: Visit) -> tuple[Page, str, Device]:
    """Somebody with a passkey, signed out, whose browser completes names with passkeys."""
    page = visit("/")
    address = register(site, page)
    device = Device(page)
    add_passkey(page)
    page.get_by_test_id("codes-kept").click()
    expect(page.get_by_test_id("passkey-row")).to_have_count(1)
    sign_out(page)
    return page, address, device


def test_a_passkey_chosen_where_the_name_is_typed_signs_in(
    site: Site, returning: tuple[Page, str, Device]
) -> None:
    page, _address, device = returning
    device.touch(by_itself=False)
    page.goto("/sign-in/")
    expect(page.locator("#identifier")).to_have_attribute("autocomplete", "username webauthn")
    expect(page.get_by_test_id("sign-in")).to_be_visible()
    # Nobody can press what a browser without a window suggests: the device takes it by itself.
    device.touch(by_itself=True)
    page.goto(f"/sign-in/?next={SECURITY}")
    expect(page).to_have_url(f"{site.url}{SECURITY}")


def test_the_button_takes_the_question_over_from_autofill(
    site: Site, returning: tuple[Page, str, Device]
) -> None:
    page, _address, device = returning
    page.add_init_script(COUNT_QUESTIONS)
    device.touch(by_itself=False)
    page.goto(f"/sign-in/?next={SECURITY}")
    # The device looks for a finger when it is asked, so autofill's question has to be there first.
    for _ in range(100):
        if page.evaluate("window.questions"):
            break
        page.wait_for_timeout(50)
    device.touch(by_itself=True)
    with page.expect_response("**/passkey/options/"):
        use_passkey(page)
    expect(page).to_have_url(f"{site.url}{SECURITY}")


def test_a_password_is_taken_while_passkeys_are_offered(
    returning: tuple[Page, str, Device],
) -> None:
    page, address, device = returning
    device.touch(by_itself=False)
    enter_password(page, address)
    expect(page).to_have_url(re.compile("/sign-in/confirm/$"))


def test_a_passkey_confirms_a_password(person: tuple[Page, str, Device]) -> None:
    page, address, _device = person
    sign_out(page)
    enter_password(page, address)
    expect(page).to_have_url(re.compile("/sign-in/confirm/$"))
    page.goto(SECURITY)
    expect(page).to_have_url(re.compile("/sign-in/"))
    enter_password(page, address)
    use_passkey(page)
    expect(page.get_by_test_id("sign-out")).to_be_visible()


def test_a_security_key_confirms_a_password_and_does_not_sign_in_alone(
    site: Site, visit: Visit
) -> None:
    page = visit("/", script=WITHOUT_AUTOFILL)
    address = register(site, page)
    device = Device(
        page, transport="usb", hasResidentKey=False, hasUserVerification=False, isUserVerified=False
    )
    add_passkey(page, "Clé bleue", "security_key")
    expect(page.get_by_test_id("recovery-codes")).to_be_visible()
    assert not device.credentials()[0]["isResidentCredential"]
    page.get_by_test_id("codes-kept").click()
    sign_out(page)
    enter_password(page, address)
    use_passkey(page)
    expect(page.get_by_test_id("sign-out")).to_be_visible()


def test_a_copied_device_is_refused(site: Site, person: tuple[Page, str, Device]) -> None:
    page, address, device = person
    (copy,) = device.credentials()
    sign_out(page)
    for _ in range(2):
        page.goto("/sign-in/")
        use_passkey(page)
        expect(page.get_by_test_id("sign-out")).to_be_visible()
        sign_out(page)
    device.put(copy)
    page.goto("/sign-in/")
    use_passkey(page)
    expect(page.locator('[data-code="passkey_refused"]')).to_be_visible()
    expect(page.get_by_test_id("sign-out")).to_have_count(0)
    ((told,),) = site.query(
        "SELECT count(*) FROM outbox_domainevent AS e JOIN accounts_user AS u"
        " ON u.id::text = e.payload->>'user_id'"
        " WHERE e.type = 'accounts.passkey.copied.v1' AND u.email = %s",
        [address],
    )
    assert told == 1


def hold_back(page: Page) -> dict[str, str]:
    """Let the device answer on the sign-in page, and return the answer instead of posting it."""
    page.goto("/sign-in/")
    page.evaluate(HOLD_BACK)
    use_passkey(page)
    page.wait_for_function("() => window.held")
    held: dict[str, str] = page.evaluate("window.held")
    return held


def sign_in_with(page: Page, held: dict[str, str], credential: Any = None) -> list[Any]:
    """Post an answer to the API from a page without a session."""
    body = {
        "token": held["token"],
        "credential": credential or json.loads(held["credential"]),
    }
    answered: list[Any] = page.evaluate(POST, ["/api/accounts/auth/passkey/", body])
    return answered


def test_a_replayed_answer_is_refused(person: tuple[Page, str, Device]) -> None:
    page, _address, _device = person
    sign_out(page)
    first = hold_back(page)
    assert sign_in_with(page, first) == [200, None]
    assert sign_in_with(page, first) == [400, "passkey_refused"]
    second = hold_back(page)
    assert sign_in_with(page, second | {"credential": first["credential"]}) == [
        400,
        "passkey_refused",
    ]


def with_origin(held: dict[str, str], origin: str) -> dict[str, Any]:
    """Return the answer as if it had been given on another site."""
    credential: dict[str, Any] = json.loads(held["credential"])
    raw = credential["response"]["clientDataJSON"]
    told = json.loads(base64.urlsafe_b64decode(raw + "=="))
    told["origin"] = origin
    changed = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    credential["response"]["clientDataJSON"] = changed
    return credential


def test_another_origin_is_refused(site: Site, person: tuple[Page, str, Device]) -> None:
    page, _address, device = person
    sign_out(page)
    held = hold_back(page)
    forged = with_origin(held, ELSEWHERE)
    assert sign_in_with(page, held, forged) == [400, "passkey_refused"]

    # On another site the browser itself gives no answer for this one.
    before = device.credentials()[0]["signCount"]
    page.route(f"{ELSEWHERE}/**", lambda route: route.fulfill(content_type="text/html", body="x"))
    page.goto(f"{ELSEWHERE}/")
    assert page.evaluate(ASK_FOR_LOCALHOST) == "SecurityError"
    page.goto("/")
    assert device.credentials()[0]["signCount"] == before


def code_of(secret: str, periods_later: int = 0) -> str:
    step = int(time.time()) // PERIOD + periods_later
    return format_hotp_value(hotp_value(secret, step))


def add_app(page: Page) -> str:
    """Add an authenticator app on the pages; return its secret."""
    page.goto(SECURITY)
    page.get_by_test_id("add-app").click()
    page.locator("summary").click()
    secret = page.get_by_test_id("secret").inner_text().replace(" ", "")
    page.locator("#code").fill(code_of(secret))
    page.get_by_test_id("app-form").get_by_role("button").click()
    return secret


def test_an_app_is_added_and_confirms_a_password(site: Site, visit: Visit) -> None:
    page = visit("/", script=WITHOUT_AUTOFILL)
    address = register(site, page)
    secret = add_app(page)
    codes = page.get_by_test_id("recovery-codes").locator("code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_test_id("codes-kept").click()
    expect(page.get_by_test_id("app-on")).to_be_visible()
    sign_out(page)

    enter_password(page, address)
    page.locator("#code").fill(code_of(secret, 1))
    page.get_by_test_id("second-factor").get_by_role("button").click()
    expect(page.get_by_test_id("sign-out")).to_be_visible()
    sign_out(page)

    enter_password(page, address)
    page.locator('input[value="recovery_codes"]').check()
    page.locator("#code").fill(codes[0])
    page.get_by_test_id("second-factor").get_by_role("button").click()
    page.get_by_test_id("account-link").click()
    page.locator(f'a[href="{SECURITY}"]').click()
    expect(page.get_by_test_id("codes-left")).to_contain_text("9")
    page.get_by_test_id("remove-app").click()
    expect(page.get_by_test_id("add-app")).to_be_visible()


def test_an_old_sign_in_is_confirmed_by_passkey_before_a_change(
    site: Site, person: tuple[Page, str, Device], age_sessions: Callable[[str], None]
) -> None:
    page, address, _device = person
    age_sessions(address)
    page.goto(f"{SECURITY}app/")
    expect(page).to_have_url(re.compile("/account/confirm/"))
    use_passkey(page)
    expect(page.get_by_test_id("app-form")).to_be_visible()


@pytest.fixture
def age_sessions(site: Site) -> Callable[[str], None]:
    def age(address: str) -> None:
        aged = site.query(
            "UPDATE accounts_session SET authenticated_at = now() - interval '1 hour'"
            " WHERE user_id = (SELECT id FROM accounts_user WHERE email = %s) RETURNING id",
            [address],
        )
        assert aged

    return age


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_axe_finds_no_serious_fault(
    person: tuple[Page, str, Device], language: str, tmp_path: Path
) -> None:
    page, address, _device = person
    speak(page, language)
    faults: dict[str, Any] = {}

    def look(name: str) -> None:
        expect(page.locator("html")).to_have_attribute("lang", language)
        faults[name] = serious_faults(page)
        for width in (PHONE["viewport"]["width"], 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            page.screenshot(path=tmp_path / f"{name}-{language}-{width}.png", full_page=True)

    page.goto(SECURITY)
    page.locator("summary").first.click()
    look("security")
    page.goto(f"{SECURITY}passkeys/")
    look("passkeys")
    page.goto(f"{SECURITY}app/")
    page.locator("summary").first.click()
    look("app")
    page.goto(SECURITY)
    page.get_by_test_id("new-codes").click()
    look("codes")
    sign_out(page)
    speak(page, language)
    page.goto("/sign-in/")
    look("sign-in")
    enter_password(page, address)
    look("second-factor")
    assert {name: found for name, found in faults.items() if found} == {}
