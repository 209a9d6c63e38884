import django_filters

from smartqueue.queues.enums import QueueState, TicketState
from smartqueue.queues.models import Queue, Ticket


class QueueFilter(django_filters.FilterSet):
    branch = django_filters.UUIDFilter(field_name="branch_id")
    organization = django_filters.UUIDFilter(field_name="organization_id")
    service = django_filters.UUIDFilter(field_name="queue_services__service_id")
    state = django_filters.ChoiceFilter(choices=QueueState.choices)
    ordering = django_filters.OrderingFilter(
        fields=(("name", "name"), ("shown_count", "waiting_count"), ("created_at", "created_at"))
    )

    class Meta:
        model = Queue
        fields: tuple[str, ...] = ()


class TicketFilter(django_filters.FilterSet):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    branch = django_filters.UUIDFilter(field_name="branch_id")
    queue = django_filters.UUIDFilter(field_name="queue_id")
    state = django_filters.MultipleChoiceFilter(choices=TicketState.choices)
    service_date = django_filters.DateFilter()
    number = django_filters.CharFilter(lookup_expr="iexact")
    ordering = django_filters.OrderingFilter(
        fields=("joined_at", "order_key", "called_at", "number")
    )

    class Meta:
        model = Ticket
        fields: tuple[str, ...] = ()
