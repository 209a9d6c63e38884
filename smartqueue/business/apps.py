from django.apps import AppConfig


class BusinessConfig(AppConfig):
    name = "smartqueue.business"

    def ready(self) -> None:
        from smartqueue.accounts.actor import RoleQuery, register_membership_resolver  # noqa: PLC0415
        from smartqueue.accounts.ports import register_devices  # noqa: PLC0415
        from smartqueue.business import handlers, notices, queries  # noqa: F401, PLC0415
        from smartqueue.business.devices import BranchDevices  # noqa: PLC0415
        from smartqueue.notifications.ports import (  # noqa: PLC0415
            register_look,
            register_night,
            register_relation,
        )

        register_devices(BranchDevices())
        register_look(queries.look_of)
        register_night(queries.night_of)
        register_relation(queries.members_among)
        register_membership_resolver(
            RoleQuery(queries.memberships_of, queries.MEMBERSHIPS, queries.read_memberships)
        )
