from django.db import migrations, models


class Migration(migrations.Migration):
    """Name the cases in which people ask for their rights."""

    dependencies = [
        ("support", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="supportcase",
            name="category",
            field=models.CharField(
                choices=[
                    ("wait", "The wait or the order of the line"),
                    ("service", "The service at the counter"),
                    ("ticket", "A ticket that does not work"),
                    ("access", "Access for people with a disability"),
                    ("payment", "Money paid or owed"),
                    ("account", "Signing in or my account"),
                    ("privacy", "My data and my rights"),
                    ("suggestion", "An idea or thanks"),
                    ("other", "Something else"),
                ],
                max_length=12,
            ),
        ),
    ]
