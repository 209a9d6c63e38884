"""Names that an organization gives in French, English and Arabic."""

from modeltranslation.translator import TranslationOptions, register

from smartqueue.queues.models import QueuePriority, VehicleCategory


@register(QueuePriority)
class QueuePriorityTranslation(TranslationOptions):
    fields = ("name",)


@register(VehicleCategory)
class VehicleCategoryTranslation(TranslationOptions):
    fields = ("name",)
