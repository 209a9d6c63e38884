from django.db import migrations, models

TABLES = ("queues_queuepriority", "queues_vehiclecategory")
LANGUAGES = ("fr", "en", "ar")


class Migration(migrations.Migration):
    """Let priorities and kinds of vehicles have a name in each language; French is the present one."""

    dependencies = [
        ("queues", "0004_hidden_figures"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name=f"name_{language}",
                field=models.CharField(max_length=60, null=True),
            )
            for model in ("queuepriority", "vehiclecategory")
            for language in LANGUAGES
        ),
        *(
            migrations.RunSQL(f"UPDATE {table} SET name_fr = name", migrations.RunSQL.noop)  # noqa: S608  # names from here
            for table in TABLES
        ),
    ]
