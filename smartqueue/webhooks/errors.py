from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict


class TooManyEndpoints(Conflict):
    """`limit` is how many an organization may have."""

    code = "too_many_endpoints"
    title = _("Your organization has as many webhooks as it can: remove one first.")


class EndpointExists(Conflict):
    """The organization has a webhook with this address."""

    code = "endpoint_exists"
    title = _("Your organization has a webhook with this address already.")


class EndpointNotActive(Conflict):
    """`state` is the endpoint's state."""

    code = "endpoint_not_active"
    title = _("This webhook is not active: resume it first.")


class MessageUnderWay(Conflict):
    """`state` is the message's state."""

    code = "message_under_way"
    title = _("This message has not ended yet, and is sent without your doing.")


class IllegalMessageTransition(Conflict):
    """`state` names the state the message is in."""

    code = "illegal_message_transition"
    title = _("This is not possible in the message's present state.")
