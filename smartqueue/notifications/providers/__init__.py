"""Those who carry messages out of the application."""


def register_all() -> None:
    """Make every provider known, in the order in which they are tried when nothing else decides."""
    from smartqueue.notifications.providers import (  # noqa: PLC0415  # they need settings
        africas_talking,
        lafricamobile,
        orange_sms,
        smpp,
        twilio,
    )

    for package in (orange_sms, smpp, lafricamobile, africas_talking, twilio):
        package.register()
