"""Pages as people of different means use them: touch, keyboard, Arabic, a slow line, a reader."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from smartqueue.business.enums import DeviceKind
from smartqueue.queues.management.commands._demonstration import device_token
from smartqueue.queues.tokens import token_of
from tests.e2e.codes import shape_for, shape_of
from tests.e2e.conftest import PHONE, Visit
from tests.e2e.people import line, open_counter, sign_in, wait_until_live
from tests.e2e.servers import Site

pytestmark = [pytest.mark.e2e, pytest.mark.serial]

TICKET_PAGE_MOST_BYTES = 60_000
POINTS_PER_MM = 72 / 25.4
HAS_NO_MOUSE = """
for (const type of ["pointerdown", "mousedown", "touchstart"]) {
  addEventListener(type, () => { throw new Error("a pointer was used: " + type); }, true);
}
"""
# What stands out about the focused element, or about the choice around it.
FOCUS = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return "nothing has the focus";
  const marked = [focused, focused.closest(".choice")].filter(Boolean).some((element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  const { top, bottom, left, right, width } = focused.getBoundingClientRect();
  const seen = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth && width > 0;
  const name = focused.id || focused.outerHTML.slice(0, 80);
  if (!focused.matches(":focus-visible") || !marked) return `not marked: ${name}`;
  return seen ? "" : `out of sight: ${name}`;
}"""


@pytest.mark.parametrize("path", ["join", "ticket"])
def test_arabic_reads_from_right_to_left(
    site: Site, visit: Visit, path: str, tmp_path: Path
) -> None:
    if path == "join":
        address = line(site, "Hann Bel-Air", "V").join_path
    else:
        address = line(site, "Hôtel de ville", "A").join()["path"]
    page = visit(address, **PHONE | {"locale": "ar"})
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [
        "ar",
        "rtl",
    ]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    assert re.search("[\u0600-\u06ff]", page.locator("main").inner_text())
    mark = page.locator(".wordmark").bounding_box()
    assert mark is not None
    assert mark["x"] > PHONE["viewport"]["width"] / 2
    if path == "join":
        choice = page.locator(".choice").first
        box = choice.locator("input").bounding_box()
        text = choice.locator("span").first.bounding_box()
        assert box is not None
        assert text is not None
        assert box["x"] > text["x"]
    else:
        number = page.get_by_test_id("number")
        assert re.fullmatch(r"A\d{3}", number.inner_text())
    page.screenshot(path=tmp_path / f"{path}-ar.png", full_page=True)
    assert (tmp_path / f"{path}-ar.png").stat().st_size > 10_000


def test_the_kiosk_prints_a_ticket_in_two_touches(site: Site, visit: Visit) -> None:
    annex = line(site, "Annexe de Sor", "S")
    manager = visit(f"/manage/branches/{annex.branch}/")
    sign_in(manager, "manager")

    kiosk = visit(
        f"/k/{device_token(DeviceKind.KIOSK, 'Annexe de Sor')}/",
        script="window.prints = 0; window.print = () => { window.prints += 1; };",
        viewport={"width": 1080, "height": 1920},
        has_touch=True,
    )
    kiosk.get_by_test_id("lang-ar").tap()
    expect(kiosk.locator("html")).to_have_attribute("dir", "rtl")
    kiosk.get_by_test_id("kiosk-button").first.tap()
    slip = kiosk.get_by_test_id("slip")
    number = slip.get_by_test_id("number").inner_text()
    kiosk.wait_for_function("() => window.prints === 1")

    ticket_id: UUID = site.value(
        "SELECT id FROM queues_ticket WHERE queue_id = %s AND number = %s", annex.queue, number
    )
    address = f"{site.url}/t/{token_of(ticket_id)}/"
    assert shape_of(kiosk) == shape_for(address)
    expect(manager.get_by_test_id("total-waiting")).to_have_text(
        str(site.value("SELECT waiting_count FROM queues_queue WHERE id = %s", annex.queue))
    )

    paper = kiosk.pdf(prefer_css_page_size=True, print_background=True)
    sheets = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", paper)
    assert len(sheets) == 1
    assert float(sheets[0][0]) == pytest.approx(80 * POINTS_PER_MM, abs=1)
    kiosk.emulate_media(media="print")
    box = slip.bounding_box()
    assert box is not None
    assert box["width"] <= 80 / 25.4 * 96 + 1
    expect(kiosk.get_by_test_id("again")).to_be_hidden()
    kiosk.emulate_media(media="screen")

    kiosk.get_by_test_id("again").tap()
    expect(kiosk.locator("html")).to_have_attribute("dir", "ltr")
    expect(kiosk.get_by_test_id("kiosk-button").first).to_be_visible()

    phone = visit(address, **PHONE)
    expect(phone.get_by_test_id("number")).to_have_text(number)


def test_a_lying_kiosk_shows_the_whole_slip(site: Site, visit: Visit) -> None:
    kiosk = visit(
        f"/k/{device_token(DeviceKind.KIOSK, 'Annexe de Sor')}/",
        script="window.print = () => {};",
        viewport={"width": 1280, "height": 720},
        has_touch=True,
    )
    kiosk.get_by_test_id("kiosk-button").first.tap()
    for part in ("slip", "again"):
        expect(kiosk.get_by_test_id(part)).to_be_in_viewport(ratio=1)


def tab_to(page: Page, target: Locator, most: int = 30) -> None:
    """Press the tabulator until the target has the focus, which must always be seen."""
    for _ in range(most):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS) == ""
    raise AssertionError(f"the tabulator never reaches {target}")


def test_an_agent_works_with_the_keyboard_alone(site: Site, visit: Visit) -> None:
    annex = line(site, "Annexe de Sor", "S")
    annex.join()
    annex.join()
    page = visit("/", script=HAS_NO_MOUSE)
    tab_to(page, page.get_by_test_id("sign-in-link"))
    page.keyboard.press("Enter")
    expect(page.locator("#identifier")).to_be_focused()
    page.keyboard.type("agent3@demo.smartqueue.test")
    tab_to(page, page.locator("#password"))
    page.keyboard.type("smartqueue-demo")
    page.keyboard.press("Enter")
    counter_link = page.locator('a[href="/agent/"]')
    expect(counter_link).to_be_visible()
    tab_to(page, counter_link)
    page.keyboard.press("Enter")

    first = page.get_by_role("radio").first
    expect(first).to_be_visible()
    tab_to(page, first)
    page.keyboard.press("Space")
    tab_to(page, page.get_by_test_id("open-counter"))
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("free")).to_be_visible()
    expect(page.locator("#call-next")).to_be_focused()

    def press(key: str, focused: str, said: str) -> None:
        page.keyboard.press(key)
        expect(page.locator(focused)).to_be_focused()
        assert page.evaluate(FOCUS) == ""
        expect(page.locator("#say")).to_have_text(said)

    waiting = page.get_by_test_id("waiting-row").first.locator(".number").inner_text()
    press("n", "#start", f"{waiting} appelé")
    press("s", "#complete", f"{waiting} est là")
    press("c", "#call-next", f"{waiting} terminé")
    page.keyboard.press("w")
    expect(page.locator("#waiting button").first).to_be_focused()
    assert page.evaluate(FOCUS) == ""
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("current")).to_have_attribute("data-state", "called")
    chosen = page.get_by_test_id("current-number").inner_text()
    page.keyboard.press("s")
    expect(page.locator("#complete")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("free")).to_be_visible()
    press("b", "#resume", "Vous êtes en pause.")
    press("b", "#call-next", "Le guichet est ouvert.")
    completed = site.query(
        "SELECT number FROM queues_ticket WHERE queue_id = %s AND state = 'completed'",
        [annex.queue],
    )
    assert {(waiting,), (chosen,)} <= set(completed)


# A key in the very moment that the console has changed.
QUICK_KEY = """() => {
  window.stays = true;
  const seen = new MutationObserver(() => {
    seen.disconnect();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "s", bubbles: true }));
  });
  seen.observe(document.getElementById("console"), { childList: true });
}"""


def test_a_quick_key_loads_no_new_page(site: Site, visit: Visit) -> None:
    annex = line(site, "Annexe de Sor", "S")
    annex.join()
    page = visit("/agent/")
    sign_in(page, "agent3")
    open_counter(page, "Guichet 1", "S")
    page.evaluate(QUICK_KEY)
    page.keyboard.press("n")
    expect(page.get_by_test_id("current")).to_have_attribute("data-state", "serving")
    expect(page.locator("#say")).to_have_text(re.compile("est là$"))
    assert page.evaluate("window.stays")


def serious_faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:120]} {node['any'][:1]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


def speak(page: Page, language: str) -> None:
    page.context.add_cookies(
        [{"name": "django_language", "value": language, "domain": "localhost", "path": "/"}]
    )


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_axe_finds_no_serious_fault_on_public_pages(
    site: Site, visit: Visit, language: str
) -> None:
    ward = line(site, "Consultations externes", "C")
    seat = ward.sit_down("agent5", "Salle 2")
    called, waiting = ward.join(), ward.join()
    page = visit("/", locale=language)
    organization = site.value("SELECT slug FROM business_organization LIMIT 1")
    paths = [
        "/",
        f"/o/{organization}/",
        f"/b/{ward.slug}/",
        ward.join_path,
        f"{ward.join_path}poster/",
        waiting["path"],
        "/sign-in/",
        "/register/",
        "/verify/",
        "/dev/mailbox/",
        "/nowhere/",
        f"/d/{ward.slug}/?lang={language}",
    ]
    faults = {}
    for path in paths:
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        faults[path] = serious_faults(page)
    seat.act("call", called, session=seat.session)
    page.goto(called["path"])
    state = page.get_by_test_id("ticket").get_attribute("data-state")
    assert state == "called"
    faults[state] = serious_faults(page)
    page.goto(f"/d/{ward.slug}/?lang={language}")
    faults["display with a call"] = serious_faults(page)
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_axe_finds_no_serious_fault_on_the_staffs_pages(
    site: Site, visit: Visit, language: str
) -> None:
    ward = line(site, "Consultations externes", "K")
    manager = visit(f"/manage/branches/{ward.branch}/")
    sign_in(manager, "manager")
    kiosk = f"/k/{device_token(DeviceKind.KIOSK, 'Consultations externes')}/"
    organization = manager.get_by_test_id("members-link").get_attribute("href") or ""
    own = [f"/manage/branches/{ward.branch}/devices/", organization]
    own += [organization.replace("members", more) for more in ("settings", "settings/history")]
    speak(manager, language)
    faults: dict[str, list[str]] = {}
    ward.join()
    own += [
        f"/manage/branches/{ward.branch}/?queue={ward.queue}",
        f"/manage/queues/{ward.queue}/message/",
        organization.replace("members", "messages"),
    ]
    for path in ["/manage/", *own, f"{kiosk}?lang={language}"]:
        manager.goto(path)
        expect(manager.locator("html")).to_have_attribute("lang", language)
        faults[path] = serious_faults(manager)
    manager.get_by_test_id("kiosk-button").last.click()
    expect(manager.get_by_test_id("slip")).to_be_visible()
    faults["slip"] = serious_faults(manager)

    agent = visit("/agent/")
    sign_in(agent, "agent5")
    expect(agent.get_by_test_id("open-session")).to_be_visible()
    speak(agent, language)
    agent.reload()
    faults["choice of a counter"] = serious_faults(agent)
    open_counter(agent, "Caisse", "K")
    faults["free"] = serious_faults(agent)
    agent.keyboard.press("n")
    expect(agent.get_by_test_id("current")).to_be_visible()
    faults["called"] = serious_faults(agent)
    agent.keyboard.press("s")
    expect(agent.locator("#complete")).to_be_visible()
    agent.keyboard.press("c")
    expect(agent.get_by_test_id("free")).to_be_visible()
    agent.keyboard.press("b")
    expect(agent.locator("#resume")).to_be_visible()
    faults["break"] = serious_faults(agent)
    assert {path: found for path, found in faults.items() if found} == {}


def test_the_ticket_page_is_small(site: Site, visit: Visit) -> None:
    ticket = line(site, "Hôtel de ville", "A").join()
    page = visit("/manifest.webmanifest", **PHONE)
    wire = page.context.new_cdp_session(page)
    sizes: dict[str, float] = {}
    answers: dict[str, Any] = {}
    wire.on("Network.responseReceived", lambda e: answers.update({e["requestId"]: e["response"]}))
    wire.on(
        "Network.loadingFinished",
        lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}),
    )
    wire.send("Network.enable")
    # The icon may be there already, from the page before.
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(ticket["path"])
    wait_until_live(page)
    page.wait_for_load_state("networkidle")
    by_name = {answers[key]["url"]: size for key, size in sizes.items() if key in answers}
    scripts = [a for a in answers.values() if a["url"].endswith(".js") and "/static/" in a["url"]]
    encodings = {
        value
        for answer in scripts
        for name, value in answer["headers"].items()
        if name.lower() == "content-encoding"
    }
    assert len(scripts) >= 4
    assert encodings <= {"br", "gzip"}
    assert encodings
    assert not any(answer["fromDiskCache"] for answer in answers.values())
    assert sum(by_name.values()) < TICKET_PAGE_MOST_BYTES, by_name


def test_registering_by_e_mail(visit: Visit) -> None:
    address = f"awa.{uuid4().hex[:8]}@example.test"
    page = visit("/sign-in/?next=/manage/")
    page.get_by_role("link", name="Créer un compte").click()
    page.locator("#identifier").fill(address)
    page.locator("#first_name").fill("Awa")
    page.locator("#last_name").fill("Diop")
    page.locator("#password").fill("une phrase assez longue")
    page.get_by_test_id("register").get_by_role("button").click()

    expect(page.get_by_test_id("verify")).to_be_visible()
    page.locator("#code").fill("000000")
    page.get_by_test_id("verify").get_by_role("button").click()
    expect(page.get_by_test_id("problem")).to_be_visible()
    mailbox = visit("/dev/mailbox/")
    letter = mailbox.get_by_test_id("letter").filter(has_text=address)
    code = re.search(r"\b\d{6}\b", letter.inner_text())
    assert code is not None
    page.locator("#code").fill(code[0])
    page.get_by_test_id("verify").get_by_role("button").click()
    expect(page).to_have_url(re.compile("/manage/$"))
    page.goto("/")
    expect(page.get_by_test_id("sign-out")).to_be_visible()
    expect(page.get_by_test_id("sign-in-link")).to_have_count(0)
