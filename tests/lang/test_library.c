/* The standard library documents itself, every network of it elaborates, and modules keep apart
 * what is theirs.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"
#include "stdlib/embedded.h"

#include <string.h>
#include <time.h>

/* ---- what the library declares, read as plain text --------------------------------------- */

typedef struct Declared {
    Str module, word, name;
} Declared;
typedef VEC(Declared) Declarations;

static Str word_at(const char *at) {
    int length = 0;
    while (at[length] == '_' || (at[length] >= 'a' && at[length] <= 'z') ||
           (at[length] >= '0' && at[length] <= '9'))
        length++;
    return (Str){at, length};
}

/* Declarations begin their lines; what stands within them is indented. */
static Declarations declarations_of(Arena *arena) {
    static const char *const words[] = {"block", "network", "task", "device", "fleet", "let"};
    Declarations found = {0};
    for (int m = 0; m < embedded_count; m++)
        for (const char *line = embedded_library[m].text;
             str_starts(str_of(embedded_library[m].name), STR("std/")) && line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
            for (int w = 0; w < COUNT(words); w++) {
                Str word = word_at(line);
                if (str_equal(word, str_of(words[w])) && line[word.length] == ' ')
                    vec_push(arena, &found,
                             ((Declared){str_of(embedded_library[m].name), word,
                                         word_at(line + word.length + 1)}));
            }
    return found;
}

static Str help_on(Arena *arena, Str topic) {
    Text text = text_new(arena);
    Str nearest = {0};
    if (!lang_help(topic, &text, &nearest))
        fail_msg("there is no help on %.*s", STR_ARG(topic));
    return text_str(&text);
}

static bool says(Str text, const char *what) {
    return strstr(text.at, what) != NULL;
}

/* ---- documentation ----------------------------------------------------------------------- */

/* Where it comes from: a paper for blocks, whatever `source:` says for devices. */
static bool names_source(Str word, Str help) {
    if (str_equal(word, STR("device")))
        return says(help, "    source: ");
    if (str_equal(word, STR("task")))
        return says(help, "arXiv") || says(help, "doi") || says(help, "fetch:");
    return says(help, "arXiv") || says(help, "doi") || says(help, "et al.");
}

static void every_declaration_is_documented(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Declarations all = declarations_of(arena);
    int wrong = 0;
    for (int i = 0; i < all.count; i++) {
        Declared d = all.at[i];
        Str help = help_on(arena, d.name);
        Str head = str_format(arena, "%.*s %.*s", STR_ARG(d.word), STR_ARG(d.name));
        const char *at = strstr(help.at, head.at), *next = at ? strchr(at, '\n') : NULL;
        bool documented = next && strncmp(next, "\n  ", 3) == 0 && next[3] != ' ';
        if (documented && names_source(d.word, help))
            continue;
        printf("# %.*s, in %.*s: %s\n", STR_ARG(head), STR_ARG(d.module),
               documented ? "names no source" : "is not documented");
        wrong++;
    }
    printf("# %d declarations\n", all.count);
    assert_true(all.count >= 60);
    assert_int_equal(wrong, 0);
    arena_free(arena);
}

static void help_lists_modules_and_what_they_hold(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Declarations all = declarations_of(arena);
    Str modules = help_on(arena, STR("std"));
    for (int i = 0; i < all.count; i++) {
        Declared d = all.at[i];
        Str module = help_on(arena, d.module);
        Str line = str_format(arena, "\n%.*s %.*s", STR_ARG(d.word), STR_ARG(d.name));
        assert_true(says(modules, str_format(arena, "\n  %.*s ", STR_ARG(d.module)).at));
        if (!says(module, line.at))
            fail_msg("help on %.*s leaves out %.*s", STR_ARG(d.module), STR_ARG(d.name));
    }
    Str mbconv = help_on(arena, STR("mbconv"));
    assert_true(says(mbconv, "block mbconv(x, channels, expand: 4, kernel: 3, stride: 1"));
    assert_true(says(mbconv, "arXiv 1801.04381"));
    assert_true(says(help_on(arena, STR("unet")), "pool in [max, average]: max"));
    assert_true(says(help_on(arena, STR("cortex_m4")), "\n    clock:         120 MHz\n"));
    Text text = text_new(arena);
    Str nearest = {0};
    assert_false(lang_help(STR("mobilenet_v4"), &text, &nearest));
    assert_true(str_starts(nearest, STR("mobilenet_v")));
    arena_free(arena);
}

/* ---- networks ---------------------------------------------------------------------------- */

static Spec *spec_of(Arena *arena, const char *path) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read(arena, diagnostics, path, (LangOptions){0});
    if (error_count(diagnostics))
        diagnostics_print(diagnostics, stdout, 0);
    assert_int_equal(error_count(diagnostics), 0);
    return spec;
}

static Net member(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    if (!space_instantiate(arena, space, gene, &net, &span, &why))
        fail_msg("%.*s: %.*s", STR_ARG(space->name), STR_ARG(why));
    assert_null(net_check(&net));
    return net;
}

/* The first and the last values, and values at random. */
static void members_are_sound(Arena *arena, const Space *space) {
    enum { DRAWN = 20 };
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    for (int n = 0; n < DRAWN + 2; n++) {
        Random random = {11, (uint64_t)n, 0};
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        if (n < 2)
            genotype_extreme(space, gene, n == 1);
        genotype_canonical(space, gene);
        Net net = member(arena, space, gene);
        assert_true(net_parameters(&net) > 0);
    }
}

/* Blocks whose calls stand in the paths of operators. */
static void mark_reached(const Space *space, const Declarations *all, bool *reached) {
    for (int i = 0; i < space->ops.count; i++)
        for (int d = 0; d < all->count; d++) {
            Str path = space->ops.at[i].path, name = all->at[d].name;
            for (int at = 0; at + name.length < path.length && !reached[d]; at++)
                reached[d] = (at == 0 || path.at[at - 1] == '.') &&
                             strncmp(path.at + at, name.at, (size_t)name.length) == 0 &&
                             path.at[at + name.length] == '[';
        }
}

/* ---- figures in comments ----------------------------------------------------------------- */

/* A number with commas between its thousands; *at is left behind it. 0: none follows. */
static int64_t number_after(const char **at, const char *end) {
    int64_t number = 0;
    while (*at < end && **at == ' ')
        ++*at;
    for (; *at < end && ((**at >= '0' && **at <= '9') || **at == ','); ++*at)
        number = **at == ',' ? number : 10 * number + **at - '0';
    return number;
}

/* "//   resnet18   [224, 224, 3]   1,814,073,344   11,684,712   (1000 classes)": false where a
 * line states no figures. */
static bool figures_hold(const char *line, const char *end, Str module) {
    const char *shape = memchr(line, '[', (size_t)(end - line));
    const char *close = shape ? memchr(shape, ']', (size_t)(end - shape)) : NULL;
    const char *at = close ? close + 1 : end;
    int64_t macs = number_after(&at, end), parameters = number_after(&at, end);
    int classes = 10, length = (int)((shape ? shape : line + 5) - line) - 5;
    if (!macs || !parameters)
        return false;
    sscanf(at, " (%d classes)", &classes);
    while (length > 0 && line[5 + length - 1] == ' ')
        length--;
    bool called = length > 0 && line[5 + length - 1] == ')';
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Str text = str_format(
        arena, "use %.*s\nnetwork n(x: %.*s) -> [%d] { return x |> %.*s%sclasses: %d) }\n",
        STR_ARG(module), (int)(close + 1 - shape), shape, classes, length - called, line + 5,
        called ? ", " : "(", classes);
    Spec *spec = spec_read_text(arena, diagnostics, STR("figures"), text, (LangOptions){0});
    const Space *space = spec_space(spec, STR("n"), (Str){"", 0});
    if (!space)
        fail_msg("%.*s", STR_ARG(text));
    Net net = member(arena, space, (Gene[1]){0});
    if (net_macs(&net) != macs || net_parameters(&net) != parameters)
        fail_msg("%.*s: %lld and %lld", length, line + 5, (long long)net_macs(&net),
                 (long long)net_parameters(&net));
    arena_free(arena);
    return true;
}

static void figures_in_comments_hold(void **state) {
    (void)state;
    int found = 0;
    for (int m = 0; m < embedded_count; m++)
        for (const char *line = strstr(embedded_library[m].text, "\n//   ");
             str_starts(str_of(embedded_library[m].name), STR("std/")) && line;
             line = strstr(line + 1, "\n//   ")) {
            const char *end = strchr(line + 1, '\n');
            found += end && figures_hold(line + 1, end, str_of(embedded_library[m].name));
        }
    printf("# %d networks with figures\n", found);
    assert_true(found >= 10);
}

/* ---- all at once ------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void every_network_elaborates(void **state) {
    (void)state;
    Arena *arena = arena_new();
    double begun = seconds();
    Spec *spec = spec_of(arena, "tests/lang/library.nas");
    printf("# all networks are checked in %.1f ms\n", 1e3 * (seconds() - begun));
    Declarations all = declarations_of(arena);
    bool *reached = arena_array(arena, bool, all.count);
    for (int i = 0; spec_network(spec, i).length; i++) {
        Arena *scratch = arena_new();
        const Space *space = spec_space(spec, spec_network(spec, i), (Str){"", 0});
        mark_reached(space, &all, reached);
        members_are_sound(scratch, space);
        arena_free(scratch);
    }
    for (int d = 0; d < all.count; d++) {
        /* Its result is a number: it leaves no operator. */
        bool number = str_equal(all.at[d].name, STR("scaled"));
        if (str_equal(all.at[d].word, STR("block")) && !number && !reached[d])
            fail_msg("no network calls %.*s", STR_ARG(all.at[d].name));
    }
    arena_free(arena);
}

/* ---- modules ----------------------------------------------------------------------------- */

static void only_the_root_asks(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Spec *spec = spec_of(arena, "tests/lang/modules/asks.nas");
    assert_non_null(spec_root_decl(spec, DECL_SEARCH, 0));
    assert_non_null(spec_root_decl(spec, DECL_EMIT, 0));
    spec = spec_of(arena, "tests/lang/modules/root.nas");
    assert_null(spec_root_decl(spec, DECL_SEARCH, 0));
    assert_null(spec_root_decl(spec, DECL_EMIT, 0));
    assert_non_null(spec_decl(spec, DECL_SEARCH, STR("hidden")));
    assert_int_equal(spec_network(spec, 2).length, 0);
    arena_free(arena);
}

/* A block that hides the library's is the file's own affair. */
static void the_library_uses_its_own(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Str text = STR("use std/mobile\nnetwork theirs(image: [96, 96, 3]) -> [2] {\n"
                   "    return image |> mobilenet_v1(2, width: 0.25)\n}\n");
    Spec *alone = spec_read_text(arena, diagnostics, STR("alone.nas"), text, (LangOptions){0});
    Spec *beside = spec_of(arena, "tests/lang/modules/root.nas");
    Gene none[1] = {0};
    Str name = STR("theirs"), all = {"", 0};
    Net a = member(arena, spec_space(alone, name, all), none);
    Net b = member(arena, spec_space(beside, name, all), none);
    assert_true(key_equal(net_key(&a), net_key(&b)));
    Net own = member(arena, spec_space(beside, STR("own"), all), none);
    for (int i = 0; i < own.count; i++)
        assert_true(own.ops[i].kind != OP_DEPTHWISE);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_declaration_is_documented),
        cmocka_unit_test(help_lists_modules_and_what_they_hold),
        cmocka_unit_test(figures_in_comments_hold),
        cmocka_unit_test(every_network_elaborates),
        cmocka_unit_test(only_the_root_asks),
        cmocka_unit_test(the_library_uses_its_own),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
