/* help.c: the manual of the language, from the tables that the checker reads.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

static void initial_help(Text *text, const char *initial) {
    if (strcmp(initial, "!") == 0)
        text_add(text, "; must be given");
    else if (*initial)
        text_add(text, "; default %s", initial);
}

/* What may stand as a value, one after another. */
typedef struct Listing {
    Text *text;
    int count;
    bool lacking; /* one of them has no engine */
} Listing;

static void list_add(Listing *list, const char *name, const char *after, const char *engine) {
    text_add(list->text, "%s%s%s%s", list->count++ ? ", " : ": ", name, after,
             *engine ? "*" : "");
    list->lacking |= *engine != 0;
}

/* Words and calls of a context; those that nothing does yet are marked. */
static void context_help(Text *text, const char *context) {
    Listing list = {.text = text};
    for (int i = 0; i < word_count && *context; i++)
        if (strcmp(word_facts[i].context, context) == 0)
            list_add(&list, word_facts[i].word, "", word_facts[i].engine);
    for (int i = 0; i < call_count && *context; i++)
        if (strcmp(call_facts[i].context, context) == 0)
            list_add(&list, call_facts[i].name, "(...)", call_facts[i].engine);
    if (list.lacking)
        text_add(text, " (*: no engine yet)");
}

static void type_help(Text *text, FactType type, const char *of) {
    text_add(text, "%s", fact_type_name(type));
    if ((type == TYPE_NUMBER || type == TYPE_AMOUNT) && dimension_of(of))
        text_add(text, " (%s)", dimension_name(dimension_of(of)));
    else
        context_help(text, of);
}

static void engine_help(Text *text, const char *indent, const char *engine) {
    if (*engine)
        text_add(text, "%sno engine yet: %s\n", indent, engine);
}

/* ---- declarations ------------------------------------------------------------------------ */

static void key_help(Text *text, const KeyFacts *key) {
    text_add(text, "  %s: ", key->key);
    type_help(text, key->type, key->of);
    text_add(text, "%s", key->many ? "; several are listed with commas" : "");
    initial_help(text, key->initial);
    text_add(text, "\n      %s\n", key->documentation);
    engine_help(text, "      ", key->engine);
}

static bool decl_help(Str topic, Text *text) {
    int kind = decl_kind_of(topic);
    if (kind < 0)
        return false;
    const KindFacts *facts = &kind_facts[kind];
    text_add(text, "%s NAME ", facts->word);
    if (*facts->of)
        text_add(text, "[of NETWORK] ");
    if (*facts->over)
        text_add(text, "[over FLEET] ");
    text_add(text, "[: BASE] { key: value, ... }\n  %s\n", facts->documentation);
    engine_help(text, "  ", facts->engine);
    for (int i = 0; i < key_count; i++)
        if (key_facts[i].kind == (DeclKind)kind)
            key_help(text, &key_facts[i]);
    return true;
}

static bool key_topic(Str topic, Text *text) {
    bool found = false;
    for (int i = 0; i < key_count; i++) {
        if (!str_equal(topic, str_of(key_facts[i].key)))
            continue;
        text_add(text, "in `%s`:\n", kind_facts[key_facts[i].kind].word);
        key_help(text, &key_facts[i]);
        found = true;
    }
    return found;
}

bool lang_help_key(DeclKind kind, Str key, Text *text) {
    for (int i = 0; i < key_count; i++)
        if (key_facts[i].kind == kind && str_equal(key, str_of(key_facts[i].key))) {
            key_help(text, &key_facts[i]);
            return true;
        }
    return false;
}

static void argument_help(Text *text, const ArgumentFacts *argument) {
    text_add(text, "  %s: ", argument->name);
    type_help(text, argument->type, argument->of);
    text_add(text, "%s",
             argument->many == MANY     ? "; several in a list"
             : argument->many == CHOSEN ? "; or a choice of several"
                                        : "");
    initial_help(text, argument->initial);
    text_add(text, "\n      %s\n", argument->documentation);
    engine_help(text, "      ", argument->engine);
}

bool lang_help_argument(Str call, Str name, Text *text) {
    for (int i = 0; i < argument_count; i++)
        if (str_equal(call, str_of(argument_facts[i].call)) &&
            str_equal(name, str_of(argument_facts[i].name))) {
            argument_help(text, &argument_facts[i]);
            return true;
        }
    return false;
}

/* Where a word or call may stand: "`train:` of task". */
static void place_help(Text *text, const char *context) {
    int places = 0;
    for (int i = 0; i < key_count; i++)
        if (strcmp(key_facts[i].of, context) == 0)
            text_add(text, "%s`%s:` of %s", places++ ? ", " : ", in ", key_facts[i].key,
                     kind_facts[key_facts[i].kind].word);
    for (int i = 0; i < argument_count; i++)
        if (strcmp(argument_facts[i].of, context) == 0)
            text_add(text, "%s`%s` of %s", places++ ? ", " : ", in ", argument_facts[i].name,
                     argument_facts[i].call);
    text_add(text, "\n");
}

static bool call_help(Str topic, Text *text) {
    bool found = false;
    for (int c = 0; c < call_count; c++) {
        const CallFacts *call = &call_facts[c];
        if (!str_equal(topic, str_of(call->name)))
            continue;
        text_add(text, "%s(...)", call->name);
        place_help(text, call->context);
        text_add(text, "  %s\n", call->documentation);
        engine_help(text, "  ", call->engine);
        for (int i = 0; i < argument_count; i++)
            if (strcmp(argument_facts[i].call, call->name) == 0)
                argument_help(text, &argument_facts[i]);
        found = true;
    }
    return found;
}

static bool value_help(Str topic, Text *text) {
    bool found = false;
    for (int i = 0; i < word_count; i++) {
        const WordFacts *word = &word_facts[i];
        if (!str_equal(topic, str_of(word->word)))
            continue;
        text_add(text, "%s", word->word);
        place_help(text, word->context);
        text_add(text, "  %s\n", word->documentation);
        engine_help(text, "  ", word->engine);
        found = true;
    }
    return found;
}

static bool metric_help(Str topic, Text *text) {
    static const char *const of[] = {
        [OF_SEARCH] = "searches", [OF_SPLIT] = "splits", [OF_BOTH] = "searches and splits"};
    static const char *const roles[] = {[ROLE_CLAIM] = "only an experiment may expect it",
                                        [ROLE_LIMIT] = "may stand in `require:`",
                                        [ROLE_OBJECTIVE] = "may be searched for"};
    const MetricFacts *metric = metric_of(topic);
    if (!metric)
        return false;
    text_add(text, "%s, a metric of %s: %s; better when %s; %s\n  %s\n", metric->name,
             of[metric->of], dimension_name(metric->dimension),
             metric->higher ? "larger" : "smaller", roles[metric->role], metric->documentation);
    engine_help(text, "  ", metric->engine);
    return true;
}

/* ---- networks ---------------------------------------------------------------------------- */

static void default_help(Text *text, Attribute a) {
    const AttributeFacts *facts = &attribute_facts[a];
    Str word = attribute_word(a, facts->initial);
    if (word.length)
        text_add(text, " (default %.*s)", STR_ARG(word));
    else if (attribute_is_thousandths(a))
        text_add(text, " (default %g)", facts->initial / 1000.0);
    else if (facts->initial >= facts->least)
        text_add(text, " (default %d)", facts->initial);
}

static bool operator_help(Str topic, Text *text) {
    OpKind kind;
    if (!operator_of(topic, &kind))
        return false;
    const OperatorFacts *facts = &operator_facts[kind];
    text_add(text, "%s(%s", facts->name,
             facts->inputs == 1   ? "x"
             : facts->inputs == 2 ? "x, y"
             : facts->inputs == 3 ? "q, k, v"
                                  : "x, y, ...");
    const char *last = "";
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(kind, (Attribute)a) && strcmp(last, attribute_facts[a].name) != 0) {
            last = attribute_facts[a].name;
            text_add(text,
                     a == ATTRIBUTE_CHANNELS || a == ATTRIBUTE_AXIS ? ", %s" : ", %s:", last);
        }
    text_add(text, ")\n  %s\n", facts->documentation);
    for (int a = 0; a < ATTRIBUTE_COUNT; a++) {
        bool second = a > 0 && !strcmp(attribute_facts[a].name, attribute_facts[a - 1].name);
        if (!operator_has(kind, (Attribute)a) || second)
            continue;
        text_add(text, "  %s", attribute_facts[a].name);
        if (attribute_facts[a].initial == NEEDED)
            text_add(text, " (must be given)");
        else
            default_help(text, (Attribute)a);
        text_add(text, ": %s\n", attribute_facts[a].documentation);
    }
    return true;
}

static bool function_help(Str topic, Text *text) {
    int f = function_of(topic);
    if (f < 0)
        return false;
    text_add(text, "%s\n  %s\n", functions[f].signature, functions[f].documentation);
    return true;
}

static const struct {
    const char *word, *text;
} words[] = {
    {"network", "network NAME(image: [HEIGHT, WIDTH, CHANNELS]) -> [CLASSES] { statements }\n"
                "  what to compute; its last line is `return`\n"},
    {"block", "block NAME(x, a, b: DEFAULT) { statements }\n"
              "  a part of networks, with parameters; its last line is `return`\n"},
    {"precision",
     "precision [NAME] of NETWORK { selector, ...: weights = E, activations = E }\n"
     "  how precisely; the last rule that matches an operator counts, for each "
     "property by itself\n"
     "  selectors: *, conv and other operators, names of blocks, first, last, "
     "stage[1].*, stage[0].conv[2]\n"},
    {"use", "use std/mobile    use \"mine.nas\"\n  brings the declarations of another file\n"},
    {"let", "let NAME = E\n  binds once; a decision in E is made once, wherever NAME stands\n"},
    {"repeat", "repeat N as i { statements }\n"
               "  N may be a decision: then iterations may be skipped, and must keep shapes\n"},
    {"for", "for NAME in LIST { statements }\n  the list is known when the file is read\n"},
    {"require", "require E    forbid E\n  every member satisfies E, or none does\n"},
    {"legal", "legal (a, b) in [(1, 2), (3, 4)]\n  only these combinations of values\n"},
};

static bool word_help(Str topic, Text *text) {
    for (int i = 0; i < COUNT(words); i++)
        if (str_equal(topic, str_of(words[i].word))) {
            text_add(text, "%s", words[i].text);
            return true;
        }
    return false;
}

/* ---- topics ------------------------------------------------------------------------------ */

typedef VEC(Str) Topics;

static Topics topics(Arena *arena) {
    Topics names = {0};
    for (int i = 0; i < DECL_KINDS; i++)
        vec_push(arena, &names, str_of(kind_facts[i].word));
    for (int i = 0; i < COUNT(words); i++)
        vec_push(arena, &names, str_of(words[i].word));
    for (int k = OP_INPUT + 1; k < OP_COUNT; k++)
        vec_push(arena, &names, str_of(operator_facts[k].name));
    for (int i = 0; i < function_count; i++)
        vec_push(arena, &names, str_of(functions[i].name));
    for (int i = 0; i < call_count; i++)
        vec_push(arena, &names, str_of(call_facts[i].name));
    for (int i = 0; i < word_count; i++)
        vec_push(arena, &names, str_of(word_facts[i].word));
    for (int i = 0; i < metric_count; i++)
        vec_push(arena, &names, str_of(metric_facts[i].name));
    for (int i = 0; i < key_count; i++)
        vec_push(arena, &names, str_of(key_facts[i].key));
    int count;
    const Str *library = library_topics(arena, &count);
    for (int i = 0; i < count; i++)
        vec_push(arena, &names, library[i]);
    return names;
}

/* A name may mean several things; all are told. */
bool tables_help(Str topic, Text *text) {
    static bool (*const sections[])(Str, Text *) = {decl_help,     word_help, operator_help,
                                                    function_help, call_help, value_help,
                                                    metric_help,   key_topic};
    bool found = false;
    for (int i = 0; i < COUNT(sections); i++)
        found |= sections[i](topic, text);
    return found;
}

bool lang_help(Str topic, Text *text, Str *nearest) {
    bool found = tables_help(topic, text);
    found |= library_help(topic, text);
    if (!found) {
        Topics names = topics(text->arena);
        *nearest = str_nearest(topic, names.at, names.count);
    }
    return found;
}
