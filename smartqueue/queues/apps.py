from django.apps import AppConfig


class QueuesConfig(AppConfig):
    name = "smartqueue.queues"

    def ready(self) -> None:
        """
        Register handlers, the reader of tickets' tokens, who may be written to, and what business
        asks or tells.
        """
        from smartqueue.accounts.entrance import register_token_reader  # noqa: PLC0415
        from smartqueue.business.ports import (  # noqa: PLC0415
            register_retirement_guard,
            register_visibility_listener,
        )
        from smartqueue.notifications.ports import register_relation  # noqa: PLC0415
        from smartqueue.queues import handlers, notices  # noqa: F401, PLC0415
        from smartqueue.queues.operations import change_visibility  # noqa: PLC0415
        from smartqueue.queues.policies import people_held_up_by  # noqa: PLC0415
        from smartqueue.queues.queries import visitors_among  # noqa: PLC0415
        from smartqueue.queues.tokens import actor_of_token  # noqa: PLC0415

        register_token_reader(actor_of_token)
        register_retirement_guard(people_held_up_by)
        register_visibility_listener(change_visibility)
        register_relation(visitors_among)
