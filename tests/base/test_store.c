/* test_store.c: rows come back, through closing and killing; files that are not studies are
 * refused.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { SCHEMA = 3 };

static Arena *arena;
static char directory[256];
static const char *path;

static int begin(void **state) {
    (void)state;
    arena = arena_new();
    directory_own(directory);
    path = str_format(arena, "%s/study", directory).at;
    return 0;
}

static int end(void **state) {
    (void)state;
    directory_remove(directory);
    arena_free(arena);
    return 0;
}

static Store *opened(void) {
    const char *why = NULL;
    Store *store = store_open(arena, path, SCHEMA, &why);
    if (!store)
        fail_msg("%s", why);
    return store;
}

static void assert_refused(const char *expected) {
    const char *why = NULL;
    assert_null(store_open(arena, path, SCHEMA, &why));
    assert_string_equal(why, expected);
}

static void sql(const char *text) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static Str key_number(int i) {
    return str_format(arena, "key%06d", i);
}

/* A value of any length, that its number determines. */
static Str value_number(int i) {
    int length = i % 11 == 0 ? 20000 : i % 7;
    char *bytes = arena_alloc(arena, (size_t)length);
    for (int k = 0; k < length; k++)
        bytes[k] = (char)random_bits(1, (uint64_t)i, (uint64_t)k);
    return (Str){bytes, length};
}

static void assert_row(Store *store, int i) {
    Str value;
    assert_true(store_get(store, arena, "row", key_number(i), &value));
    assert_true(str_equal(value, value_number(i)));
}

static void rows_come_back(void **state) {
    (void)state;
    Store *store = opened();
    Str value;
    for (int i = 0; i < 500; i++)
        store_put(store, "row", key_number(i), value_number(i));
    store_put(store, "other", key_number(3), STR("three"));
    store_put(store, "row", key_number(7), STR("replaced"));
    store_delete(store, "row", key_number(8));
    store_delete(store, "row", STR("none"));
    assert_int_equal(store_count(store, "row"), 499);
    store_close(store);

    store = opened();
    assert_int_equal(store_count(store, "row"), 499);
    assert_int_equal(store_count(store, "other"), 1);
    assert_int_equal(store_count(store, "none"), 0);
    for (int i = 9; i < 500; i++)
        assert_row(store, i);
    assert_true(store_get(store, arena, "row", key_number(7), &value));
    assert_true(str_equal(value, STR("replaced")));
    assert_false(store_get(store, arena, "row", key_number(8), &value));
    assert_true(store_get(store, arena, "other", key_number(3), &value));
    store_close(store);
    store_close(NULL);
    assert_false(file_exists(str_format(arena, "%s-wal", path).at));
}

static void keys_may_be_any_bytes(void **state) {
    (void)state;
    Store *store = opened();
    const Str keys[] = {STR(""), {"a\0b", 3}, {"a\0c", 3}, STR("a"), STR("\xff\xfe")};
    Str value;
    for (int i = 0; i < COUNT(keys); i++)
        store_put(store, "k", keys[i], str_format(arena, "%d", i));
    assert_int_equal(store_count(store, "k"), COUNT(keys));
    for (int i = 0; i < COUNT(keys); i++) {
        assert_true(store_get(store, arena, "k", keys[i], &value));
        assert_true(str_equal(value, str_format(arena, "%d", i)));
    }
    store_close(store);
}

typedef struct Walk {
    Store *store;
    int count;
} Walk;

static void walk(void *context, Str key, Str value) {
    Walk *walk = context;
    assert_true(str_equal(key, key_number(walk->count)));
    assert_true(str_equal(value, value_number(walk->count)));
    assert_row(walk->store, walk->count);
    walk->count++;
}

static void each_goes_in_order_of_key(void **state) {
    (void)state;
    Store *store = opened();
    Walk walked = {store, 0};
    for (int i = 0; i < 100; i++)
        store_put(store, "row", key_number(i * 37 % 100), value_number(i * 37 % 100));
    store_put(store, "rox", STR("other"), STR("x"));
    store_each(store, "row", walk, &walked);
    assert_int_equal(walked.count, 100);
    store_close(store);
}

/* Commits twenty rows at a time until it is killed; says after each commit how far it is. */
_Noreturn static void write_until_killed(int report) {
    Store *store = opened();
    for (int i = store_count(store, "row");;) {
        for (int k = 0; k < 20; k++, i++)
            store_put(store, "row", key_number(i), value_number(i));
        store_commit(store);
        if (write(report, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

/* After kill -9 at any moment: all that was committed, whole groups only, nothing else. */
static void killing_loses_nothing_committed(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        int ends[2], reported = 0, last = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(ends[1]);
        close(ends[1]);
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
        usleep((useconds_t)(random_bits(2, 2, (uint64_t)round) % 30000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(ends[0], &reported, sizeof reported) == sizeof reported)
            last = reported;
        close(ends[0]);
        Store *store = opened();
        int count = store_count(store, "row");
        assert_true(count >= last && count % 20 == 0);
        for (int i = 0; i < count; i += 1 + i / 50)
            assert_row(store, i);
        store_close(store);
    }
}

static void what_is_not_a_study_is_refused(void **state) {
    (void)state;
    const char *why;
    assert_true(file_write(path, STR("hello"), &why));
    assert_refused("is not a study: it is not an SQLite database");
    assert_true(file_write(path, str_format(arena, "%5000d", 1), &why));
    assert_refused("is not a study: it is not an SQLite database");
    assert_true(file_write(path, (Str){"SQLite format 3\0abc", 19}, &why));
    assert_refused("is damaged: it ends within its header");
    unlink(path);
    sql("CREATE TABLE guest(name)");
    assert_refused("is an SQLite database, but not a study of nasc");
    unlink(path);
    sql("PRAGMA application_id = 77; PRAGMA user_version = 3");
    assert_refused("is an SQLite database, but not a study of nasc");
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_refused("is a directory");
    rmdir(path);
    path = str_format(arena, "%s/none/study", directory).at;
    assert_refused("cannot be made or opened here");
}

static void another_schema_is_refused(void **state) {
    (void)state;
    const char *why;
    store_close(store_open(arena, path, SCHEMA + 4, &why));
    assert_refused("is a study of schema version 7; this nasc reads version 3");
    Store *store = store_open(arena, path, SCHEMA + 4, &why);
    assert_non_null(store);
    store_close(store);
}

static void a_study_with_guests_is_refused(void **state) {
    (void)state;
    store_close(opened());
    sql("CREATE TRIGGER t AFTER INSERT ON row BEGIN DELETE FROM row; END");
    assert_refused("is damaged: its tables are not those of a study");
}

/* Cut at every page, and at odd places: refused, or (nothing was lost) opened whole. */
static void a_truncated_study_is_refused(void **state) {
    (void)state;
    Store *store = opened();
    const char *why;
    Str whole;
    for (int i = 0; i < 300; i++)
        store_put(store, "row", key_number(i), value_number(i));
    store_close(store);
    assert_true(file_read(arena, path, 1 << 26, &whole, &why));
    for (int length = 1; length < whole.length; length += whole.length / 23) {
        assert_true(file_write(path, (Str){whole.at, length}, &why));
        assert_null(store_open(arena, path, SCHEMA, &why));
        assert_non_null(strstr(why, length < 16 ? "not a study" : "damaged"));
    }
    assert_true(file_write(path, whole, &why));
    store_close(opened());
}

/* Random bytes overwritten: it opens or it is refused, and never crashes. */
static int open_and_read(void *unused) {
    (void)unused;
    const char *why;
    Store *store = store_open(arena, path, SCHEMA, &why);
    if (!store)
        return EXIT_ENVIRONMENT;
    int count = store_count(store, "row");
    for (int i = 0; i < count && i < 300; i++)
        store_get(store, arena, "row", key_number(i), &(Str){0});
    store_close(store);
    return 0;
}

static void a_damaged_study_never_crashes(void **state) {
    (void)state;
    Store *store = opened();
    const char *why;
    Str whole;
    char said[400];
    Random random = {6, 6, 0};
    int refused = 0;
    for (int i = 0; i < 300; i++)
        store_put(store, "row", key_number(i), value_number(i));
    store_close(store);
    assert_true(file_read(arena, path, 1 << 26, &whole, &why));
    for (int round = 0; round < 60; round++) {
        Str hurt = str_copy(arena, whole);
        for (int k = 0; k < 8; k++) {
            int page = random_below(&random, hurt.length / 4096);
            int at = page * 4096 + random_below(&random, k % 2 ? 4096 : 120);
            ((char *)hurt.at)[at] = (char)random_next(&random);
        }
        assert_true(file_write(path, hurt, &why));
        int status = run_apart(open_and_read, NULL, said, sizeof said);
        assert_true(status == 0 || status == EXIT_ENVIRONMENT);
        refused += status != 0;
    }
    assert_true(refused > 10);
}

static void one_process_at_a_time(void **state) {
    (void)state;
    int ends[2];
    char ready;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        opened();
        if (write(ends[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &ready, 1), 1);
    assert_refused("is in use by another process");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]), close(ends[1]);
    store_close(opened());
}

static int open_as_nobody(void *unused) {
    (void)unused;
    const char *why = "opened";
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 9;
    bool refused = !store_open(arena, path, SCHEMA, &why);
    fprintf(stderr, "%s", why);
    return !refused;
}

static void a_read_only_study_is_refused(void **state) {
    (void)state;
    char said[200];
    store_close(opened());
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(directory, 0555), 0);
    int status = run_apart(open_as_nobody, NULL, said, sizeof said);
    chmod(directory, 0755);
    LEAVE_UNLESS(status != 9, "root cannot become nobody");
    assert_int_equal(status, 0);
    assert_string_equal(said, "is read-only");
}

/* On a file system of 400 KiB, if one can be mounted. */
static int fill_disk(void *unused) {
    (void)unused;
    if (mount("none", directory, "tmpfs", 0, "size=400k") != 0)
        return 9;
    Store *store = opened();
    for (int i = 0; i < 5; i++)
        store_put(store, "row", key_number(i), value_number(i));
    store_commit(store);
    for (int i = 5;; i++) {
        store_put(store, "row", key_number(i), value_number(11 * i));
        store_commit(store);
    }
}

static void a_full_disk_ends_the_run(void **state) {
    (void)state;
    char said[400];
    int status = run_apart(fill_disk, NULL, said, sizeof said);
    LEAVE_UNLESS(status != 9, "no small file system can be mounted");
    Store *store = status == EXIT_ENVIRONMENT ? opened() : NULL;
    bool whole = store && store_count(store, "row") > 5;
    if (whole)
        assert_row(store, 4);
    store_close(store);
    umount2(directory, MNT_DETACH);
    assert_int_equal(status, EXIT_ENVIRONMENT);
    assert_true(whole);
    assert_non_null(strstr(said, "study: the disk is full"));
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(rows_come_back),
        CASE(keys_may_be_any_bytes),
        CASE(each_goes_in_order_of_key),
        CASE(killing_loses_nothing_committed),
        CASE(what_is_not_a_study_is_refused),
        CASE(another_schema_is_refused),
        CASE(a_study_with_guests_is_refused),
        CASE(a_truncated_study_is_refused),
        CASE(a_damaged_study_never_crashes),
        CASE(one_process_at_a_time),
        CASE(a_read_only_study_is_refused),
        CASE(a_full_disk_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
