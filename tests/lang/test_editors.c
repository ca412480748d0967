/* The lists of words in the colours of editors are those of the tables: where a table has
 * learned a word, UPDATE=1 (tests/run -u test_editors) writes the lists anew. What editors read
 * as JSON is JSON.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/elaborate.h"

#include <jansson.h>

#define VIM "editors/vim/syntax/nas.vim"
#define TEXTMATE "editors/vscode/syntaxes/nas.tmLanguage.json"

/* ---- the tables -------------------------------------------------------------------------- */

typedef struct WordList {
    Arena *arena;
    VEC(Str) list;
} WordList;

static void add(WordList *words, Str word) {
    for (int i = 0; i < words->list.count; i++)
        if (str_equal(words->list.at[i], word))
            return;
    vec_push(words->arena, &words->list, word);
}

static void add_words(WordList *words) {
    for (int t = 0; t < TOKEN_COUNT; t++) {
        Str shown = str_of(token_facts[t].shown);
        bool word = shown.length > 2 && shown.at[1] >= 'a' && shown.at[1] <= 'z' &&
                    shown.at[0] == '`' && t != TOKEN_TRUE && t != TOKEN_FALSE;
        if (word)
            add(words, (Str){shown.at + 1, shown.length - 2});
    }
}

static void add_kinds(WordList *words) {
    for (int k = 0; k < DECL_KINDS; k++)
        add(words, str_of(kind_facts[k].word));
}

static void add_truths(WordList *words) {
    add(words, STR("true"));
    add(words, STR("false"));
}

static void add_operators(WordList *words) {
    for (int k = OP_INPUT + 1; k < OP_COUNT; k++)
        add(words, str_of(operator_facts[k].name));
}

static void add_functions(WordList *words) {
    for (int i = 0; i < function_count; i++)
        add(words, str_of(functions[i].name));
}

static void add_formats(WordList *words) {
    for (int f = 0; f < FORMAT_COUNT; f++)
        add(words, str_of(format_name((Format)f)));
}

static void add_metrics(WordList *words) {
    for (int i = 0; i < metric_count; i++)
        add(words, str_of(metric_facts[i].name));
}

static void add_calls(WordList *words) {
    for (int i = 0; i < call_count; i++)
        add(words, str_of(call_facts[i].name));
}

static void add_keys(WordList *words) {
    for (int i = 0; i < key_count; i++)
        add(words, str_of(key_facts[i].key));
}

static void add_units(WordList *words) {
    static const char *const units[] = {
#define UNIT(spelling, dimension, numerator, denominator) spelling,
#include "lang/units.def"
    };
    for (int i = 0; i < COUNT(units); i++)
        if (units[i][0] != '%')
            add(words, str_of(units[i]));
}

/* ---- what is made of them ---------------------------------------------------------------- */

typedef struct Group {
    void (*list)(WordList *words);
    const char *vim, *vim_after;
    const char *scope, *before, *after; /* of TextMate */
} Group;
/* In Vim what is matched later goes before, in TextMate what stands first. */
static const Group groups[] = {
    {add_keys, "nasKey", "\\ze\\s*:/", "entity.name.tag.nas", "\\\\b", "(?=\\\\s*:)"},
    {add_calls, "nasCall", "\\ze\\s*(/", "support.function.nas", "\\\\b", "(?=\\\\s*\\\\()"},
    {add_metrics, "nasMetric", "\\>/", "support.constant.nas", "\\\\b", "\\\\b"},
    {add_formats, "nasFormat", "\\>/", "support.type.nas", "\\\\b", "\\\\b"},
    {add_functions, "nasFunction", "\\>/", "support.function.nas", "\\\\b", "\\\\b"},
    {add_operators, "nasOperator", "\\>/", "support.function.nas", "\\\\b", "\\\\b"},
    {add_truths, "nasTruth", "\\>/", "constant.language.nas", "\\\\b", "\\\\b"},
    {add_kinds, "nasKind", "\\>/", "storage.type.nas", "\\\\b", "\\\\b"},
    {add_words, "nasWord", "\\>/", "keyword.control.nas", "\\\\b", "\\\\b"},
    {add_units, "nasUnit", "\\>/ contained", "keyword.other.unit.nas", "(?<=\\\\d) *", "\\\\b"},
};

static Str vim_word(Arena *arena, Str word) {
    Text out = text_new(arena);
    for (int i = 0; i < word.length; i++)
        text_add(&out, "%s%c", word.at[i] == '/' ? "\\" : "", word.at[i]);
    return text_str(&out);
}

/* One line for as many words as it has room for. */
static void print_group(Arena *arena, const Group *group, bool vim, Text *out) {
    enum { ROOM = 50 };
    WordList words = {.arena = arena};
    group->list(&words);
    for (int i = 0; i < words.list.count;) {
        if (vim)
            text_add(out, "syntax match %s /\\<\\%%(", group->vim);
        else
            text_add(out, "            {\"name\": \"%s\", \"match\": \"%s(?:", group->scope,
                     group->before);
        int begin = out->length;
        for (bool first = true; i < words.list.count && out->length - begin < ROOM; i++) {
            Str word = words.list.at[i];
            text_add(out, "%s%.*s",
                     first ? ""
                     : vim ? "\\|"
                           : "|",
                     STR_ARG(vim ? vim_word(arena, word) : word));
            first = false;
        }
        text_add(out, vim ? "\\)%s\n" : ")%s\"},\n", vim ? group->vim_after : group->after);
    }
}

static Str lines_made(Arena *arena, bool vim) {
    Text out = text_new(arena);
    for (int g = 0; g < COUNT(groups); g++)
        print_group(arena, &groups[vim ? COUNT(groups) - 1 - g : g], vim, &out);
    if (!vim)
        out.at[out.length -= 2] = '\0'; /* the last comma */
    return str_format(arena, "%.*s%s", STR_ARG(text_str(&out)), vim ? "" : "\n");
}

/* The text with what stands between two lines replaced. */
static Str with_lines(Arena *arena, Str text, const char *begin, const char *end, Str lines) {
    const char *from = strstr(text.at, begin), *to = from ? strstr(from, end) : NULL;
    assert_non_null(to);
    from = strchr(from, '\n') + 1;
    while (to[-1] != '\n')
        to--;
    return str_format(arena, "%.*s%.*s%s", (int)(from - text.at), text.at, STR_ARG(lines), to);
}

static void check_file(const char *path, bool vim, const char *begin, const char *end) {
    Arena *arena = arena_new();
    Str text;
    const char *why;
    assert_true(file_read(arena, path, 1 << 20, &text, &why));
    Str right = with_lines(arena, text, begin, end, lines_made(arena, vim));
    if (getenv("UPDATE"))
        assert_true(file_write(path, right, &why));
    else if (!str_equal(text, right))
        fail_msg("%s lacks words of the tables: tests/run -u test_editors", path);
    arena_free(arena);
}

static void vim_has_the_words(void **state) {
    (void)state;
    check_file(VIM, true, "\" {{{ from the tables", "\" }}}");
}

static void textmate_has_the_words(void **state) {
    (void)state;
    check_file(TEXTMATE, false, "\"tables\": {\"patterns\": [", "]}");
}

static void json_is_json(void **state) {
    (void)state;
    static const char *const paths[] = {TEXTMATE, "editors/vscode/package.json",
                                        "editors/vscode/language-configuration.json"};
    for (int i = 0; i < COUNT(paths); i++) {
        json_error_t fault;
        json_t *root = json_load_file(paths[i], JSON_REJECT_DUPLICATES, &fault);
        if (!root)
            fail_msg("%s:%d: %s", paths[i], fault.line, fault.text);
        json_decref(root);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vim_has_the_words),
        cmocka_unit_test(textmate_has_the_words),
        cmocka_unit_test(json_is_json),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
