from django.db import migrations


class Migration(migrations.Migration):
    """Counts live for minutes, so the table moves to its new app empty."""

    dependencies = [("accounts", "0003_codes_and_contact")]

    operations = [migrations.DeleteModel(name="ThrottleWindow")]
