/* files.c: reading and writing whole files, paths, and running other programs.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The system's reasons in plain words. */
static const char *reason(int error) {
    static const struct {
        int error;
        const char *words;
    } known[] = {{ENOENT, "no such file or directory"},
                 {EACCES, "permission denied"},
                 {EPERM, "permission denied"},
                 {EISDIR, "is a directory"},
                 {ENOTDIR, "a part of the path is not a directory"},
                 {EEXIST, "a file of that name is there"},
                 {ENOSPC, "the disk is full"},
                 {EDQUOT, "the disk quota is used up"},
                 {EFBIG, "the file would be larger than allowed"},
                 {EROFS, "the file system is read-only"},
                 {ENAMETOOLONG, "the name is too long"}};
    for (int i = 0; i < COUNT(known); i++)
        if (known[i].error == error)
            return known[i].words;
    return strerror(error);
}

static bool fail(const char **why, int error) {
    *why = reason(error);
    return false;
}

/* read() that goes on after a signal. */
static ssize_t read_some(int file, void *bytes, size_t count) {
    ssize_t got;
    do
        got = read(file, bytes, count);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads to the end, or until more than `limit` bytes came. False and errno on failure. */
static bool read_all(int file, size_t expected, size_t limit, Text *text) {
    size_t capacity = (expected < limit ? expected : limit) + 2;
    for (;;) {
        char *grown = arena_alloc(text->arena, capacity);
        memcpy(grown, text->at, (size_t)text->length);
        text->at = grown;
        while ((size_t)text->length + 1 < capacity) {
            ssize_t got =
                read_some(file, text->at + text->length, capacity - 1 - (size_t)text->length);
            if (got <= 0)
                return got == 0;
            text->length += (int)got;
        }
        if ((size_t)text->length > limit)
            return true;
        capacity = (capacity * 2 < limit ? capacity * 2 : limit) + 2;
    }
}

static const char *too_large(Arena *arena, size_t limit) {
    bool whole = limit >= 1 << 20 && limit % (1 << 20) == 0;
    return str_format(arena, "is larger than %zu %s", whole ? limit >> 20 : limit,
                      whole ? "MiB" : "bytes")
        .at;
}

bool file_read(Arena *arena, const char *path, size_t limit, Str *bytes, const char **why) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        *why = errno == ENOENT ? "no such file" : reason(errno);
        return false;
    }
    struct stat status;
    if (limit > INT_MAX / 2)
        limit = INT_MAX / 2;
    Text text = {arena, "", 0, 0};
    bool known = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= 0;
    bool done = read_all(file, known ? (size_t)status.st_size : 4096, limit, &text);
    int error = errno;
    close(file);
    if (!done)
        return fail(why, error);
    *bytes = text_str(&text);
    if ((size_t)text.length <= limit)
        return true;
    *why = too_large(arena, limit);
    return false;
}

static bool write_all(int file, Str bytes) {
    while (bytes.length > 0) {
        ssize_t put = write(file, bytes.at, (size_t)bytes.length);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            bytes = (Str){bytes.at + put, bytes.length - (int)put};
    }
    return true;
}

/* A rename lasts only once its directory is on the disk. */
static void directory_sync(const char *path) {
    char directory[PATH_MAX];
    Str name = path_directory(str_of(path));
    if (name.length >= PATH_MAX)
        return;
    memcpy(directory, name.at, (size_t)name.length);
    directory[name.length] = '\0';
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;
    fsync(file);
    close(file);
}

/* Opens the file beside, and makes sure that no other process writes it: two that make the same
 * output must not mix their bytes. The name is fixed, so a killed run leaves one such file at
 * most, which the next one uses. Returns -1 and *why on failure. */
static int open_beside(const char *beside, const char **why) {
    int file = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) {
        fail(why, errno);
        return -1;
    }
    struct stat mine, named;
    bool locked = flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &mine) == 0 &&
                  stat(beside, &named) == 0 && mine.st_ino == named.st_ino;
    if (locked && ftruncate(file, 0) == 0)
        return file;
    *why = locked ? reason(errno) : "another process is writing it";
    close(file);
    return -1;
}

/* A terminal, a pipe or a device cannot be renamed over. */
static bool write_in_place(const char *path, Str bytes, const char **why) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return fail(why, errno);
    bool done = write_all(file, bytes);
    int error = errno;
    close(file);
    return done || fail(why, error);
}

bool file_write(const char *path, Str bytes, const char **why) {
    struct stat status;
    char beside[PATH_MAX];
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return fail(why, EISDIR);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return write_in_place(path, bytes, why);
    if (snprintf(beside, sizeof beside, "%s.part", path) >= (int)sizeof beside)
        return fail(why, ENAMETOOLONG);
    int file = open_beside(beside, why);
    if (file < 0)
        return false;
    bool done = write_all(file, bytes) && fsync(file) == 0 && rename(beside, path) == 0;
    int error = errno;
    if (!done)
        unlink(beside);
    close(file);
    if (!done)
        return fail(why, error);
    directory_sync(path);
    return true;
}

bool file_exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0;
}

bool directory_make(const char *path, const char **why) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return fail(why, ENAMETOOLONG);
    for (size_t i = 1; i <= length; i++) {
        if (i < length && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat status;
        if (mkdir(part, 0777) == 0)
            continue;
        int error = errno;
        if (stat(part, &status) != 0)
            return fail(why, error);
        if (!S_ISDIR(status.st_mode))
            return fail(why, i < length ? ENOTDIR : EEXIST);
    }
    return true;
}

Str path_join(Arena *arena, Str directory, Str name) {
    if (directory.length == 0 || str_starts(name, STR("/")))
        return str_copy(arena, name);
    const char *between = str_ends(directory, STR("/")) ? "" : "/";
    return str_format(arena, "%.*s%s%.*s", STR_ARG(directory), between, STR_ARG(name));
}

/* How many bytes stand before the last name of the path, its slash included. */
static int name_start(Str path) {
    int start = path.length;
    while (start > 0 && path.at[start - 1] != '/')
        start--;
    return start;
}

Str path_directory(Str path) {
    int start = name_start(path);
    if (start == 0)
        return STR(".");
    return (Str){path.at, start > 1 ? start - 1 : 1};
}

Str path_stem(Str path) {
    int start = name_start(path), end = path.length;
    for (int i = path.length - 1; i > start; i--)
        if (path.at[i] == '.') {
            end = i;
            break;
        }
    return (Str){path.at + start, end - start};
}

/* ---- command_run ------------------------------------------------------------------------- */

enum { MOST_OUTPUT = 16 << 20, POLL_MS = 100 };

/* A running program and what it has said so far. */
typedef struct Command {
    pid_t process;
    int pipes[2]; /* our ends of its standard output and error; -1 once closed */
    Text said[2];
} Command;

/* The program gets a process group of its own, so that what it starts is ended with it, the
 * signals as a shell would set them, and no standard input. Returns an errno. */
static int command_start(Command *command, char *const argv[], const int ends[2]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int error = posix_spawnp(&command->process, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* Takes what has come on one pipe. False once too much has. */
static bool command_take(Command *command, int which) {
    char bytes[16384];
    ssize_t got = read_some(command->pipes[which], bytes, sizeof bytes);
    if (got <= 0) {
        close(command->pipes[which]);
        command->pipes[which] = -1;
        return true;
    }
    text_add_str(&command->said[which], (Str){bytes, (int)got});
    return command->said[which].length <= MOST_OUTPUT;
}

/* Listens until both pipes are closed. Returns why the program must be ended, NULL where it
 * need not be. */
static const char *command_listen(Command *command, int seconds) {
    double end = clock_seconds() + seconds;
    while (command->pipes[0] >= 0 || command->pipes[1] >= 0) {
        struct pollfd polls[2] = {{command->pipes[0], POLLIN, 0},
                                  {command->pipes[1], POLLIN, 0}};
        poll(polls, 2, POLL_MS);
        for (int i = 0; i < 2; i++)
            if (polls[i].fd >= 0 && polls[i].revents && !command_take(command, i))
                return "it wrote more than 16 MiB";
        if (interrupted())
            return "interrupted";
        if (seconds && clock_seconds() > end)
            return "it took too long";
    }
    return NULL;
}

/* Waits for the end of the program, which may outlive its pipes. */
static const char *command_wait(const Command *command, double end, int *status) {
    pid_t got;
    while ((got = waitpid(command->process, status, end > 0 ? WNOHANG : 0)) !=
           command->process) {
        if (got < 0 && errno != EINTR)
            return reason(errno);
        if (interrupted())
            return "interrupted";
        if (end > 0 && clock_seconds() > end)
            return "it took too long";
        if (got == 0)
            poll(NULL, 0, POLL_MS / 20);
    }
    return NULL;
}

static int command_finish(Command *command, int seconds, Arena *arena, const char **why) {
    double end = seconds ? clock_seconds() + seconds : 0;
    int status = 0;
    *why = command_listen(command, seconds);
    if (!*why)
        *why = command_wait(command, end, &status);
    if (*why) {
        kill(-command->process, SIGKILL);
        while (waitpid(command->process, &status, 0) < 0 && errno == EINTR)
            ;
        return -1;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    *why = str_format(arena, "ended by signal %d (%s)", WTERMSIG(status),
                      strsignal(WTERMSIG(status)))
               .at;
    return -1;
}

int command_run(Arena *arena, char *const argv[], int seconds, Str *output, Str *errors,
                const char **why) {
    int out[2], err[2];
    *output = *errors = (Str){"", 0};
    if (pipe2(out, O_CLOEXEC) != 0)
        return fail(why, errno) - 1;
    if (pipe2(err, O_CLOEXEC) != 0) {
        int error = errno;
        close(out[0]), close(out[1]);
        return fail(why, error) - 1;
    }
    Command command = {.pipes = {out[0], err[0]}, .said = {text_new(arena), text_new(arena)}};
    int error = command_start(&command, argv, (const int[2]){out[1], err[1]});
    close(out[1]), close(err[1]);
    int status = -1;
    if (error)
        fail(why, error);
    else
        status = command_finish(&command, seconds, arena, why);
    for (int i = 0; i < 2; i++)
        if (command.pipes[i] >= 0)
            close(command.pipes[i]);
    *output = text_str(&command.said[0]);
    *errors = text_str(&command.said[1]);
    return status;
}
