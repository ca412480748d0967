/* complete.c: what may be written at a place, from the tables and the names in sight.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/outline.h"

#include <string.h>

typedef struct Completer {
    Arena *arena;
    const Outline *outline;
    Map *known; /* labels that are listed already */
    VEC(Completion) found;
    int at;     /* where what is being written begins */
    int last;   /* the token before it; -1: none */
    int opener; /* the bracket around it; -1: none */
    int entry;  /* the first token of its entry; -1: it begins one */
    Around around;
} Completer;

/* ---- collecting -------------------------------------------------------------------------- */

static void add(Completer *completer, CompletionKind kind, Str label, const char *after,
                Str documentation) {
    if (!label.length || map_get(completer->known, label, NULL))
        return;
    Str insert = str_format(completer->arena, "%.*s%s", STR_ARG(label), after);
    map_put(completer->known, label, 1);
    vec_push(completer->arena, &completer->found,
             ((Completion){kind, label, insert, documentation}));
}

static Str help_on(Completer *completer, Str topic) {
    Text text = text_new(completer->arena);
    bool module = str_starts(topic, STR("std/"));
    bool found = module ? library_help(topic, &text) : tables_help(topic, &text);
    return found ? text_str(&text) : (Str){"", 0};
}

/* The spelling of a token that is a word: tokens.def shows it in backquotes. */
static Str spelling(TokenKind kind) {
    const char *shown = token_facts[kind].shown;
    bool word = shown[0] == '`' && shown[1] >= 'a' && shown[1] <= 'z';
    return word ? (Str){shown + 1, (int)strlen(shown) - 2} : (Str){"", 0};
}

static void add_words(Completer *completer, const TokenKind *kinds, int count) {
    for (int i = 0; i < count; i++)
        add(completer, COMPLETE_WORD, spelling(kinds[i]), " ",
            help_on(completer, spelling(kinds[i])));
}

static bool is_value_word(Str word) {
    return str_equal(word, STR("let")) || str_equal(word, STR("block"));
}

/* Declarations of a word; NULL: those that stand in expressions. */
static void add_declared(Completer *completer, const char *word) {
    const Outline *root = completer->outline;
    for (int s = 0; s < root->sees.count; s++)
        for (int i = 0; i < root->sees.at[s]->declared.count; i++) {
            const Outline *outline = root->sees.at[s];
            const Declared *declared = &outline->declared.at[i];
            bool wanted =
                word ? str_equal(declared->word, str_of(word)) : is_value_word(declared->word);
            if (!wanted)
                continue;
            bool block = str_equal(declared->word, STR("block"));
            add(completer, block ? COMPLETE_BLOCK : COMPLETE_DECLARED, declared->name, "",
                comment_before(completer->arena, outline->text,
                               outline->marks[declared->word_mark].at));
        }
}

static void add_operators(Completer *completer) {
    for (int k = OP_INPUT + 1; k < OP_COUNT; k++)
        add(completer, COMPLETE_OPERATOR, str_of(operator_facts[k].name), "",
            str_of(operator_facts[k].documentation));
}

static void add_functions(Completer *completer) {
    for (int i = 0; i < function_count; i++)
        add(completer, COMPLETE_OPERATOR, str_of(functions[i].name), "",
            str_format(completer->arena, "%s\n%s", functions[i].signature,
                       functions[i].documentation));
}

static void add_formats(Completer *completer) {
    for (int f = 0; f < FORMAT_COUNT; f++)
        add(completer, COMPLETE_VALUE, str_of(format_name((Format)f)), "", (Str){"", 0});
}

static void add_metrics(Completer *completer) {
    for (int i = 0; i < metric_count; i++)
        add(completer, COMPLETE_VALUE, str_of(metric_facts[i].name), "",
            str_of(metric_facts[i].documentation));
}

static void add_locals(Completer *completer) {
    int mark = completer->last >= 0 ? completer->last : 0;
    Locals locals = locals_at(completer->arena, completer->outline, mark);
    for (int i = locals.count - 1; i >= 0; i--)
        add(completer, COMPLETE_NAME, locals.at[i].name, "", (Str){"", 0});
}

static const Mark *mark_of(const Completer *completer, int i) {
    static const Mark none = {.kind = TOKEN_EOF, .text = {"", 0}, .opener = -1, .entry = -1};
    return i >= 0 && i < completer->outline->mark_count ? &completer->outline->marks[i] : &none;
}

static void add_modules(Completer *completer) {
    int count;
    const Mark *path = mark_of(completer, completer->entry + 1);
    if (completer->last > completer->entry) /* the path is replaced whole */
        completer->at = path->at;
    const Str *names = library_names(completer->arena, &count);
    for (int i = 0; i < count; i++)
        add(completer, COMPLETE_MODULE, names[i], "", help_on(completer, names[i]));
}

/* ---- declarations ------------------------------------------------------------------------ */

static bool has_key(const Completer *completer, const char *key) {
    const Outline *outline = completer->outline;
    const Declared *declared = completer->around.declared;
    for (int i = completer->around.brace + 1; i < declared->end; i++)
        if (outline->marks[i].entry == i &&
            outline->marks[i].opener == completer->around.brace &&
            str_equal(outline->marks[i].text, str_of(key)))
            return true;
    return false;
}

static void add_keys(Completer *completer) {
    for (int i = 0; i < key_count; i++)
        if ((int)key_facts[i].kind == completer->around.kind &&
            !has_key(completer, key_facts[i].key))
            add(completer, COMPLETE_KEY, str_of(key_facts[i].key), ": ",
                str_of(key_facts[i].documentation));
}

static void add_word_facts(Completer *completer, const char *context) {
    for (int i = 0; i < word_count; i++)
        if (!strcmp(word_facts[i].context, context))
            add(completer, COMPLETE_VALUE, str_of(word_facts[i].word), "",
                str_of(word_facts[i].documentation));
}

static void add_calls(Completer *completer, const char *context) {
    for (int i = 0; i < call_count; i++)
        if (!strcmp(call_facts[i].context, context))
            add(completer, COMPLETE_VALUE, str_of(call_facts[i].name), "(",
                str_of(call_facts[i].documentation));
}

static void add_of_type(Completer *completer, FactType type, const char *of) {
    switch (type) {
    case TYPE_WORD:
        add_word_facts(completer, of);
        return;
    case TYPE_CALL:
        add_calls(completer, of);
        return;
    case TYPE_TRUTH:
        add_words(completer, (TokenKind[]){TOKEN_TRUE, TOKEN_FALSE}, 2);
        return;
    case TYPE_FORMAT:
        add_formats(completer);
        return;
    case TYPE_METRIC:
    case TYPE_LIMIT:
        add_metrics(completer);
        return;
    case TYPE_NETWORK:
        add_declared(completer, "network");
        return;
    case TYPE_PRECISION:
        add_declared(completer, "precision");
        return;
    case TYPE_RESULT:
        add_declared(completer, "search");
        add_declared(completer, "network");
        return;
    default:
        for (int k = 0; k < DECL_KINDS; k++) {
            Str name = STR("the name of a ");
            Str told = str_of(fact_type_name(type)), word = str_of(kind_facts[k].word);
            if (str_starts(told, name) && str_ends(told, word))
                add_declared(completer, kind_facts[k].word);
        }
        add_declared(completer, "let");
    }
}

/* The argument whose value is being written, of the call around; empty: none is named. */
static Str argument_named(const Completer *completer) {
    const Mark *last = mark_of(completer, completer->last);
    bool after = last->kind == TOKEN_COLON && last->opener == completer->opener;
    return after ? mark_of(completer, completer->last - 1)->text : (Str){"", 0};
}

static void complete_entry(Completer *completer) {
    const Around *around = &completer->around;
    const KeyFacts *key = key_facts_of(around->kind, around->key);
    Str callee = mark_of(completer, around->call)->text, name = argument_named(completer);
    if (around->call >= 0 && call_of(callee)) {
        const ArgumentFacts *argument = argument_facts_of(callee, name);
        if (argument)
            add_of_type(completer, argument->type, argument->of);
        for (int i = 0; i < argument_count && !name.length; i++)
            if (str_equal(callee, str_of(argument_facts[i].call)))
                add(completer, COMPLETE_KEY, str_of(argument_facts[i].name), ": ",
                    str_of(argument_facts[i].documentation));
        if (name.length)
            return;
    }
    if (key)
        add_of_type(completer, key->type, key->of);
}

/* ---- networks ---------------------------------------------------------------------------- */

static void add_parameters(Completer *completer) {
    int call = completer->around.call;
    OpKind kind;
    if (call < 0)
        return;
    if (operator_of(mark_of(completer, call)->text, &kind))
        for (int a = 0; a < ATTRIBUTE_COUNT; a++)
            if (operator_has(kind, (Attribute)a))
                add(completer, COMPLETE_KEY, str_of(attribute_facts[a].name), ": ",
                    str_of(attribute_facts[a].documentation));
    const Outline *where;
    const Declared *declared =
        outline_declared(completer->outline, mark_of(completer, call)->text, &where);
    if (!declared || declared->brace < 0)
        return;
    Locals locals = locals_at(completer->arena, where, declared->brace);
    for (int i = 0; i < locals.count; i++)
        add(completer, COMPLETE_KEY, locals.at[i].name, ": ", (Str){"", 0});
}

static void add_values(Completer *completer) {
    static const TokenKind words[] = {TOKEN_IF,  TOKEN_THEN, TOKEN_ELSE,
                                      TOKEN_NOT, TOKEN_TRUE, TOKEN_FALSE};
    add_locals(completer);
    add_declared(completer, NULL);
    add_operators(completer);
    add_functions(completer);
    add_formats(completer);
    add_words(completer, words, COUNT(words));
}

static void complete_body(Completer *completer) {
    static const TokenKind words[] = {TOKEN_LET,     TOKEN_RETURN, TOKEN_REPEAT, TOKEN_FOR,
                                      TOKEN_REQUIRE, TOKEN_FORBID, TOKEN_LEGAL};
    TokenKind last = mark_of(completer, completer->last)->kind;
    if (completer->entry < 0) {
        add_words(completer, words, COUNT(words));
        add_locals(completer);
    } else if (last == TOKEN_PIPE) {
        add_declared(completer, "block");
        add_operators(completer);
    } else {
        if (last == TOKEN_LPAREN || last == TOKEN_COMMA)
            add_parameters(completer);
        add_values(completer);
    }
}

static void complete_precision(Completer *completer) {
    TokenKind last = mark_of(completer, completer->last)->kind;
    bool property = completer->entry >= 0 && completer->around.colon >= 0 &&
                    (last == TOKEN_COLON || last == TOKEN_COMMA) &&
                    completer->opener == completer->around.declared->brace;
    if (property) {
        for (int i = 0; precision_property(i); i++)
            add(completer, COMPLETE_KEY, str_of(precision_property(i)), " = ", (Str){"", 0});
    } else if (completer->around.colon >= 0 && completer->entry >= 0) {
        add_formats(completer);
        add_functions(completer);
        add_declared(completer, "let");
    } else {
        add(completer, COMPLETE_VALUE, STR("first"), "", (Str){"", 0});
        add(completer, COMPLETE_VALUE, STR("last"), "", (Str){"", 0});
        add_operators(completer);
        add_declared(completer, "block");
    }
}

/* ---- places ------------------------------------------------------------------------------ */

static void complete_top(Completer *completer) {
    static const TokenKind words[] = {TOKEN_USE, TOKEN_LET, TOKEN_BLOCK, TOKEN_NETWORK,
                                      TOKEN_PRECISION};
    if (mark_of(completer, completer->entry)->kind == TOKEN_USE) {
        add_modules(completer);
        return;
    }
    if (completer->entry < 0) {
        add_words(completer, words, COUNT(words));
        for (int k = 0; k < DECL_KINDS; k++)
            add(completer, COMPLETE_WORD, str_of(kind_facts[k].word), " ",
                str_of(kind_facts[k].documentation));
        return;
    }
    TokenKind last = mark_of(completer, completer->last)->kind;
    if (last == TOKEN_OF)
        add_declared(completer, "network");
    else if (last == TOKEN_OVER)
        add_declared(completer, "fleet");
    else if (last == TOKEN_COLON)
        add_declared(completer, str_terminated(completer->arena, completer->around.word));
    else
        add_values(completer);
}

static bool is_name_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           (byte >= '0' && byte <= '9');
}

/* Whether a place stands in a comment that begins behind a token. */
static bool commented(const Outline *outline, int from, int at) {
    for (int i = from; i + 1 < at; i++) {
        const char *here = outline->text.at + i;
        if (here[0] != '/' || (here[1] != '/' && here[1] != '*'))
            continue;
        const char *end = strstr(here + 2, here[1] == '/' ? "\n" : "*/");
        if (!end || end >= outline->text.at + at)
            return true;
        i = (int)(end - outline->text.at);
    }
    return false;
}

/* Whether an entry ended between a token and the place. */
static bool entry_ended(const Outline *outline, int last, int from, int at) {
    bool apart = last + 1 >= outline->mark_count || outline->marks[last + 1].kind == TOKEN_END;
    for (int i = from; apart && i < at; i++)
        if (outline->text.at[i] == '\n' || outline->text.at[i] == ';')
            return true;
    return false;
}

/* What stands before the place; false: nothing can be completed there. */
static bool look_around(Completer *completer, int at) {
    const Outline *outline = completer->outline;
    completer->at = at;
    while (completer->at > 0 && is_name_byte(outline->text.at[completer->at - 1]))
        completer->at--;
    int last = mark_at(outline, completer->at - 1);
    const Mark *mark = mark_of(completer, last);
    int end = last >= 0 ? mark->at + mark->text.length : 0;
    completer->last = last;
    completer->opener = completer->entry = -1;
    if (end > completer->at || mark->kind == TOKEN_NUMBER ||
        commented(outline, end, completer->at))
        return false;
    bool opens = mark->kind == TOKEN_LPAREN || mark->kind == TOKEN_LBRACKET ||
                 mark->kind == TOKEN_LBRACE;
    completer->opener = opens ? last : mark->opener;
    bool body =
        completer->opener < 0 || mark_of(completer, completer->opener)->kind == TOKEN_LBRACE;
    bool begins = last < 0 || mark->kind == TOKEN_LBRACE ||
                  (body && entry_ended(outline, last, end, completer->at));
    if (!begins)
        completer->entry = mark->entry;
    completer->around =
        around_of(outline, last >= 0 ? last : 0, completer->opener, completer->entry);
    return mark->kind != TOKEN_DOT;
}

int outline_complete(Arena *arena, const Outline *outline, int at, Completion **found,
                     int *from) {
    Completer completer = {.arena = arena, .outline = outline, .known = map_new(arena)};
    bool possible = look_around(&completer, at);
    *from = completer.at;
    const Declared *declared = completer.around.declared;
    bool inside = completer.opener >= 0 && declared && declared->brace >= 0 &&
                  completer.opener >= declared->brace;
    if (!possible)
        completer.found.count = 0;
    else if (!inside)
        complete_top(&completer);
    else if (completer.around.kind >= 0 && completer.entry < 0)
        add_keys(&completer);
    else if (completer.around.kind >= 0)
        complete_entry(&completer);
    else if (str_equal(completer.around.word, STR("precision")))
        complete_precision(&completer);
    else
        complete_body(&completer);
    *found = completer.found.at;
    return completer.found.count;
}
