/* tables.c: the facts about declarations that kinds.def, keys.def, calls.def, results.def and
 * net/metrics.def state.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

enum { MINIMISE, MAXIMISE };
/* A share is a plain number, written as a percentage. */
#define DIMENSION_SHARE DIMENSION_NONE
enum { IS_NONE, IS_BYTES = 0, IS_TIME = 0, IS_ENERGY = 0, IS_SHARE = 1 };

const KeyFacts key_facts[] = {
#define KEY(KIND, key, type, many, of, initial, engine, documentation)                         \
    {DECL_##KIND, key, TYPE_##type, many, of, initial, engine, documentation},
#include "lang/keys.def"
#undef KEY
};
const int key_count = COUNT(key_facts);

const WordFacts word_facts[] = {
#define WORD(context, word, engine, documentation) {context, word, engine, documentation},
#include "lang/calls.def"
};
const int word_count = COUNT(word_facts);

const CallFacts call_facts[] = {
#define CALL(context, name, engine, documentation) {context, name, engine, documentation},
#include "lang/calls.def"
};
const int call_count = COUNT(call_facts);

const ArgumentFacts argument_facts[] = {
#define ARGUMENT(call, name, type, many, of, initial, engine, documentation)                   \
    {call, name, TYPE_##type, many, of, initial, engine, documentation},
#include "lang/calls.def"
};
const int argument_count = COUNT(argument_facts);

const GapFacts gap_facts[GAP_COUNT] = {
#define GAP(NAME, what, engine) {what, engine},
#include "lang/gaps.def"
#undef GAP
};

const MetricFacts metric_facts[] = {
#define METRIC(NAME, name, dimension, better, documentation)                                   \
    {name, DIMENSION_##dimension, IS_##dimension, better, OF_BOTH, ROLE_OBJECTIVE,             \
     "",   documentation},
#include "net/metrics.def"
#undef METRIC
#define RESULT(name, dimension, better, of, role, engine, documentation)                       \
    {name,    DIMENSION_##dimension, IS_##dimension, better,                                   \
     OF_##of, ROLE_##role,           engine,         documentation},
#include "lang/results.def"
};
const int metric_count = COUNT(metric_facts);

const KindFacts kind_facts[DECL_KINDS] = {
#define KIND(NAME, word, of, over, engine, documentation)                                      \
    {word, of, over, engine, documentation},
#include "lang/kinds.def"
#undef KIND
};

const char *fact_type_name(FactType type) {
    static const char *const names[] = {
        [TYPE_STRING] = "a string",
        [TYPE_NUMBER] = "a number",
        [TYPE_COUNT] = "a whole number, from 1",
        [TYPE_NATURAL] = "a whole number, from 0",
        [TYPE_TRUTH] = "true or false",
        [TYPE_FORMAT] = "a format",
        [TYPE_WORD] = "a word",
        [TYPE_CALL] = "a call",
        [TYPE_SHARE] = "a share such as 10 % of train",
        [TYPE_RESULT] = "the name of a network, or a result such as frontier.knee",
        [TYPE_METRIC] = "a metric",
        [TYPE_LIMIT] = "a limit such as ram <= 16 KiB",
        [TYPE_NETWORK] = "the name of a network",
        [TYPE_PRECISION] = "the name of a precision",
        [TYPE_TASK] = "the name of a task",
        [TYPE_DEVICE] = "the name of a device",
        [TYPE_FLEET] = "the name of a fleet",
        [TYPE_SEARCH] = "the name of a search",
        [TYPE_SPLIT] = "the name of a split",
        [TYPE_SUM] = "a word, or a sum such as cross_entropy + 0.5 * dice",
        [TYPE_AMOUNT] = "an amount",
        [TYPE_SEEDS] = "a seed, or a range such as 1..5",
        [TYPE_DATA] = "a share such as 10 % of train, or a source",
        [TYPE_RANK] = "a metric at a format, such as accuracy at f32",
        [TYPE_CLAIM] = "a comparison such as a.accuracy >= b.accuracy + 1 %",
        [TYPE_SWEEP] = "a metric and values, such as memory in [16 KiB, 32 KiB]",
        [TYPE_ARM] = "a search, a split, or a call",
        [TYPE_MEMBER] = "a device, or several such as 5 of jetson_orin",
        [TYPE_STATION] = "a device, or a link"};
    return names[type];
}

int decl_kind_of(Str word) {
    for (int k = 0; k < DECL_KINDS; k++)
        if (str_equal(word, str_of(kind_facts[k].word)))
            return k;
    return -1;
}

const MetricFacts *metric_of(Str name) {
    for (int i = 0; i < metric_count; i++)
        if (str_equal(name, str_of(metric_facts[i].name)))
            return &metric_facts[i];
    return NULL;
}

const char *metric_meant(Str name) {
    static const struct {
        const char *elsewhere, *here;
    } names[] = {
#define ELSEWHERE(word, metric) {word, metric},
#include "lang/results.def"
    };
    for (int i = 0; i < COUNT(names); i++)
        if (str_equal(name, str_of(names[i].elsewhere)))
            return names[i].here;
    return NULL;
}

const CallFacts *call_of(Str name) {
    for (int i = 0; i < call_count; i++)
        if (str_equal(name, str_of(call_facts[i].name)))
            return &call_facts[i];
    return NULL;
}

const CallFacts *call_facts_of(const char *context, Str name) {
    for (int i = 0; i < call_count; i++)
        if (strcmp(call_facts[i].context, context) == 0 &&
            str_equal(name, str_of(call_facts[i].name)))
            return &call_facts[i];
    return NULL;
}

Dimension dimension_of(const char *name) {
    static const char *const names[] = {
#define DIMENSION(NAME, shown) [DIMENSION_##NAME] = #NAME,
#include "lang/units.def"
    };
    for (int d = 0; d < COUNT(names); d++)
        if (strcmp(names[d], name) == 0)
            return (Dimension)d;
    return DIMENSION_NONE;
}

const WordFacts *word_facts_of(const char *context, Str word) {
    for (int i = 0; i < word_count; i++)
        if (strcmp(word_facts[i].context, context) == 0 &&
            str_equal(word, str_of(word_facts[i].word)))
            return &word_facts[i];
    return NULL;
}

int word_names(const char *context, Str *out, int limit) {
    int count = 0;
    for (int i = 0; i < word_count && count < limit; i++)
        if (strcmp(word_facts[i].context, context) == 0)
            out[count++] = str_of(word_facts[i].word);
    return count;
}
