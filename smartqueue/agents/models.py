from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from smartqueue.common.models import TenantModel


class Skill(TenantModel):
    """
    How much an agent should serve a service: 1 is ordinary, 2 counts a person's wait twice,
    0 is never. A service without a row is ordinary.
    """

    organization = models.ForeignKey(
        "business.Organization", on_delete=models.CASCADE, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills"
    )
    service = models.ForeignKey("business.Service", on_delete=models.CASCADE, related_name="skills")
    weight = models.DecimalField(
        max_digits=3,
        decimal_places=1,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(10))],
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "service"], name="skill_once"),
            models.CheckConstraint(condition=Q(weight__gte=0, weight__lte=10), name="skill_weight"),
        ]
