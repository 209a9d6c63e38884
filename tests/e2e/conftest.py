"""One running site for all browser tests of a run, and a browser for each file of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.people import everybody_leaves
from tests.e2e.servers import Site

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Tiles of the map come from elsewhere.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
SOUND = "--autoplay-policy=no-user-gesture-required"
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demonstration on a Monday morning."""
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


# Not for the session: while Playwright runs, no test can have an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *QUIET, ALONE, SOUND]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """
    Open an address in a browser of somebody's own; errors of its scripts fail the test.

    `script` runs before those of every page.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_(path: str, *, script: str = "", **options: Any) -> Page:
        options.setdefault("locale", "fr")
        context = browser.new_context(base_url=site.url, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    everybody_leaves(site)
    assert errors == []
