from django.db import migrations


class Migration(migrations.Migration):
    """Counts live for minutes, so the table moves to its new app empty."""

    dependencies = [("accounts", "0004_second_factors")]

    operations = [migrations.DeleteModel(name="ThrottleWindow")]
