from django.db import migrations

from smartqueue.common.walls import RaiseWalls

# A view asks with its owner's rights, whom no policy holds, unless it is told to ask with the reader's.
ASK_AS_READER = "ALTER VIEW audit_entry SET (security_invoker = true)"
ASK_AS_OWNER = "ALTER VIEW audit_entry RESET (security_invoker)"


class Migration(migrations.Migration):
    """Keep what the journal tells of rows within the rows' organization."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(ASK_AS_READER, ASK_AS_OWNER),
        RaiseWalls(),
    ]
