/* words.c: words that a parameter lists, and things that have a name and no number: which of
 * them a decision takes is known only member by member.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- words ------------------------------------------------------------------------------- */

static int word_index(const Words *words, Str text) {
    for (int i = 0; i < words->count; i++)
        if (str_equal(words->at[i], text))
            return i;
    return -1;
}

bool words_have(const Words *words, Str text) {
    return word_index(words, text) >= 0;
}

const Words *value_words(Value value) {
    return value.kind == A_CHOSEN ? value_words(value.items[0]) : value.words;
}

Value word_value(const Words *words, Str text, Span span) {
    return (Value){.kind = A_WORD, .text = text, .words = words, .span = span};
}

/* "`max` or `average`" */
static Str words_list(Arena *arena, const Words *words) {
    Text text = text_new(arena);
    for (int i = 0; i < words->count; i++)
        text_add(&text, "%s`%.*s`",
                 i == 0                 ? ""
                 : i < words->count - 1 ? ", "
                                        : " or ",
                 STR_ARG(words->at[i]));
    return text_str(&text);
}

void report_word(Elab *elab, const Words *words, Str text, Span span) {
    Str nearest = str_nearest(text, words->at, words->count);
    elab_error(elab, span, "`%.*s` is %.*s, not `%.*s`%s%.*s%s", STR_ARG(words->of),
               STR_ARG(words_list(elab->arena, words)), STR_ARG(text),
               nearest.length ? "; did you mean `" : "", STR_ARG(nearest),
               nearest.length ? "`?" : "");
}

/* What came out as a word of these: a thing of that name becomes the word. */
static Value conform(Elab *elab, Value value, const Words *words) {
    if (value.kind == A_MISTAKE)
        return value;
    if (value.kind == A_CHOSEN && value_words(value)) {
        Value chosen = value;
        chosen.items = arena_array(elab->arena, Value, value.count);
        for (int i = 0; i < value.count; i++) {
            chosen.items[i] = conform(elab, value.items[i], words);
            if (chosen.items[i].kind == A_MISTAKE)
                return chosen.items[i];
        }
        return chosen;
    }
    bool named = is_thing(value) && value.kind != A_STRING && value.kind != A_CHOSEN;
    if (named && words_have(words, thing_name(value)))
        return word_value(words, thing_name(value), value.span);
    if (named)
        report_word(elab, words, thing_name(value), value.span);
    else
        elab_error(elab, value.span, "`%.*s` is %.*s, and this is %.*s", STR_ARG(words->of),
                   STR_ARG(words_list(elab->arena, words)),
                   STR_ARG(value_describe(elab, value)));
    return value_mistake(value.span);
}

Value evaluate_word(Elab *elab, const Node *node, const Words *words, Str hint) {
    const Words *saved = elab->words;
    elab->words = words;
    Value value = evaluate_as(elab, node, hint);
    elab->words = saved;
    return words->count ? conform(elab, value, words) : value;
}

/* ---- things ------------------------------------------------------------------------------ */

bool is_callable(Value value) {
    if (value.kind == A_CHOSEN)
        return is_callable(value.items[0]);
    return value.kind == A_BLOCK || value.kind == A_OPERATOR || value.kind == A_FUNCTION;
}

/* Things of one class can stand for each other; 0: this is none. */
static int class_of(Value value) {
    if (value.kind == A_CHOSEN)
        return class_of(value.items[0]);
    return is_callable(value)       ? 1
           : value.kind == A_WORD   ? 2
           : value.kind == A_STRING ? 3
           : value.kind == A_LIST   ? 4
                                    : 0;
}

bool is_thing(Value value) {
    return class_of(value) > 0 && class_of(value) < 4;
}

bool things_alike(const Value *values, int count) {
    for (int i = 1; i < count; i++)
        if (class_of(values[i]) != class_of(values[0]))
            return false;
    return true;
}

Str thing_name(Value value) {
    return value.kind == A_BLOCK ? value.block->name : value.text;
}

static bool same_thing(Value a, Value b) {
    if (a.kind == A_LIST || b.kind == A_LIST)
        return a.kind == b.kind && a.items == b.items;
    return a.kind == b.kind && str_equal(thing_name(a), thing_name(b)) && a.block == b.block;
}

ExprId chosen_taken(Elab *elab, Value chosen, int i) {
    return fold(&elab->folder, EXPR_EQUAL, chosen.expr, fold_integer(&elab->folder, i),
                EXPR_NONE);
}

Value chosen_value(ExprId which, Value *items, int count, Span span) {
    return (Value){
        .kind = A_CHOSEN, .expr = which, .items = items, .count = count, .span = span};
}

/* Puts what may be taken into the list, each once; returns the number of the one taken. */
static ExprId chosen_add(Elab *elab, Value value, Value *items, int *count) {
    int parts = value.kind == A_CHOSEN ? value.count : 1;
    ExprId number = EXPR_NONE;
    for (int i = parts - 1; i >= 0; i--) {
        Value item = value.kind == A_CHOSEN ? value.items[i] : value;
        int at = 0;
        while (at < *count && !same_thing(items[at], item))
            at++;
        items[at] = item;
        *count += at == *count;
        ExprId here = fold_integer(&elab->folder, at);
        number = i == parts - 1
                     ? here
                     : fold(&elab->folder, EXPR_IF, chosen_taken(elab, value, i), here, number);
        if (!number)
            return EXPR_NONE;
    }
    return number;
}

/* condition ? yes : no, of things of one class. A_MISTAKE, unreported: of no class. */
Value chosen_merge(Elab *elab, ExprId condition, Value yes, Value no, Span span) {
    if (class_of(yes) == 0 || class_of(yes) != class_of(no))
        return value_mistake(span);
    int most = (yes.kind == A_CHOSEN ? yes.count : 1) + (no.kind == A_CHOSEN ? no.count : 1);
    Value *items = arena_array(elab->arena, Value, most);
    int count = 0;
    ExprId a = chosen_add(elab, yes, items, &count), b = chosen_add(elab, no, items, &count);
    ExprId which = a && b ? fold(&elab->folder, EXPR_IF, condition, a, b) : EXPR_NONE;
    if (!steps_take(elab, most, span) || !which) {
        elab_error(elab, span, "%s", elab->folder.why);
        return value_mistake(span);
    }
    return count == 1 ? items[0] : chosen_value(which, items, count, span);
}

Value chosen_item(Elab *elab, Value lists, int k, ExprId *has) {
    Value item = {.kind = A_MISTAKE};
    ExprId any = fold_integer(&elab->folder, 0);
    for (int i = lists.count - 1; i >= 0; i--) {
        if (k >= lists.items[i].count)
            continue;
        ExprId taken = chosen_taken(elab, lists, i);
        Value here = lists.items[i].items[k];
        item = is_false(&elab->folder, any) ? here
                                            : value_merge(elab, taken, here, item, lists.span);
        any = fold2(elab, EXPR_OR, any, taken);
    }
    *has = any ? any : fold_integer(&elab->folder, 0);
    return item;
}

/* Whether the two are the same thing. */
ExprId things_equal(Elab *elab, Value a, Value b) {
    if (a.kind != A_CHOSEN && b.kind == A_CHOSEN)
        return things_equal(elab, b, a);
    if (a.kind != A_CHOSEN)
        return fold_integer(&elab->folder, same_thing(a, b));
    ExprId any = fold_integer(&elab->folder, 0);
    for (int i = 0; i < a.count && any; i++) {
        ExprId equal = things_equal(elab, a.items[i], b);
        ExprId both = fold2(elab, EXPR_AND, chosen_taken(elab, a, i), equal);
        any = fold2(elab, EXPR_OR, any, both);
    }
    return any;
}

/* The number of the word among those that may stand here. */
ExprId word_number(Elab *elab, Value value) {
    if (value.kind == A_WORD)
        return fold_integer(&elab->folder, word_index(value.words, value.text));
    ExprId number = word_number(elab, value.items[value.count - 1]);
    for (int i = value.count - 2; i >= 0 && number; i--)
        number = fold(&elab->folder, EXPR_IF, chosen_taken(elab, value, i),
                      word_number(elab, value.items[i]), number);
    return number;
}
