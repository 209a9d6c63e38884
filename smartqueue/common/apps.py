from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "smartqueue.common"

    def ready(self) -> None:
        from smartqueue.common.agreement import AgreementFigures  # noqa: PLC0415
        from smartqueue.common.health import SHARED_FIGURES  # noqa: PLC0415

        SHARED_FIGURES.register(AgreementFigures())
