from django.db import migrations

# By default a table is analyzed when a tenth of it has changed: with a million past tickets that is
# once in weeks, and what is known of a line is how it was at night.
OFTEN = """
    ALTER TABLE queues_ticket SET (
        autovacuum_analyze_scale_factor = 0.002, autovacuum_analyze_threshold = 500,
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
    ALTER TABLE queues_ticketperiod SET (
        autovacuum_analyze_scale_factor = 0.005, autovacuum_analyze_threshold = 1000,
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
    ALTER TABLE queues_ticketstep SET (
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000);
"""
AS_USUAL = """
    ALTER TABLE queues_ticket RESET (
        autovacuum_analyze_scale_factor, autovacuum_analyze_threshold,
        autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
    ALTER TABLE queues_ticketperiod RESET (
        autovacuum_analyze_scale_factor, autovacuum_analyze_threshold,
        autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
    ALTER TABLE queues_ticketstep RESET (
        autovacuum_analyze_scale_factor, autovacuum_analyze_threshold);
"""


class Migration(migrations.Migration):
    """Have the tables of tickets analyzed by what changes in a morning, however much is past."""

    dependencies = [("queues", "0009_fewer_indexes")]

    operations = [migrations.RunSQL(OFTEN, AS_USUAL)]
