from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from smartqueue.common import agreement

_BOUND = """
    SELECT NOT (pg_has_role(current_user, relation.relowner, 'USAGE') OR role.rolbypassrls)
    FROM pg_class AS relation, pg_roles AS role
    WHERE relation.oid = 'django_migrations'::regclass AND role.rolname = current_user
"""


class Command(BaseCommand):
    help = "Count rows that point at another organization's, and say whether row policies bind this role."

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_BOUND)
            (is_bound,) = cursor.fetchone()
        self.stdout.write(
            "Row policies bind this role."
            if is_bound
            else "Row policies do not bind this role: it owns the tables."
        )
        counts = agreement.count_astray()
        agreement.remember(counts)
        for path, count in counts.items():
            self.stdout.write(f"{count:>8}  {path}")
        total = sum(counts.values())
        if total:
            raise CommandError(f"{total} rows point at another organization's.")
