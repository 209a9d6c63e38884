"""Texts that an organization gives in French, English and Arabic."""

from modeltranslation.translator import TranslationOptions, register

from smartqueue.business.models import Organization, Service


@register(Organization)
class OrganizationTranslation(TranslationOptions):
    fields = ("description",)


@register(Service)
class ServiceTranslation(TranslationOptions):
    fields = ("name", "description", "required_papers")
