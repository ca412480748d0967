/* convert.c: values of keys and arguments, checked against the type that their table states.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

bool mistake(Converter *c, Span span, const char *format, ...) {
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error_at(c->spec->diagnostics, span, "%s", message);
    return false;
}

void engine_missing(Converter *c, Span span, Str what, const char *engine) {
    if (!*engine || c->known)
        return;
    Str text = str_format(c->spec->arena, "%.*s has no engine yet: %s", STR_ARG(what), engine);
    vec_push(c->spec->arena, c->missing, ((Missing){span, text}));
}

void gap_missing(Converter *c, Span span, Gap gap, Str what) {
    const char *subject = gap_facts[gap].what;
    const char *name = strstr(subject, "%s");
    Text text = text_new(c->spec->arena);
    text_add(&text, "%.*s", name ? (int)(name - subject) : (int)strlen(subject), subject);
    if (name)
        text_add(&text, "%.*s%s", STR_ARG(what), name + 2);
    engine_missing(c, span, text_str(&text), gap_facts[gap].engine);
}

static Str quoted(Converter *c, Str name) {
    return str_format(c->spec->arena, "`%.*s`", STR_ARG(name));
}

SpecItem *items_new(Converter *c, SpecValue *out, int count) {
    out->items = arena_array(c->spec->arena, SpecItem, count);
    out->count = count;
    return out->items;
}

/* ---- constants --------------------------------------------------------------------------- */

/* "`clock` must be a frequency, and this is ..." */
static bool wrong_type(Converter *c, const Node *node, const char *wanted, Str what,
                       Value found) {
    if (found.kind == A_MISTAKE)
        return false;
    if (found.kind == A_NUMBER)
        return mistake(c, node->span, "`%.*s` must be %s, and this is %s", STR_ARG(what),
                       wanted, dimension_name(found.dimension));
    return mistake(c, node->span, "`%.*s` must be %s, and this is %s", STR_ARG(what), wanted,
                   value_kind_name(found.kind));
}

static bool in_range(FactType type, Rational number) {
    if (type == TYPE_COUNT || type == TYPE_NATURAL)
        return number.d == 1 && number.n >= (type == TYPE_COUNT) && number.n <= INT32_MAX;
    return number.n >= 0;
}

static bool accept_number(Converter *c, const Node *node, Value value, FactType type,
                          const char *of, Str what, SpecValue *out) {
    Dimension dimension = dimension_of(of);
    const char *wanted = dimension ? dimension_name(dimension) : fact_type_name(type);
    Rational number;
    if (value.kind != A_NUMBER || value.dimension != dimension ||
        !is_constant(&c->elab->folder, value.expr, &number))
        return wrong_type(c, node, wanted, what, value);
    if (!in_range(type, number))
        return mistake(c, node->span, "`%.*s` must be %s, and this is %.*s", STR_ARG(what),
                       type == TYPE_NUMBER ? "zero or more" : wanted,
                       STR_ARG(quantity_print(c->spec->arena, number, dimension)));
    out->type = SPEC_NUMBER;
    out->number = number;
    out->dimension = dimension;
    return true;
}

bool convert_number(Converter *c, const Node *node, FactType type, const char *of, Str what,
                    SpecValue *out) {
    return accept_number(c, node, evaluate(c->elab, node), type, of, what, out);
}

/* A name of a file without its quotes. */
static bool is_unquoted(const Converter *c, const Node *node) {
    while (node->kind == NODE_FIELD ||
           (node->kind == NODE_BINARY && node->op == TOKEN_SLASH && node->a))
        node = node->a;
    return node->kind == NODE_NAME && !item_find(c->source, ITEM_LET, (Str){"", 0}, node->text);
}

static bool convert_constant(Converter *c, const Node *node, FactType type, Str what,
                             SpecValue *out) {
    static const struct {
        FactType type;
        ValueKind kind;
        SpecType spec;
    } kinds[] = {{TYPE_STRING, A_STRING, SPEC_STRING},
                 {TYPE_TRUTH, A_TRUTH, SPEC_TRUTH},
                 {TYPE_FORMAT, A_FORMAT, SPEC_FORMAT}};
    if (type == TYPE_STRING && is_unquoted(c, node))
        return mistake(c, node->span, "`%.*s` is a string: it stands in double quotes",
                       STR_ARG(what));
    Value value = evaluate(c->elab, node);
    for (int i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].type != type || value.kind != kinds[i].kind)
            continue;
        out->type = kinds[i].spec;
        out->text = value.text;
        if (value.expr)
            is_constant(&c->elab->folder, value.expr, &out->number);
        return true;
    }
    return wrong_type(c, node, fact_type_name(type), what, value);
}

/* ---- words and names --------------------------------------------------------------------- */

static bool convert_word(Converter *c, const Node *node, const char *of, Str what,
                         SpecValue *out) {
    enum { MAX_WORDS = 24 };
    Str words[MAX_WORDS];
    out->type = SPEC_NAME;
    out->text = node->text;
    const WordFacts *word = node->kind == NODE_NAME ? word_facts_of(of, node->text) : NULL;
    if (word) {
        engine_missing(c, node->span, quoted(c, node->text), word->engine);
        return true;
    }
    int count = word_names(of, words, MAX_WORDS);
    bool quoted_word = node->kind == NODE_STRING && word_facts_of(of, node->text);
    if (quoted_word)
        return mistake(c, node->span, "this is a word, without quotes: `%.*s`",
                       STR_ARG(node->text));
    Str shown = node->kind == NODE_NAME ? node->text : (Str){"", 0};
    return mistake(c, node->span, "`%.*s` cannot be this%.*s", STR_ARG(what),
                   STR_ARG(suggestion(c->spec->arena, shown, words, count)));
}

/* What else the name means: "task"; NULL: nothing. */
static const char *kind_named(Converter *c, Str name) {
    static const struct {
        ItemKind kind;
        const char *word;
    } others[] = {
        {ITEM_NETWORK, "network"}, {ITEM_BLOCK, "block"}, {ITEM_PRECISION, "precision"}};
    for (int k = 0; k < DECL_KINDS; k++)
        if (item_find(c->source, ITEM_DECL, str_of(kind_facts[k].word), name))
            return kind_facts[k].word;
    for (int k = 0; k < COUNT(others); k++)
        if (item_find(c->source, others[k].kind, (Str){0}, name))
            return others[k].word;
    return NULL;
}

/* Names of a kind of declaration. */
bool convert_name(Converter *c, const Node *node, ItemKind kind, const char *word,
                  SpecValue *out) {
    Str of = str_of(word);
    out->type = SPEC_NAME;
    out->text = node->text;
    if (node->kind != NODE_NAME)
        return mistake(c, node->span, "here stands the name of a %s%s", word,
                       node->kind == NODE_STRING ? ", without quotes"
                       : node->kind == NODE_CALL && *word == 'd'
                           ? "; keys that change it stand "
                             "in braces"
                           : "");
    const Item *item = item_find(c->source, kind, of, node->text);
    if (item)
        return kind == ITEM_PRECISION || /* which is told by its network, too */
               !item_clash(c->spec->diagnostics, node->span, c->source, item);
    const char *other = kind_named(c, node->text);
    if (other)
        return mistake(c, node->span, "`%.*s` is a %s; here stands the name of a %s",
                       STR_ARG(node->text), other, word);
    const Str *names;
    int count;
    item_names(c->spec->arena, c->source, kind, of, &names, &count);
    return mistake(
        c, node->span, "no %s is called `%.*s`%.*s", word, STR_ARG(node->text),
        STR_ARG(declared_suggestion(c->spec->arena, word, node->text, names, count)));
}

/* ---- calls ------------------------------------------------------------------------------- */

enum { MAX_ARGUMENTS = 24 };

static int arguments_of(const char *call, const ArgumentFacts **facts, Str *names) {
    int count = 0;
    for (int i = 0; i < argument_count && count < MAX_ARGUMENTS; i++)
        if (strcmp(argument_facts[i].call, call) == 0) {
            names[count] = str_of(argument_facts[i].name);
            facts[count++] = &argument_facts[i];
        }
    return count;
}

static void initial_value(Str text, Span span, SpecValue *out) {
    *out = (SpecValue){.span = span, .text = text};
    out->type = rational_parse(text, &out->number) ? SPEC_NUMBER : SPEC_NAME;
}

/* An initial value in a table: a number or a word, or several with commas. */
static void initial_argument(Converter *c, const ArgumentFacts *facts, Span span,
                             SpecValue *out) {
    const char *at = facts->initial;
    initial_value(str_of(at), span, out);
    if (facts->many != MANY)
        return;
    int count = 1;
    for (const char *comma = at; (comma = strchr(comma, ',')); comma++)
        count++;
    SpecItem *items = items_new(c, out, count);
    out->type = SPEC_LIST;
    for (int i = 0; i < count; i++, at += strspn(at, ", ")) {
        Str text = {at, (int)strcspn(at, ",")};
        items[i] = (SpecItem){.span = span};
        initial_value(text, span, &items[i].value);
        at += text.length;
    }
}

static bool is_choice(const Node *node) {
    return node->kind == NODE_CALL && node->a->kind == NODE_NAME &&
           str_equal(node->a->text, STR("choice"));
}

typedef VEC(SpecItem) Chosen;

/* One of the alternatives of a choice; a range stands for its values. */
static bool convert_alternative(Converter *c, const Node *node, const ArgumentFacts *facts,
                                Chosen *chosen) {
    Str what = str_of(facts->name);
    Value *values;
    int count = 1;
    SpecItem item = {.span = node->span};
    if (node->kind != NODE_RANGE) {
        bool right = spec_convert(c, node, facts->type, facts->of, what, &item.value);
        vec_push(c->spec->arena, chosen, item);
        return right;
    }
    if (!range_expand(c->elab, evaluate(c->elab, node), &values, &count))
        return false;
    for (int i = 0; i < count; i++) {
        item.value = (SpecValue){.span = node->span};
        if (!accept_number(c, node, values[i], facts->type, facts->of, what, &item.value))
            return false;
        vec_push(c->spec->arena, chosen, item);
    }
    return true;
}

static bool convert_choice(Converter *c, const Node *node, const ArgumentFacts *facts,
                           SpecValue *out) {
    Chosen chosen = {0};
    for (int i = 0; i < node->args.count; i++)
        if (!convert_alternative(c, node->args.at[i].value, facts, &chosen))
            return false;
    out->type = SPEC_CHOICE;
    out->items = chosen.at;
    out->count = chosen.count;
    return chosen.count > 0 || mistake(c, node->span, "`choice` needs values to choose from");
}

static bool convert_list(Converter *c, const Node *node, const ArgumentFacts *facts,
                         SpecValue *out) {
    Argument alone = {.span = node->span, .value = (Node *)node};
    const Argument *args = node->kind == NODE_LIST ? node->args.at : &alone;
    int count = node->kind == NODE_LIST ? node->args.count : 1;
    bool right = true;
    SpecItem *items = items_new(c, out, count);
    out->type = SPEC_LIST;
    for (int i = 0; i < count; i++) {
        items[i].span = args[i].span;
        right &= spec_convert(c, args[i].value, facts->type, facts->of, str_of(facts->name),
                              &items[i].value);
    }
    return right;
}

static bool convert_argument(Converter *c, const Node *node, const ArgumentFacts *facts,
                             SpecValue *out) {
    *out = (SpecValue){.span = node->span};
    engine_missing(c, node->span, quoted(c, str_of(facts->name)), facts->engine);
    if (facts->many == MANY)
        return convert_list(c, node, facts, out);
    const Node *bare = node->kind == NODE_LABEL ? node->a : node;
    if (facts->many == CHOSEN && is_choice(bare))
        return convert_choice(c, bare, facts, out);
    if (facts->many == CHOSEN && node->kind == NODE_LIST)
        return mistake(c, node->span,
                       "`%s` takes one value; one of several is a "
                       "`choice(...)`",
                       facts->name);
    return spec_convert(c, node, facts->type, facts->of, str_of(facts->name), out);
}

static bool convert_arguments(Converter *c, const Node *call, const CallFacts *callee,
                              SpecValue *out) {
    const ArgumentFacts *facts[MAX_ARGUMENTS];
    const Argument *slots[MAX_ARGUMENTS] = {NULL};
    Str names[MAX_ARGUMENTS];
    int count = arguments_of(callee->name, facts, names);
    bool right =
        arguments_match(c->elab, call, str_of(callee->name), names, count, count, slots);
    SpecItem *items = items_new(c, out, count);
    out->count = 0;
    for (int i = 0; i < count && right; i++) {
        SpecItem *item = &items[out->count];
        *item = (SpecItem){.name = names[i], .span = call->span};
        if (slots[i]) {
            item->span = slots[i]->value->span;
            right &= convert_argument(c, slots[i]->value, facts[i], &item->value);
            out->count++;
        } else if (strcmp(facts[i]->initial, "!") == 0) {
            right = mistake(c, call->span, "`%s` needs `%s`: %s", callee->name, facts[i]->name,
                            facts[i]->documentation);
        } else if (*facts[i]->initial) {
            initial_argument(c, facts[i], call->span, &item->value);
            out->count++;
        }
    }
    return right;
}

/* A call of the context that takes one like this: `optical` goes into `neighbours(...)`. */
static const char *call_around(Str name, const char *context) {
    for (int i = 0; i < argument_count; i++)
        if (argument_facts[i].type == TYPE_CALL && call_facts_of(argument_facts[i].of, name) &&
            call_facts_of(context, str_of(argument_facts[i].call)))
            return argument_facts[i].call;
    return NULL;
}

static bool unknown_call(Converter *c, const Node *node, Str name, const char *context,
                         Str what) {
    Str names[MAX_ARGUMENTS];
    int count = 0;
    for (int i = 0; i < call_count && count < MAX_ARGUMENTS; i++)
        if (strcmp(call_facts[i].context, context) == 0)
            names[count++] = str_of(call_facts[i].name);
    Str also = suggestion(c->spec->arena, name, names, count);
    const char *around = call_around(name, context);
    if (around)
        return mistake(c, node->span, "`%.*s` stands within another: `%s(%.*s(...))`",
                       STR_ARG(name), around, STR_ARG(name));
    if (name.length)
        return mistake(c, node->span, "`%.*s` knows no `%.*s`%.*s", STR_ARG(what),
                       STR_ARG(name), STR_ARG(also));
    return mistake(c, node->span, "`%.*s` is written as a call%.*s", STR_ARG(what),
                   STR_ARG(also));
}

/* A name alone is a call without arguments. */
bool convert_call(Converter *c, const Node *node, const char *context, Str what,
                  SpecValue *out) {
    Node bare = {.kind = NODE_CALL, .span = node->span, .a = (Node *)node};
    const Node *call = node->kind == NODE_NAME ? &bare : node;
    Str name = {"", 0};
    if (call->kind == NODE_CALL && call->a->kind == NODE_NAME)
        name = call->a->text;
    const CallFacts *callee = call_facts_of(context, name);
    if (!callee)
        return unknown_call(c, node, name, context, what);
    out->type = SPEC_CALL;
    out->text = name;
    bool known = c->known;
    engine_missing(c, node->span, quoted(c, name), callee->engine);
    c->known |= *callee->engine != 0;
    bool right = convert_arguments(c, call, callee, out);
    c->known = known;
    return right;
}

/* ---- shares and results ------------------------------------------------------------------ */

static bool convert_share(Converter *c, const Node *node, SpecValue *out) {
    if (node->kind == NODE_SHARE && node->b->kind == NODE_NAME &&
        str_equal(node->b->text, STR("test")))
        return mistake(c, node->span,
                       "`test` is read once, for the final figures; take a share of `train`");
    if (node->kind != NODE_SHARE || node->b->kind != NODE_NAME ||
        !str_equal(node->b->text, STR("train")))
        return mistake(c, node->span, "write a share of the training data: `10 %% of train`");
    Rational share = node->a->number;
    if (node->a->dimension || share.n <= 0 || rational_compare(share, RATIONAL(1)) >= 0)
        return mistake(c, node->a->span, "a share lies between 0 %% and 100 %%");
    out->type = SPEC_SHARE;
    out->number = share;
    out->text = node->b->text;
    return true;
}

/* A share of `train`, or a source of its own. */
static bool convert_data(Converter *c, const Node *node, const char *context, Str what,
                         SpecValue *out) {
    if (node->kind == NODE_SHARE || node->kind == NODE_NUMBER)
        return convert_share(c, node, out);
    if (!convert_call(c, node, context, what, out))
        return false;
    gap_missing(c, node->span, GAP_DATA, what);
    return true;
}

/* 20 designs; also written designs(20). */
static bool convert_amount(Converter *c, const Node *node, const char *of, Str what,
                           SpecValue *out) {
    const char *unit = strcmp(of, "DESIGNS") == 0 ? "designs" : "images";
    Value value = {0};
    Rational number;
    if (node->kind == NODE_CALL)
        return convert_call(c, node, unit, what, out);
    value = evaluate(c->elab, node);
    if (value.kind == A_MISTAKE)
        return false;
    if (value.kind != A_NUMBER || !is_constant(&c->elab->folder, value.expr, &number) ||
        value.dimension != dimension_of(of))
        return mistake(c, node->span, "`%.*s` is %s: `512 %s`", STR_ARG(what),
                       dimension_name(dimension_of(of)), unit);
    if (!in_range(TYPE_COUNT, number))
        return mistake(c, node->span, "`%.*s` is a whole number of %s, from 1", STR_ARG(what),
                       unit);
    out->type = SPEC_CALL;
    out->text = str_of(unit);
    SpecItem *item = items_new(c, out, 1);
    *item = (SpecItem){.name = STR("count"), .span = node->span};
    item->value = (SpecValue){.type = SPEC_NUMBER, .span = node->span, .number = number};
    return true;
}

/* 1..5, or one. */
static bool convert_seeds(Converter *c, const Node *node, Str what, SpecValue *out) {
    if (node->kind == NODE_LIST) {
        static const ArgumentFacts seeds = {.name = "seeds", .type = TYPE_NATURAL, .of = ""};
        return convert_list(c, node, &seeds, out);
    }
    if (node->kind != NODE_RANGE)
        return convert_number(c, node, TYPE_NATURAL, "", what, out);
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_RANGE;
    if (node->c)
        return mistake(c, node->c->span, "seeds follow one another: `1..5`");
    if (!convert_number(c, node->a, TYPE_NATURAL, "", what, &items[0].value) ||
        !convert_number(c, node->b, TYPE_NATURAL, "", what, &items[1].value))
        return false;
    if (rational_compare(items[0].value.number, items[1].value.number) > 0)
        return mistake(c, node->span, "this range of seeds is empty");
    return true;
}

/* cross_entropy + 0.5 * dice */
static bool convert_sum(Converter *c, const Node *node, const char *of, Str what,
                        SpecValue *out) {
    bool sum = node->kind == NODE_BINARY && node->op == TOKEN_PLUS;
    bool product = node->kind == NODE_BINARY && node->op == TOKEN_STAR;
    if (!sum && !product)
        return convert_word(c, node, of, what, out);
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_OPERATE;
    out->text = node->text;
    items[0].value.span = node->a->span;
    items[1].value.span = node->b->span;
    bool left = sum ? convert_sum(c, node->a, of, what, &items[0].value)
                    : convert_number(c, node->a, TYPE_NUMBER, "", what, &items[0].value);
    bool right = sum ? convert_sum(c, node->b, of, what, &items[1].value)
                     : convert_word(c, node->b, of, what, &items[1].value);
    return left && right;
}

/* ---- fleets ------------------------------------------------------------------------------ */

static bool convert_device(Converter *c, const Node *node, SpecValue *out) {
    return convert_name(c, node, ITEM_DECL, "device", out);
}

/* 5 of jetson_orin */
static bool convert_member(Converter *c, const Node *node, SpecValue *out) {
    bool several = node->kind == NODE_SHARE;
    const Node *device = several ? node->b : node;
    if (node->kind == NODE_BINARY && node->op == TOKEN_STAR)
        return mistake(c, node->span, "several of one device: `5 of jetson_orin`");
    Rational number = several ? node->a->number : RATIONAL(1);
    if (!convert_device(c, device, out))
        return false;
    out->span = node->span;
    out->type = SPEC_SHARE;
    out->number = number;
    if (!several || (!node->a->dimension && in_range(TYPE_COUNT, number)))
        return true;
    return mistake(c, node->a->span, "a fleet has a whole number of each device, from 1");
}

/* A device, or a call. */
static bool convert_station(Converter *c, const Node *node, const char *context, Str what,
                            SpecValue *out) {
    bool call = node->kind == NODE_CALL ||
                (node->kind == NODE_NAME && call_facts_of(context, node->text));
    return call ? convert_call(c, node, context, what, out) : convert_device(c, node, out);
}

bool spec_convert(Converter *c, const Node *node, FactType type, const char *of, Str what,
                  SpecValue *out) {
    *out = (SpecValue){.span = node->span};
    if (node->kind == NODE_ERROR)
        return false;
    switch (type) {
    case TYPE_NUMBER:
    case TYPE_COUNT:
    case TYPE_NATURAL:
        return convert_number(c, node, type, of, what, out);
    case TYPE_STRING:
    case TYPE_TRUTH:
    case TYPE_FORMAT:
        return convert_constant(c, node, type, what, out);
    case TYPE_WORD:
        return convert_word(c, node, of, what, out);
    case TYPE_CALL:
        return convert_call(c, node, of, what, out);
    case TYPE_SHARE:
        return convert_share(c, node, out);
    case TYPE_RESULT:
        return convert_result(c, node, of, out);
    case TYPE_METRIC:
        return convert_metric(c, node, of, *of ? ROLE_OBJECTIVE : ROLE_CLAIM, out);
    case TYPE_LIMIT:
        return convert_limit(c, node, of, out);
    case TYPE_CLAIM:
        return convert_claim(c, node, out);
    case TYPE_RANK:
        return convert_rank(c, node, of, out);
    case TYPE_SWEEP:
        return convert_sweep(c, node, out);
    case TYPE_ARM:
        return convert_arm(c, node, out);
    case TYPE_SUM:
        return convert_sum(c, node, of, what, out);
    case TYPE_AMOUNT:
        return convert_amount(c, node, of, what, out);
    case TYPE_SEEDS:
        return convert_seeds(c, node, what, out);
    case TYPE_DATA:
        return convert_data(c, node, of, what, out);
    case TYPE_MEMBER:
        return convert_member(c, node, out);
    case TYPE_STATION:
        return convert_station(c, node, of, what, out);
    case TYPE_NETWORK:
        return convert_name(c, node, ITEM_NETWORK, "network", out);
    case TYPE_PRECISION:
        return convert_name(c, node, ITEM_PRECISION, "precision", out);
    case TYPE_TASK:
        return convert_name(c, node, ITEM_DECL, "task", out);
    case TYPE_DEVICE:
        return convert_device(c, node, out);
    case TYPE_FLEET:
        return convert_name(c, node, ITEM_DECL, "fleet", out);
    case TYPE_SEARCH:
        return convert_name(c, node, ITEM_DECL, "search", out);
    case TYPE_SPLIT:
        return convert_name(c, node, ITEM_DECL, "split", out);
    }
    return false;
}
