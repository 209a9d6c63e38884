"""What tests look at in a page: its language, its direction, and anything inline."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects the facts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.lang = self.dir = ""
        self.inline: list[str] = []
        self.assets: list[str] = []
        self.fields: dict[str, str | None] = {}
        self.checked: list[str | None] = []
        self.ids: list[str] = []
        self.test_ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.lang, self.dir = given.get("lang") or "", given.get("dir") or ""
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(f"<{tag}>")
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "script" and given.get("src"):
            self.assets.append(given["src"] or "")
        if tag == "link" and given.get("rel") in {"stylesheet", "icon", "manifest"}:
            self.assets.append(given["href"] or "")
        if tag == "input" and given.get("name"):
            self.fields.setdefault(given["name"] or "", given.get("value"))
            if "checked" in given:
                self.checked.append(given.get("value"))
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if given.get("data-testid"):
            self.test_ids.append(given["data-testid"] or "")
