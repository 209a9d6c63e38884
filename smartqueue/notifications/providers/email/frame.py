"""
How a mail looks: one column that a phone and a screen reader go through from top to bottom, in the
organization's colour. Nothing is loaded from elsewhere, so that nobody learns who reads it.
"""

import re
from typing import Final

from django.utils import translation
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext

from smartqueue.notifications.providers.base import Outgoing

COLOUR: Final = "#06382d"
RIGHT_TO_LEFT: Final = frozenset({"ar"})
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")

# Mail programs know little of stylesheets: what has to hold stands at each element. Text is nearly
# black on white whatever the colour, which is only a band.
_PAGE: Final = """<!DOCTYPE html>
<html lang="{language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body style="margin:0;padding:0;background:#f1f5f2;color:#16211d;font:16px/1.5 Arial,sans-serif">
<div role="article" aria-label="{title}" lang="{language}" dir="{direction}"
 style="max-width:34rem;margin:0 auto;padding:24px 16px">
<p style="margin:0 0 16px;padding:0 0 12px;border-bottom:4px solid {colour};font-weight:bold"
>{sender}</p>
<div style="background:#ffffff;color:#16211d;padding:24px 20px;border-radius:8px">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">{title}</h1>
{words}{link}
</div>
{foot}
</div>
</body>
</html>
"""
_LINK: Final = (
    '<p style="margin:20px 0 0"><a href="{}" style="color:#06382d;font-weight:bold">{}</a></p>'
)
_FOOT: Final = (
    '<p style="margin:16px 0 0;font-size:14px;color:#43514b">'
    '<a href="{}" style="color:#43514b">{}</a></p>'
)


def _language(message: Outgoing) -> str:
    return message.data.get("language") or "fr"


def plain(message: Outgoing) -> str:
    """Return the plain text, with the address that it leads to and how to get no more of them."""
    parts = [message.body]
    if message.link and message.link not in message.body:
        parts.append(message.link)
    if message.unsubscribe_url:
        with translation.override(_language(message)):
            parts.append(f"{_stop(message)}\n{message.unsubscribe_url}")
    return "\n\n".join(parts) + "\n"


def html(message: Outgoing) -> str:
    """Return the page; what is in `message.html` is taken as it is, plain words are escaped."""
    language = _language(message)
    colour = message.data.get("colour", "")
    with translation.override(language):
        return format_html(
            _PAGE,
            language=language,
            direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
            title=message.subject or "SmartQueue",
            colour=colour if _COLOUR.fullmatch(colour) else COLOUR,
            sender=message.data.get("organization") or "SmartQueue",
            words=_words(message),
            link=format_html(_LINK, message.link, pgettext("button", "Open"))
            if message.link
            else "",
            foot=format_html(_FOOT, message.unsubscribe_url, _stop(message))
            if message.unsubscribe_url
            else "",
        )


def _stop(message: Outgoing) -> str:
    sender = message.data.get("organization") or "SmartQueue"
    return gettext("No more e-mails of %(sender)s") % {"sender": sender}


def _words(message: Outgoing) -> SafeString:
    if message.html:
        return mark_safe(message.html)  # noqa: S308  # the renderer of templates has escaped it
    paragraphs = [part for part in re.split(r"\n\s*\n", message.body.strip()) if part.strip()]
    return format_html_join(
        "\n",
        '<p style="margin:0 0 12px">{}</p>',
        ((mark_safe(escape(part).replace("\n", "<br>")),) for part in paragraphs),  # noqa: S308  # escaped
    )
