"""Those who carry messages out of the application."""


def register_all() -> None:
    """Make every provider known, in the order in which they are tried when nothing else decides."""
    from smartqueue.notifications.providers import (  # noqa: PLC0415  # they need settings
        africas_talking,
        fcm,
        lafricamobile,
        orange_sms,
        smpp,
        twilio,
        web_push,
    )

    for package in (orange_sms, smpp, lafricamobile, africas_talking, twilio, fcm, web_push):
        package.register()
