/* test_files.c: whole files, what stands in the way of writing them, paths, and other programs.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

static Arena *arena;
static char directory[256];

static int begin(void **state) {
    (void)state;
    arena = arena_new();
    directory_own(directory);
    return 0;
}

static int end(void **state) {
    (void)state;
    directory_remove(directory);
    arena_free(arena);
    return 0;
}

/* A path in the test's directory. */
static const char *in(const char *name) {
    return path_join(arena, str_of(directory), str_of(name)).at;
}

static Str random_bytes(int length) {
    char *bytes = arena_alloc(arena, (size_t)length + 1);
    for (int i = 0; i < length; i++)
        bytes[i] = (char)random_bits(1, (uint64_t)length, (uint64_t)i);
    return (Str){bytes, length};
}

static void assert_content(const char *path, Str expected) {
    Str got;
    const char *why = NULL;
    assert_true(file_read(arena, path, 1 << 24, &got, &why));
    assert_true(str_equal(got, expected));
    assert_int_equal(got.at[got.length], 0);
}

static void files_come_back(void **state) {
    (void)state;
    const char *why;
    const int lengths[] = {0, 1, 4095, 4096, 4097, 1000000};
    for (int i = 0; i < COUNT(lengths); i++) {
        Str bytes = random_bytes(lengths[i]);
        assert_true(file_write(in("data"), bytes, &why));
        assert_content(in("data"), bytes);
        assert_false(file_exists(in("data.part")));
    }
}

static void reading_has_reasons(void **state) {
    (void)state;
    Str got;
    const char *why;
    assert_false(file_read(arena, in("none"), 100, &got, &why));
    assert_string_equal(why, "no such file");
    assert_false(file_read(arena, directory, 100, &got, &why));
    assert_string_equal(why, "is a directory");
    assert_true(file_write(in("f"), random_bytes(101), &why));
    assert_true(file_read(arena, in("f"), 101, &got, &why));
    assert_false(file_read(arena, in("f"), 100, &got, &why));
    assert_string_equal(why, "is larger than 100 bytes");
    assert_false(file_read(arena, "/dev/zero", 1 << 20, &got, &why));
    assert_string_equal(why, "is larger than 1 MiB");
    assert_true(file_read(arena, "/dev/null", 100, &got, &why) && got.length == 0);
    assert_false(file_read(arena, in("f/g"), 100, &got, &why));
    assert_string_equal(why, "a part of the path is not a directory");
}

static void writing_has_reasons(void **state) {
    (void)state;
    const char *why;
    assert_false(file_write("/dev/full", STR("x"), &why));
    assert_string_equal(why, "the disk is full");
    assert_false(file_write(directory, STR("x"), &why));
    assert_string_equal(why, "is a directory");
    assert_false(file_write(in("none/f"), STR("x"), &why));
    assert_string_equal(why, "no such file or directory");
    assert_true(file_write("/dev/null", STR("x"), &why));
}

/* Root may write everywhere, so the attempt is made as somebody else. */
static int write_as_nobody(void *path) {
    const char *why;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 9;
    bool done = file_write(path, STR("new"), &why);
    fprintf(stderr, "%s", done ? "done" : why);
    return done;
}

static void a_read_only_directory_keeps_its_file(void **state) {
    (void)state;
    char said[200];
    const char *why;
    assert_true(file_write(in("f"), STR("old"), &why));
    assert_int_equal(chmod(directory, 0555), 0);
    int status = run_apart(write_as_nobody, (void *)in("f"), said, sizeof said);
    chmod(directory, 0755);
    LEAVE_UNLESS(status != 9, "root cannot become nobody");
    assert_int_equal(status, 0);
    assert_string_equal(said, "permission denied");
    assert_content(in("f"), STR("old"));
}

/* Where a file system of a few pages can be mounted, it is filled; elsewhere a limit on the
 * size of files stands for it. */
static int fill_small_disk(void *path) {
    const char *why;
    bool mounted = mount("none", path, "tmpfs", 0, "size=64k") == 0;
    struct rlimit limit = {65536, 65536};
    if (!mounted) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    Str file = path_join(arena, str_of(path), STR("f"));
    bool first = file_write(file.at, random_bytes(20000), &why);
    bool second = file_write(file.at, random_bytes(200000), &why);
    fprintf(stderr, "%s", second ? "done" : why);
    assert_content(file.at, random_bytes(20000));
    assert_false(file_exists(str_format(arena, "%s.part", file.at).at));
    if (mounted)
        umount2(path, MNT_DETACH);
    return first && !second ? (mounted ? 0 : 1) : 2;
}

static void a_full_disk_keeps_what_was_there(void **state) {
    (void)state;
    char said[200];
    int status = run_apart(fill_small_disk, directory, said, sizeof said);
    assert_in_range(status, 0, 1);
    assert_string_equal(said,
                        status ? "the file would be larger than allowed" : "the disk is full");
}

/* A reader sees one of the two contents, whole, however often they alternate; and a writer that
 * is killed leaves one of them. */
static void half_a_file_is_never_seen(void **state) {
    (void)state;
    const char *path = in("f"), *why;
    Str one = random_bytes(300000), two = random_bytes(300001), got;
    assert_true(file_write(path, one, &why));
    pid_t child = fork();
    if (child == 0)
        for (;;)
            if (!file_write(path, two, &why) || !file_write(path, one, &why))
                _exit(1);
    for (int i = 0; i < 50; i++) {
        assert_true(file_read(arena, path, 1 << 20, &got, &why));
        assert_true(str_equal(got, one) || str_equal(got, two));
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(file_read(arena, path, 1 << 20, &got, &why));
    assert_true(str_equal(got, one) || str_equal(got, two));
    assert_true(file_write(path, STR("after"), &why));
    assert_content(path, STR("after"));
    assert_false(file_exists(in("f.part")));
}

static void directories_are_made_with_parents(void **state) {
    (void)state;
    const char *why;
    assert_true(directory_make(in("a/b//c/"), &why));
    assert_true(directory_make(in("a/b/c"), &why));
    assert_true(file_write(in("a/b/c/f"), STR("x"), &why));
    assert_false(directory_make(in("a/b/c/f/g"), &why));
    assert_string_equal(why, "a part of the path is not a directory");
    assert_true(directory_make(".", &why));
    assert_true(directory_make("/", &why));
}

static void paths_come_apart(void **state) {
    (void)state;
    const struct {
        Str path, directory, stem;
    } cases[] = {
        {STR("a/b.nas"), STR("a"), STR("b")}, {STR("b.nas"), STR("."), STR("b")},
        {STR("/b"), STR("/"), STR("b")},      {STR("/x/y/z.tar.gz"), STR("/x/y"), STR("z.tar")},
        {STR("a.b/c"), STR("a.b"), STR("c")}, {STR("a/.hidden"), STR("a"), STR(".hidden")},
        {STR(""), STR("."), STR("")}};
    for (int i = 0; i < COUNT(cases); i++) {
        assert_true(str_equal(path_directory(cases[i].path), cases[i].directory));
        assert_true(str_equal(path_stem(cases[i].path), cases[i].stem));
    }
    assert_string_equal(path_join(arena, STR("a"), STR("b")).at, "a/b");
    assert_string_equal(path_join(arena, STR("a/"), STR("b")).at, "a/b");
    assert_string_equal(path_join(arena, STR("a"), STR("/b")).at, "/b");
    assert_string_equal(path_join(arena, STR(""), STR("b")).at, "b");
}

/* ---- other programs ---------------------------------------------------------------------- */

static int shell(const char *script, int seconds, Str *output, Str *errors, const char **why) {
    char *argv[] = {"sh", "-c", (char *)script, NULL};
    return command_run(arena, argv, seconds, output, errors, why);
}

static void programs_are_heard(void **state) {
    (void)state;
    Str output, errors;
    const char *why;
    assert_int_equal(shell("echo out; echo err >&2; exit 7", 10, &output, &errors, &why), 7);
    assert_true(str_equal(output, STR("out\n")) && str_equal(errors, STR("err\n")));
    assert_int_equal(shell("cat", 10, &output, &errors, &why), 0);
    assert_int_equal(output.length, 0);
    /* More than a pipe holds, on both. */
    assert_int_equal(shell("head -c 1000000 /dev/zero; head -c 900000 /dev/zero >&2", 0,
                           &output, &errors, &why),
                     0);
    assert_true(output.length == 1000000 && errors.length == 900000);
}

static void programs_that_fail_are_explained(void **state) {
    (void)state;
    Str output, errors;
    const char *why;
    char *none[] = {"nasc-no-such-program", NULL};
    assert_int_equal(command_run(arena, none, 10, &output, &errors, &why), -1);
    assert_string_equal(why, "no such file or directory");
    assert_int_equal(shell("kill -SEGV $$", 10, &output, &errors, &why), -1);
    assert_string_equal(why, "ended by signal 11 (Segmentation fault)");
    double before = clock_seconds();
    assert_int_equal(shell("echo begun; sleep 60 & sleep 60", 1, &output, &errors, &why), -1);
    assert_string_equal(why, "it took too long");
    assert_true(str_equal(output, STR("begun\n")));
    assert_int_equal(shell("exec >&- 2>&-; sleep 60", 1, &output, &errors, &why), -1);
    assert_string_equal(why, "it took too long");
    assert_true(clock_seconds() - before < 20);
    assert_int_equal(shell("cat /dev/zero", 30, &output, &errors, &why), -1);
    assert_string_equal(why, "it wrote more than 16 MiB");
}

static void no_descriptor_is_lost(void **state) {
    (void)state;
    Str output, errors;
    const char *why;
    int before = open("/dev/null", O_RDONLY);
    close(before);
    for (int i = 0; i < 20; i++) {
        shell("true", 10, &output, &errors, &why);
        file_write(in("f"), STR("x"), &why);
        file_read(arena, in("f"), 0, &output, &why);
        file_write("/dev/full", STR("x"), &why);
    }
    int after = open("/dev/null", O_RDONLY);
    close(after);
    assert_int_equal(before, after);
}

/* ---- signals ----------------------------------------------------------------------------- */

static int be_interrupted(void *unused) {
    (void)unused;
    Str output, errors;
    const char *why;
    interrupt_install();
    if (interrupted())
        return 1;
    raise(SIGTERM);
    if (!interrupted())
        return 2;
    shell("sleep 60", 0, &output, &errors, &why);
    fprintf(stderr, "%s", why);
    raise(SIGINT);
    return 3;
}

static void a_second_signal_ends_the_run(void **state) {
    (void)state;
    char said[100];
    assert_int_equal(run_apart(be_interrupted, NULL, said, sizeof said), EXIT_INTERRUPTED);
    assert_string_equal(said, "interrupted");
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(files_come_back),
        CASE(reading_has_reasons),
        CASE(writing_has_reasons),
        CASE(a_read_only_directory_keeps_its_file),
        CASE(a_full_disk_keeps_what_was_there),
        CASE(half_a_file_is_never_seen),
        CASE(directories_are_made_with_parents),
        CASE(paths_come_apart),
        CASE(programs_are_heard),
        CASE(programs_that_fail_are_explained),
        CASE(no_descriptor_is_lost),
        CASE(a_second_signal_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
