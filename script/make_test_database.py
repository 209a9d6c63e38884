"""Make the migrated database that those of the tests are copied from; ends any that is there."""

import django

django.setup()

from django.db import connection  # noqa: E402  # after the set-up

connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
print(connection.settings_dict["NAME"])
