from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db.models.functions import Concat

from smartqueue.common.models import IdModel
from smartqueue.common.search import Joined, Plain


class Commune(IdModel):
    """A commune of Senegal: the smallest unit of local government (ANSD, RGPH-5 2023)."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    other_names = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    region = models.CharField(max_length=40)
    department = models.CharField(max_length=40)
    arrondissement = models.CharField(max_length=40, blank=True)
    population = models.PositiveIntegerField()
    point = models.PointField(geography=True)
    search_text = models.GeneratedField(
        expression=Plain(
            Concat(
                "name",
                models.Value(" "),
                Joined("other_names"),
                models.Value(" "),
                "department",
                models.Value(" "),
                "region",
                output_field=models.TextField(),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["name", "code"]
        indexes = [
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="commune_search"),
        ]

    def __str__(self) -> str:
        return self.name
