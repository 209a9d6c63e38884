from django.apps import AppConfig


class DialoguesConfig(AppConfig):
    name = "smartqueue.dialogues"

    def ready(self) -> None:
        """Answer people who write, dial or ring."""
        from smartqueue.dialogues.operations import ANSWERS  # noqa: PLC0415
        from smartqueue.notifications.ports import register_conversations  # noqa: PLC0415

        register_conversations(ANSWERS)
