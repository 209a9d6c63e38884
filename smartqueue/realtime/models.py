from django.db import models


class TopicEvent(models.Model):
    """
    One change of one topic. Versions of a topic are gapless: whoever holds the topic's row lock
    takes the next one, so that a client can resume from the last it saw.

    `inside` holds what insiders of the topic are told otherwise than everybody.
    """

    pk = models.CompositePrimaryKey("topic", "version")
    topic = models.CharField(max_length=60)
    version = models.BigIntegerField()
    type = models.CharField(max_length=40)
    data = models.JSONField()
    inside = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="topic_event_at")]
