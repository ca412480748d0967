/* nasc help: the commands, and the language's own manual. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

void command_print(FILE *out, const Command *command) {
    fprintf(out, "nasc %s %s [options]: %s\n\n%s\n\noptions:\n", command->name,
            command->arguments, command->summary, command->more);
    options_print(out, command->options);
}

static void print_overview(void) {
    printf("nasc compiles .nas files: which networks are possible, how precise, on what device "
           "goes "
           "in;\nthe best one, trained, quantised and proven, comes out as C.\n\n"
           "usage: nasc COMMAND FILE [options]\n\n");
    for (int i = 0; i < command_count; i++)
        printf("  %-7s %-8s %s\n", commands[i].name, commands[i].arguments,
               commands[i].summary);
    printf(
        "\n`nasc help COMMAND` tells more; so do `nasc help conv`, `nasc help search` and\n"
        "`nasc help std`, the library.\n"
        "exit codes: 0 done, 1 the file is wrong, 2 usage, 3 environment (missing data, disk "
        "full),\n            4 nothing satisfies the file, 130 interrupted\n");
}

int help_command(Session *session) {
    const char *topic = session->options.file;
    if (!topic) {
        print_overview();
        return EXIT_DONE;
    }
    bool known = false;
    for (int i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, topic)) {
            command_print(stdout, &commands[i]);
            known = true;
        }
    Text text = text_new(session->arena);
    Str nearest = {0};
    if (lang_help(str_of(topic), &text, &nearest))
        printf("%s%.*s", known ? "\n" : "", STR_ARG(text_str(&text)));
    else if (!known && nearest.length)
        die(EXIT_USAGE, "there is no help on \"%s\"; did you mean \"%.*s\"?", topic,
            STR_ARG(nearest));
    else if (!known)
        die(EXIT_USAGE, "there is no help on \"%s\" (see \"nasc help\")", topic);
    return EXIT_DONE;
}
