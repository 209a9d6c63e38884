from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "smartqueue.appointments"

    def ready(self) -> None:
        """Register handlers, the reader of tokens, the word on retiring, and whom staff write to."""
        from smartqueue.accounts.entrance import register_token_reader  # noqa: PLC0415
        from smartqueue.appointments import handlers, notices  # noqa: F401, PLC0415
        from smartqueue.appointments.policies import people_held_up_by  # noqa: PLC0415
        from smartqueue.appointments.queries import booked_among  # noqa: PLC0415
        from smartqueue.appointments.tokens import actor_of_token  # noqa: PLC0415
        from smartqueue.business.ports import register_retirement_guard  # noqa: PLC0415
        from smartqueue.notifications.ports import register_relation  # noqa: PLC0415

        register_token_reader(actor_of_token)
        register_retirement_guard(people_held_up_by)
        register_relation(booked_among)
