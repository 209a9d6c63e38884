import django_filters

from smartqueue.appointments.enums import AppointmentState, WaitlistState
from smartqueue.appointments.models import (
    Appointment,
    AppointmentSlot,
    SlotException,
    WaitlistEntry,
)


class SlotFilter(django_filters.FilterSet):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    service = django_filters.UUIDFilter(field_name="service_id")
    day_of_week = django_filters.NumberFilter()
    ordering = django_filters.OrderingFilter(fields=("day_of_week", "start_time"))

    class Meta:
        model = AppointmentSlot
        fields: tuple[str, ...] = ()


class SlotExceptionFilter(django_filters.FilterSet):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    service = django_filters.UUIDFilter(field_name="service_id")
    date_from = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    date_to = django_filters.DateFilter(field_name="date", lookup_expr="lte")
    ordering = django_filters.OrderingFilter(fields=("date",))

    class Meta:
        model = SlotException
        fields: tuple[str, ...] = ()


class AppointmentFilter(django_filters.FilterSet):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    service = django_filters.UUIDFilter(field_name="service_id")
    agent = django_filters.UUIDFilter(field_name="agent_id")
    state = django_filters.MultipleChoiceFilter(choices=AppointmentState.choices)
    date_from = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    date_to = django_filters.DateFilter(field_name="date", lookup_expr="lte")
    reference = django_filters.CharFilter(lookup_expr="iexact")
    series = django_filters.UUIDFilter(field_name="series_id")
    visit = django_filters.UUIDFilter(field_name="visit_id")
    ordering = django_filters.OrderingFilter(fields=("starts_at", "created_at"))

    class Meta:
        model = Appointment
        fields: tuple[str, ...] = ()


class WaitlistFilter(django_filters.FilterSet):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    service = django_filters.UUIDFilter(field_name="service_id")
    state = django_filters.MultipleChoiceFilter(choices=WaitlistState.choices)
    ordering = django_filters.OrderingFilter(fields=("created_at",))

    class Meta:
        model = WaitlistEntry
        fields: tuple[str, ...] = ()
