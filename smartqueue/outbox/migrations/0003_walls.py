"""
Events are told by whoever acts in their organization and read under its key; deliveries are the
relay's own. Row policies as in `common.walls`, without its composite keys: an event outlives what
it tells of. No policy lets an event be changed; the journal's own rights refuse it as well.
"""

from django.db import migrations

from smartqueue.common.walls import ORGANIZATION, opened

RAISE = f"""
ALTER TABLE outbox_domainevent ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall_read ON outbox_domainevent FOR SELECT USING ({opened(ORGANIZATION)});
CREATE POLICY wall_insert ON outbox_domainevent FOR INSERT
    WITH CHECK ("{ORGANIZATION}" IS NULL OR {opened(ORGANIZATION)});
ALTER TABLE outbox_delivery ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall_insert ON outbox_delivery FOR INSERT WITH CHECK (true);
CREATE POLICY wall_relay ON outbox_delivery USING ({opened()});
"""
REMOVE = """
DROP POLICY wall_read ON outbox_domainevent;
DROP POLICY wall_insert ON outbox_domainevent;
ALTER TABLE outbox_domainevent DISABLE ROW LEVEL SECURITY;
DROP POLICY wall_insert ON outbox_delivery;
DROP POLICY wall_relay ON outbox_delivery;
ALTER TABLE outbox_delivery DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_transaction_of_an_event")]

    operations = [migrations.RunSQL(RAISE, REMOVE)]
