from django.db import migrations

from smartqueue.common.walls import RaiseWalls


class Migration(migrations.Migration):
    """Keep cases within their organization, and the platform's own apart from all of them."""

    dependencies = [
        ("support", "0002_privacy_cases"),
        ("business", "0003_settings_devices_support"),
    ]

    operations = [
        RaiseWalls(
            personal={
                "SupportCase": "person",
                "CaseMessage": "person",
                "CaseAttachment": "person",
            },
            platform=["SupportCase", "CaseMessage", "CaseAttachment"],
        )
    ]
