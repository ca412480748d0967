/* The command: its subcommands, and what they share. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <string.h>

const Command commands[] = {
    {"build", "FILE", "oDTSEUJ", "do everything that the file asks: train, search, emit, prove",
     build_command,
     "Results go to the output folder, with study.db, the study: what was trained and judged.\n"
     "Interrupted at any moment, even by kill -9, the same command goes on from there."},
    {"check", "FILE", "PJ", "read and check the file", check_command,
     "Nothing is trained or written. Exit code 1 where something is wrong."},
    {"space", "FILE", "PJ",
     "the decisions of each search, their number, and what bounds they meet", space_command,
     "Counts are exact unless said otherwise."},
    {"train", "FILE", "oDTS", "train the supernet of each search, and stop", train_command,
     "The weights stay in the study of the output folder; build and search go on from them."},
    {"search", "FILE", "oDTSJ", "train and search, print the fronts, and stop", search_command,
     "Every judged design stays in the study of the output folder."},
    {"emit", "FILE", "oDTSEXYFUJ", "write code: from a frozen network, or from a study",
     emit_command, "A file with `weights` in its emit needs no data and no study."},
    {"verify", "FILE", "oDTSCRI",
     "compile the emitted code, run it, compare it with the interpreter", verify_command,
     "Runs over the task's test images. With --cc and --runner any compiler and emulator can "
     "be\n"
     "put to the test: --cc \"powerpc-linux-gnu-gcc -O2 -static\" --runner qemu-ppc"},
    {"study", "FILE", "oJ", "what the study of the output folder holds", study_command,
     "The study is one SQLite file; `sqlite3 DIR/study.db` reads it too."},
    {"fmt", "FILE...", "K", "lay files out in the one way", format_command,
     "Files are replaced whole; `-` reads standard input and writes standard output. Comments "
     "and\n"
     "meaning stay; a file with syntax errors is not touched, and the exit code is 1."},
    {"lsp", "", "V", "a language server for editors, over standard input and output",
     lsp_command,
     "Mistakes, hovers, definitions, completion, symbols, formatting, fixes; see "
     "doc/editors.md."},
    {"help", "[TOPIC]", "", "this; or about a command, an operator, a key, the library",
     help_command,
     "Topics: the commands, `search`, `task`, `device`, `emit`, operators such as `conv`."},
};
const int command_count = COUNT(commands);

static const Command *command_of(const char *name) {
    for (int i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static _Noreturn void refuse_command(const char *name) {
    Str names[COUNT(commands)];
    for (int i = 0; i < command_count; i++)
        names[i] = str_of(commands[i].name);
    Str near = str_nearest(str_of(name), names, command_count);
    if (near.length)
        die(EXIT_USAGE, "there is no command \"%s\"; did you mean \"%.*s\"?", name,
            STR_ARG(near));
    die(EXIT_USAGE, "there is no command \"%s\" (see \"nasc help\")", name);
}

/* The folder of results: as asked, or the file's stem with ".out" in the current folder. */
static Str results_folder(Arena *arena, const Options *options) {
    if (options->out)
        return str_of(options->out);
    return str_format(arena, "%.*s.out", STR_ARG(path_stem(str_of(options->file))));
}

static int run_command(const Command *command, char **words, int count) {
    Session session = {0};
    bool several = strstr(command->arguments, "...") != NULL;
    options_read(&session.options, command->name, command->options, several, words, count);
    if (session.options.help) {
        command_print(stdout, command);
        return EXIT_DONE;
    }
    if (!session.options.file && str_starts(str_of(command->arguments), STR("FILE")))
        die(EXIT_USAGE, "\"%s\" needs %s (see \"nasc help %s\")", command->name,
            command->arguments, command->name);
    memory_limit((size_t)session.options.memory_bytes);
    progress_quiet(session.options.quiet);
    interrupt_install();
    session.arena = arena_new();
    session.diagnostics = diagnostics_new(session.arena);
    if (session.options.file)
        session.out = results_folder(session.arena, &session.options);
    int code = command->run(&session);
    jit_free(session.jit);
    pool_free(session.pool);
    arena_free(session.arena);
    return code;
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2) {
        run_command(command_of("help"), words, 0);
        return EXIT_USAGE;
    }
    if (!strcmp(words[1], "--help") || !strcmp(words[1], "-h"))
        return run_command(command_of("help"), words, 0);
    if (!strcmp(words[1], "--version")) {
        printf("nasc %s, arithmetic %d\n", NASC_VERSION, ARITHMETIC_VERSION);
        return EXIT_DONE;
    }
    const Command *command = command_of(words[1]);
    if (!command)
        refuse_command(words[1]);
    return run_command(command, words + 2, count - 2);
}
