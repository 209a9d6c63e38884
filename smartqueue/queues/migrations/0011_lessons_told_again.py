from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("queues", "0010_statistics")]

    operations = [
        migrations.AddField(
            model_name="queuewaits",
            name="done",
            field=models.JSONField(default=list),
        ),
    ]
