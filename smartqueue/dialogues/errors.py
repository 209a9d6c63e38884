from django.utils.translation import gettext_lazy as _

from smartqueue.common.errors import Conflict


class CodeTaken(Conflict):
    code = "code_taken"
    title = _("Another place has this code: choose another one.")


class NumberTaken(Conflict):
    code = "number_taken"
    title = _("Another place already answers calls to this number.")
