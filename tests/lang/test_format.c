/* The canonical layout: over every text of the repository, and over the same texts with blanks,
 * line ends and comments thrown in, it changes neither tokens nor comments nor the space, and
 * leaves alone what it laid out itself. format/NAME.in and NAME.out are goldens; UPDATE=1
 * writes them anew.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/syntax.h"

#include <glob.h>

static bool formats(Arena *arena, Str text, Str *out) {
    return lang_format(arena, diagnostics_new(arena), STR("text"), text, out);
}

static Str read_text(Arena *arena, const char *path) {
    Str text;
    const char *why;
    assert_true(file_read(arena, path, 1 << 24, &text, &why));
    return text;
}

/* The comments of a text, blanks at the ends of their lines aside. Knows strings, and no more. */
static Str comments(Arena *arena, Str text) {
    Text out = text_new(arena);
    bool string = false;
    for (int i = 0; i < text.length; i++) {
        if (text.at[i] == '"' && !(string && text.at[i - 1] == '\\'))
            string = !string;
        if (string || text.at[i] != '/' || (text.at[i + 1] != '/' && text.at[i + 1] != '*'))
            continue;
        bool line = text.at[i + 1] == '/';
        int begin = i;
        for (int k = i; k < text.length; k++, i++) {
            if (line && text.at[k] == '\n')
                break;
            if (text.at[k] > ' ')
                text_add(&out, "%c", text.at[k]);
            if (!line && text.at[k] == '/' && k >= begin + 3 && text.at[k - 1] == '*')
                break;
        }
        text_add(&out, "\n");
    }
    return text_str(&out);
}

/* The tokens that the parser sees, one on a line. */
static Str tokens(Arena *arena, Str text) {
    Text out = text_new(arena);
    Layout layout;
    Str copy = str_copy(arena, text);
    Lexer lexer = {diagnostics_new(arena), copy.at, copy.at, copy.at + copy.length, 1, 0};
    layout_begin(&layout, arena, lexer);
    for (Token token = {.kind = TOKEN_END}; token.kind != TOKEN_EOF;) {
        token = layout_next(&layout);
        text_add(&out, "%d %.*s\n", (int)token.kind, STR_ARG(token.text));
    }
    return text_str(&out);
}

static Str spaces(Arena *arena, const char *name, Str text) {
    Text out = text_new(arena);
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, str_of(name), text, (LangOptions){0});
    text_add(&out, "%d mistakes\n", error_count(diagnostics));
    for (int i = 0; !error_count(diagnostics) && spec_network(spec, i).length; i++)
        space_print(spec_space(spec, spec_network(spec, i), (Str){"", 0}), &out);
    return text_str(&out);
}

static bool same(const char *what, const char *name, Str expected, Str found) {
    if (str_equal(expected, found))
        return true;
    int at = 0;
    while (at < expected.length && at < found.length && expected.at[at] == found.at[at])
        at++;
    int from = at > 60 ? at - 60 : 0;
    printf("# %s: %s differ:\n%.*s\n#   instead of\n%.*s\n", name, what,
           (int)min_i64(120, found.length - from), found.at + from,
           (int)min_i64(120, expected.length - from), expected.at + from);
    return false;
}

/* What must hold of every text that has no syntax errors. */
static bool holds(Arena *arena, const char *name, Str text, Str *formatted) {
    Str again;
    if (!formats(arena, text, formatted) || !formats(arena, *formatted, &again)) {
        printf("# %s: not formatted:\n%.*s\n", name, STR_ARG(text));
        return false;
    }
    return same("tokens", name, tokens(arena, text), tokens(arena, *formatted)) &&
           same("comments", name, comments(arena, text), comments(arena, *formatted)) &&
           same("once and twice", name, *formatted, again);
}

/* Blanks, line ends and comments that change no token, thrown in where they may stand. */
static Str jumbled(Arena *arena, Str text, uint64_t seed) {
    static const char *const thrown[] = {
        " ",  "   ",           "\n",        "\n\n\n", " /* so */ ", " // so\n",
        "\t", "/* a\n   b */", "\n// so\n", "/**/",   " \r\n",      "\n/* c */ /* d */\n"};
    Random random = {seed, 0, 0};
    Text out = text_new(arena);
    Layout layout;
    Str copy = str_copy(arena, text);
    Lexer lexer = {diagnostics_new(arena), copy.at, copy.at, copy.at + copy.length, 1, 0};
    layout_begin(&layout, arena, lexer);
    const char *at = copy.at;
    for (;;) {
        Token token = layout_next(&layout), next = layout.ahead;
        bool end = token.kind == TOKEN_END;
        if (token.kind == TOKEN_EOF)
            break;
        if (!end)
            text_add(&out, "%.*s", (int)(token.text.at - at), at);
        bool round =
            layout.open.count && layout.open.at[layout.open.count - 1].kind != TOKEN_LBRACE;
        text_add_str(&out, token.text);
        at = end ? at : token.text.at + token.text.length;
        const char *what = thrown[random_below(&random, COUNT(thrown))];
        bool breaks = strchr(what, '\n') && what[1] != '*';
        bool safe =
            !breaks || end || (round && token.kind != TOKEN_NUMBER && next.kind != TOKEN_NAME);
        if (safe && random_below(&random, 4) == 0 && *at != '/' && at[-1] != '/' &&
            token.kind != TOKEN_NUMBER)
            text_add_str(&out, str_of(what));
    }
    text_add(&out, "%s", at);
    return text_str(&out);
}

static bool file_holds(Arena *arena, const char *path) {
    Str text = read_text(arena, path), formatted, other;
    if (!holds(arena, path, text, &formatted) ||
        !same("spaces", path, spaces(arena, path, text), spaces(arena, path, formatted)))
        return false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        Str jumble = jumbled(arena, text, seed);
        if (same("jumbled tokens", path, tokens(arena, text), tokens(arena, jumble)) &&
            holds(arena, path, jumble, &other))
            continue;
        printf("# seed %d:\n%.*s\n", (int)seed, STR_ARG(jumble));
        return false;
    }
    return true;
}

/* All files of a pattern that parse; returns how many do. */
static int all_hold(const char *pattern) {
    glob_t found;
    int held = 0;
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        Arena *arena = arena_new();
        Str text = read_text(arena, found.gl_pathv[i]), formatted;
        if (formats(arena, text, &formatted)) {
            assert_true(file_holds(arena, found.gl_pathv[i]));
            held++;
        }
        arena_free(arena);
    }
    globfree(&found);
    return held;
}

static void corpus_holds(void **state) {
    (void)state;
    assert_true(all_hold("tests/lang/spaces/*.nas") >= 8);
    assert_true(all_hold("tests/lang/errors/*.nas") >= 80); /* those whose syntax is right */
    assert_true(all_hold("tests/lang/format/*.in") >= 3);
    assert_true(all_hold("tests/nasc/*.nas") >= 1);
    assert_true(all_hold("stdlib/std/*.nas") >= 4);
    assert_true(all_hold("examples/*/*.nas") >= 2);
    int wishes = all_hold("../"
                          "shared/specs/*.nas");
    if (!wishes)
        printf("# the wish files are not beside this folder: skipped\n");
}

static void goldens_agree(void **state) {
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/lang/format/*.in", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        Arena *arena = arena_new();
        const char *why, *path = found.gl_pathv[i];
        Str formatted;
        assert_true(formats(arena, read_text(arena, path), &formatted));
        const char *golden =
            str_format(arena, "tests/lang/format/%.*s.out", STR_ARG(path_stem(str_of(path))))
                .at;
        if (getenv("UPDATE"))
            assert_true(file_write(golden, formatted, &why));
        assert_true(same("layouts", path, read_text(arena, golden), formatted));
        arena_free(arena);
    }
    globfree(&found);
}

/* Lines are at most 100 wide wherever a list can break; a text of one line takes no time. */
static void long_lists_break(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Text text = text_new(arena);
    text_add(&text, "let a = [");
    for (int i = 0; i < 200000; i++)
        text_add(&text, "%d,", i % 1000);
    text_add(&text, "]");
    Str out;
    double begin = clock_seconds();
    assert_true(formats(arena, text_str(&text), &out));
    assert_true(clock_seconds() - begin < 20);
    int column = 0, widest = 0;
    for (int i = 0; i < out.length; i++) {
        column = out.at[i] == '\n' ? 0 : column + 1;
        widest = column > widest ? column : widest;
    }
    assert_true(widest <= 100 && widest > 90);
    arena_free(arena);
}

static void mistakes_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"let a = [1,",   "block b(x) { return x", "let = 3",
                                        "let a = 1 /* ", "let s = \"x",           "}"};
    for (int i = 0; i < COUNT(texts); i++) {
        Arena *arena = arena_new();
        Diagnostics *diagnostics = diagnostics_new(arena);
        Str out;
        assert_false(lang_format(arena, diagnostics, STR("x"), str_of(texts[i]), &out));
        assert_true(error_count(diagnostics) > 0);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus_holds),
        cmocka_unit_test(goldens_agree),
        cmocka_unit_test(long_lists_break),
        cmocka_unit_test(mistakes_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
