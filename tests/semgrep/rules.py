"""Planted faults: each rule of rules.yaml finds those marked, and not what is right beside them."""


def raw_sql(cursor, name):
    # ruleid: raw-sql
    cursor.execute(f"SELECT 1 FROM t WHERE name = '{name}'")
    # ruleid: raw-sql
    cursor.execute("SELECT 1 FROM t WHERE name = '%s'" % name)
    # ruleid: raw-sql
    cursor.execute("SELECT 1 FROM t WHERE name = '{}'".format(name))
    # ruleid: raw-sql
    cursor.execute("SELECT 1 FROM t WHERE name = " + name)
    # ruleid: raw-sql, rows-in-a-view
    Queue.objects.raw(f"SELECT * FROM t WHERE name = '{name}'")
    # ruleid: raw-sql
    rows.extra(where=["name = 'x'"])
    # ruleid: raw-sql
    RawSQL(f"name = '{name}'", [])
    # ok: raw-sql
    cursor.execute("SELECT 1 FROM t WHERE name = %s", [name])


def unscoped():
    # ruleid: unscoped-manager, rows-in-a-view
    Ticket.objects.with_scopes_disabled().get()
    # ruleid: unscoped-manager
    Ticket._base_manager.get()
    # ruleid: unscoped-manager
    with scopes_disabled():
        pass
    # ruleid: rows-in-a-view
    Ticket.objects.filter(pk=1)
    # ok: rows-in-a-view
    Ticket.objects.none()


def sends_early(user):
    with transaction.atomic():
        user.save()
        # ruleid: delay-in-a-transaction
        send_message_task.delay(user.pk)
    # ok: delay-in-a-transaction
    send_message_task.delay(user.pk)


@operation
def operates(user):
    # ruleid: delay-in-a-transaction
    send_message_task.apply_async(args=[user.pk])
    # ruleid: http-in-a-transaction
    throttle.check("login")
    # ruleid: http-in-a-transaction, request-without-timeout
    urlopen("https://provider.example/")
    # ruleid: http-in-a-transaction
    http.call("GET", "https://provider.example/")


def after_commit():
    # ruleid: on-commit-outside-outbox
    transaction.on_commit(print)
    # ruleid: on-commit-outside-outbox
    send_message_task.delay_on_commit()


def times():
    # ruleid: naive-time, clock-read-inside
    datetime.now()
    # ruleid: naive-time
    datetime.utcnow()
    # ruleid: naive-time
    date.today()
    # ruleid: naive-time
    datetime.fromtimestamp(0)
    # ok: naive-time
    # ruleid: clock-read-inside
    datetime.now(UTC)
    # ruleid: clock-read-inside
    timezone.now()
    # ruleid: clock-read-inside
    clock.now()
    # ok: clock-read-inside
    now.isoformat()


class Invoice:
    # ruleid: float-money
    total = models.FloatField()
    # ok: float-money
    total_minor = models.BigIntegerField()
    # ok: float-money
    weight = models.FloatField()


def money(invoice):
    # ruleid: float-money
    float(invoice.amount_minor)
    # ruleid: float-money
    invoice.amount_minor / 2
    # ok: float-money
    invoice.amount_minor // 2


def outside():
    # ruleid: http-client-elsewhere
    import requests

    # ruleid: http-client-elsewhere
    import httpcore2

    # ruleid: http-client-elsewhere
    import http.client

    # ruleid: http-client-elsewhere
    from urllib.request import urlopen

    # ok: http-client-elsewhere
    from urllib.parse import urlsplit

    # ruleid: request-without-timeout
    requests.get("https://provider.example/")
    # ok: request-without-timeout
    requests.get("https://provider.example/", timeout=5)
    # ruleid: request-without-timeout
    urlopen("https://provider.example/")
    # ruleid: follows-redirects
    session.get("https://provider.example/", follow_redirects=True)
    return urlsplit, http


def tells_sockets():
    # ruleid: socket-from-a-view
    layer = get_channel_layer()
    # ruleid: socket-from-a-view
    layer.group_send("queue", {})
    # ruleid: socket-from-a-view
    realtime_operations.broadcast(event)
    # ruleid: socket-from-a-view
    client().publish("poke", "queue 1")


# ruleid: no-forgery-check
@csrf_exempt
def unguarded(request):
    pass


def leads_away(request):
    # ruleid: open-redirect
    HttpResponseRedirect(request.GET["next"])
    # ruleid: open-redirect
    HttpResponseRedirect(request.POST.get("next"))
    # ruleid: open-redirect
    redirect(request.GET.get("next"))
    # ok: open-redirect
    HttpResponseRedirect(_safe_target(request, request.GET.get("next")))


def compares(row, given):
    # ruleid: token-compared-in-a-hurry
    if row.digest == given:
        pass
    # ruleid: token-compared-in-a-hurry
    if mac != given:
        pass
    # ok: token-compared-in-a-hurry
    hmac.compare_digest(row.digest, given)


def reads_tokens(token, key):
    # ruleid: algorithm-of-the-sender
    jwt.decode(token, key)
    # ruleid: algorithm-of-the-sender
    jwt.decode(token, key, algorithms=["HS256", "RS256"])
    # ruleid: algorithm-of-the-sender
    jwt.decode(token, key, algorithms=["HS256"], options={"verify_signature": False})
    # ok: algorithm-of-the-sender
    jwt.decode(token, key, algorithms=["HS256"], audience="smartqueue")


def logs(user):
    # ruleid: person-in-a-log
    logger.info("a code was sent", extra={"phone": user.phone})
    # ok: person-in-a-log
    logger.info("a code was sent", extra={"user": str(user.pk)})
