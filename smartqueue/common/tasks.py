"""What the platform checks by itself."""

import logging

from smartqueue.common import agreement
from smartqueue.common.jobs import periodic

logger = logging.getLogger(__name__)


@periodic(every_seconds=86_400, lease_seconds=3600)
def check_agreement_task() -> None:
    """Count the rows that disagree about whose they are with what they point at."""
    counts = agreement.count_astray()
    agreement.remember(counts)
    astray = {path: count for path, count in counts.items() if count}
    if astray:
        logger.error("rows point at another organization's", extra={"astray": astray})
