"""QR codes, compared by their modules: equal drawings carry equal addresses."""

import segno
from playwright.sync_api import Page


def shape_of(page: Page) -> str | None:
    """Return the modules of the code on a page."""
    return page.locator("svg.qr path").last.get_attribute("d")


def shape_for(address: str) -> str:
    """Return the modules of the code for an address."""
    drawing = segno.make(address, error="m", micro=False).svg_inline(omitsize=True, border=2)
    return drawing.split(' d="')[1].split('"')[0]
