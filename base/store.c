/* store.c: keys to rows over SQLite: one file, one writer, write-ahead log.
 *
 * A process that is killed loses what it had not committed, never what it had: the log is
 * replayed when the file is opened again.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#define TABLE                                                                                  \
    "CREATE TABLE row(kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, "            \
    "sum INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"

enum { APPLICATION = 0x4e415343 }; /* "NASC" in the file's header */

typedef enum { PUT, DELETE, GET, NUMBER, STATEMENTS } Statement;

static const char *const statements[STATEMENTS] = {
    [PUT] = "INSERT OR REPLACE INTO row(kind, key, value, sum) VALUES (?1, ?2, ?3, ?4)",
    [DELETE] = "DELETE FROM row WHERE kind = ?1 AND key = ?2",
    [GET] = "SELECT value, sum FROM row WHERE kind = ?1 AND key = ?2",
    [NUMBER] = "SELECT count(*) FROM row WHERE kind = ?1",
};

struct Store {
    Arena *arena;
    const char *path;
    sqlite3 *db;
    sqlite3_stmt *ready[STATEMENTS]; /* prepared */
    bool writing;                    /* a transaction is open */
};

static const char *reason(sqlite3 *db, int code) {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "is in use by another process";
    case SQLITE_NOTADB:
        return "is not a study: it is not an SQLite database";
    case SQLITE_CORRUPT:
        return "is damaged";
    case SQLITE_FULL:
        return "the disk is full";
    case SQLITE_READONLY:
        return "is read-only";
    case SQLITE_IOERR:
        return "cannot be read or written";
    case SQLITE_TOOBIG:
        return "a row is too large";
    default:
        return sqlite3_errmsg(db);
    }
}

/* Ends the run: the caller has no way on without its study. */
_Noreturn static void lost(const Store *store, int code) {
    die(EXIT_ENVIRONMENT, "%s: %s", store->path, reason(store->db, code));
}

static void run_sql(const Store *store, const char *sql) {
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        lost(store, code);
}

/* ---- opening ----------------------------------------------------------------------------- */

/* SQLite would read what a last, incomplete page lacks as zeros. Beside a log that is no fault:
 * the page stands there too, and a killed process may have been about to write it. */
static bool ends_in_page(const char *path, const unsigned char *header, off_t size) {
    char log[PATH_MAX];
    int page = header[16] << 8 | header[17];
    bool logged = snprintf(log, sizeof log, "%s-wal", path) < PATH_MAX && file_exists(log);
    return !logged && size % (page > 1 ? page : 65536) != 0;
}

/* What is wrong with the path before SQLite sees it; NULL where nothing is. SQLite would take
 * any file for an empty database that is shorter than its header, and delete what it holds. */
static const char *path_fault(const char *path) {
    static const char magic[16] = "SQLite format 3";
    unsigned char header[100];
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT ? NULL : strerror(errno);
    if (S_ISDIR(status.st_mode))
        return "is a directory";
    if (!S_ISREG(status.st_mode))
        return "is not a file";
    if (status.st_size == 0)
        return NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return strerror(errno);
    size_t got = fread(header, 1, sizeof header, file);
    fclose(file);
    if (got < sizeof magic || memcmp(header, magic, sizeof magic) != 0)
        return "is not a study: it is not an SQLite database";
    if (got < sizeof header)
        return "is damaged: it ends within its header";
    return ends_in_page(path, header, status.st_size) ? "is damaged: its end is missing" : NULL;
}

/* The one number that a query gives; an SQLite code. */
static int query_int(const Store *store, const char *sql, int64_t *value) {
    sqlite3_stmt *query = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &query, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(query)) == SQLITE_ROW) {
        *value = sqlite3_column_int64(query, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(query);
    return code;
}

/* A file that another wrote must not bring code along: no triggers, views or odd schemas. */
static int configure(sqlite3 *db) {
    static const struct {
        int option, value;
    } options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                   {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                   {SQLITE_DBCONFIG_ENABLE_VIEW, 0}};
    for (int i = 0; i < COUNT(options); i++)
        sqlite3_db_config(db, options[i].option, options[i].value, NULL);
    return sqlite3_exec(db,
                        "PRAGMA cell_size_check = ON;"
                        "PRAGMA locking_mode = EXCLUSIVE;"
                        "PRAGMA journal_mode = WAL;"
                        "PRAGMA synchronous = NORMAL;"
                        "BEGIN EXCLUSIVE; COMMIT",
                        NULL, NULL, NULL);
}

/* Makes the table, and marks the file as ours, in one transaction. */
static int schema_make(const Store *store, int schema) {
    char sql[sizeof TABLE + 120];
    snprintf(sql, sizeof sql,
             "BEGIN; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", TABLE,
             APPLICATION, schema);
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

/* Checks that a file with something in it is a study of this version, exactly as we made it,
 * and whole. NULL where it is. */
static const char *schema_fault(const Store *store, int schema) {
    int64_t application = 0, version = 0, odd = 1, whole = 0;
    int code = query_int(store, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = query_int(store, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && application != APPLICATION)
        return "is an SQLite database, but not a study of nasc";
    if (code == SQLITE_OK && version != schema)
        return str_format(store->arena,
                          "is a study of schema version %lld; this nasc reads version %d",
                          (long long)version, schema)
            .at;
    if (code == SQLITE_OK)
        code = query_int(
            store, "SELECT count(*) != 1 OR max(sql) IS NOT '" TABLE "' FROM sqlite_schema",
            &odd);
    if (code == SQLITE_OK && odd)
        return "is damaged: its tables are not those of a study";
    if (code == SQLITE_OK)
        code = query_int(store, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &whole);
    if (code != SQLITE_OK)
        return reason(store->db, code);
    return whole ? NULL : "is damaged";
}

static const char *store_fault(const Store *store, int schema) {
    int64_t pages = 0;
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return "is read-only";
    int code = configure(store->db);
    if (code == SQLITE_OK)
        code = query_int(store, "SELECT count(*) FROM sqlite_schema", &pages);
    if (code == SQLITE_OK && pages == 0) {
        int64_t application = 0;
        query_int(store, "PRAGMA application_id", &application);
        if (application == 0)
            code = schema_make(store, schema);
    }
    return code == SQLITE_OK ? schema_fault(store, schema) : reason(store->db, code);
}

Store *store_open(Arena *arena, const char *path, int schema, const char **why) {
    *why = path_fault(path);
    if (*why)
        return NULL;
    Store *store = arena_new_of(arena, Store);
    *store = (Store){.arena = arena, .path = str_terminated(arena, str_of(path))};
    int code =
        sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK)
        *why = store_fault(store, schema);
    else
        *why =
            code == SQLITE_CANTOPEN ? "cannot be made or opened here" : reason(store->db, code);
    for (int i = 0; !*why && i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(store->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->ready[i], NULL) != SQLITE_OK)
            *why = sqlite3_errmsg(store->db);
    if (!*why)
        return store;
    *why = str_copy(arena, str_of(*why)).at;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->ready[i]);
    sqlite3_close(store->db);
    return NULL;
}

void store_close(Store *store) {
    if (!store)
        return;
    store_commit(store);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->ready[i]);
    sqlite3_close(store->db);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* SQLite keeps its own structure sound, not what rows hold: a row has a sum of all it says. */
static int64_t row_sum(const char *kind, Str key, Str value) {
    Key sum = key_join(key_of(kind, strlen(kind)), key_of(key.at, (size_t)key.length));
    return (int64_t)key_join(sum, key_of(value.at, (size_t)value.length)).lo;
}

/* A row whose sum is another is as if it were not there: what it held is made again. */
static bool row_sound(const Store *store, const char *kind, Str key, Str value, int64_t sum) {
    if (row_sum(kind, key, value) == sum)
        return true;
    progress_clear();
    fprintf(stderr, "nasc: %s: a row of kind %s is damaged, and not used\n", store->path, kind);
    return false;
}

static void bind_text(const Store *store, sqlite3_stmt *statement, int number, Str s) {
    int code =
        sqlite3_bind_text(statement, number, s.length ? s.at : "", s.length, SQLITE_STATIC);
    if (code != SQLITE_OK)
        lost(store, code);
}

static sqlite3_stmt *statement_for(Store *store, Statement which, const char *kind) {
    sqlite3_stmt *statement = store->ready[which];
    bind_text(store, statement, 1, str_of(kind));
    return statement;
}

/* The result of sqlite3_step, which is a row or the end. */
static bool step(const Store *store, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        lost(store, code);
    return code == SQLITE_ROW;
}

static void begin(Store *store) {
    if (!store->writing)
        run_sql(store, "BEGIN");
    store->writing = true;
}

void store_put(Store *store, const char *kind, Str key, Str value) {
    begin(store);
    sqlite3_stmt *put = statement_for(store, PUT, kind);
    bind_text(store, put, 2, key);
    int code =
        sqlite3_bind_blob(put, 3, value.length ? value.at : "", value.length, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(put, 4, row_sum(kind, key, value));
    if (code != SQLITE_OK)
        lost(store, code);
    step(store, put);
    sqlite3_reset(put);
}

void store_delete(Store *store, const char *kind, Str key) {
    begin(store);
    sqlite3_stmt *delete = statement_for(store, DELETE, kind);
    bind_text(store, delete, 2, key);
    step(store, delete);
    sqlite3_reset(delete);
}

void store_commit(Store *store) {
    if (store->writing)
        run_sql(store, "COMMIT");
    store->writing = false;
}

static Str column(sqlite3_stmt *statement, int number) {
    const char *at = sqlite3_column_blob(statement, number);
    return (Str){at ? at : "", sqlite3_column_bytes(statement, number)};
}

bool store_get(Store *store, Arena *arena, const char *kind, Str key, Str *value) {
    sqlite3_stmt *get = statement_for(store, GET, kind);
    bind_text(store, get, 2, key);
    bool found = step(store, get) &&
                 row_sound(store, kind, key, column(get, 0), sqlite3_column_int64(get, 1));
    if (found)
        *value = str_copy(arena, column(get, 0));
    sqlite3_reset(get);
    return found;
}

/* Prepared anew each time, so that a row's function may look at the same kind again. */
void store_each(Store *store, const char *kind, void (*row)(void *context, Str key, Str value),
                void *context) {
    sqlite3_stmt *each = NULL;
    int code = sqlite3_prepare_v2(
        store->db, "SELECT key, value, sum FROM row WHERE kind = ?1 ORDER BY key", -1, &each,
        NULL);
    if (code != SQLITE_OK)
        lost(store, code);
    bind_text(store, each, 1, str_of(kind));
    while (step(store, each)) {
        Str key = column(each, 0), value = column(each, 1);
        if (row_sound(store, kind, key, value, sqlite3_column_int64(each, 2)))
            row(context, key, value);
    }
    sqlite3_finalize(each);
}

int store_count(Store *store, const char *kind) {
    sqlite3_stmt *number = statement_for(store, NUMBER, kind);
    step(store, number);
    int count = sqlite3_column_int(number, 0);
    sqlite3_reset(number);
    return count;
}
