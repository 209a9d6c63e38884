from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from smartqueue.common.models import IdModel


class Commune(IdModel):
    """A commune of Senegal: the smallest unit of local government (ANSD, RGPH-5 2023)."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    other_names = ArrayField(models.CharField(max_length=80), default=list)
    region = models.CharField(max_length=40)
    department = models.CharField(max_length=40)
    arrondissement = models.CharField(max_length=40, blank=True)
    population = models.PositiveIntegerField()
    point = models.PointField(geography=True)

    class Meta:
        ordering = ["name", "code"]

    def __str__(self) -> str:
        return self.name
