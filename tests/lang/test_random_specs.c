/* What the checker says of random files against brute force: `check` accepts exactly those whose
 * every legal member can be built, and of which there is one.
 *
 * RANDOM_SPECS=n tries so many instead of 2000; RANDOM_SEED=n begins there; RANDOM_SHOW=1 shows
 * them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "tests/lang/random_spec.h"

#include "lang/lang.h"

typedef enum { RIGHT, WRONG, EMPTY, TOO_MANY, UNREADABLE, VERDICTS } Verdict;
static const char *const verdict_names[VERDICTS] = {
    "every legal member can be built", "a legal member cannot be built", "no member is legal",
    "too many members", "not even elaborated"};

typedef struct Trial {
    Str text;
    const Diagnostics *diagnostics;
    bool valid;
    int most; /* members */
    int64_t members, legal;
    char why[120]; /* a member cannot be built */
} Trial;

static Spec *text_read(Arena *arena, Str text, LangOptions options, Diagnostics **diagnostics) {
    *diagnostics = diagnostics_new(arena);
    return spec_read_text(arena, *diagnostics, STR("random.nas"), text, options);
}

/* ---- brute force ------------------------------------------------------------------------- */

/* The next member in the order of its genes; decisions that are not reached stay at 0. */
static bool member_next(const Space *space, Gene *gene) {
    for (int c = space->choices.count - 1; c >= 0; c--) {
        bool reached = expr_true(space, space->choices.at[c].active, gene);
        if (reached && ++gene[c] < space->choices.at[c].count)
            return true;
        gene[c] = 0;
    }
    return false;
}

/* Whether the select stands for an iteration that may be skipped: its place is the count of a
 * `repeat`. */
static bool is_loop(const Diagnostics *diagnostics, const SpaceOp *op) {
    static const char word[] = "repeat ";
    int length = (int)strlen(word);
    return op->kind == OP_SELECT &&
           strncmp(span_text(diagnostics, op->span).at - length, word, (size_t)length) == 0;
}

/* The rule of loops: an iteration that some members skip keeps the shape where it runs. */
static bool keeps_shapes(const Space *space, const Diagnostics *diagnostics, const Gene *gene) {
    for (int i = 0; i < space->ops.count; i++) {
        const SpaceOp *op = &space->ops.at[i];
        Rational runs, before, after;
        if (!is_loop(diagnostics, op) || !expr_true(space, op->active, gene) ||
            !expr_value(space, op->select, gene, &runs) || runs.n == 0)
            continue;
        for (int d = 0; d < op->rank; d++)
            if (!expr_value(space, space->ops.at[op->input[0]].shape[d], gene, &before) ||
                !expr_value(space, space->ops.at[op->input[1]].shape[d], gene, &after) ||
                rational_compare(before, after) != 0)
                return false;
    }
    return true;
}

static bool is_float(Format format) {
    return format == FORMAT_F16 || format == FORMAT_F32;
}

/* Who answers in floats has weights of floats; who answers in integers reads none. */
static bool floats_keep_apart(const Net *net) {
    for (int i = 1; i < net->count; i++) {
        const Op *op = &net->ops[i];
        if (operator_facts[op->kind].weights == WEIGHTED && is_float(op->output) &&
            !is_float(op->weights))
            return false;
        for (int k = 0; k < op->inputs; k++)
            if (is_float(net->ops[op->input[k]].output) && !is_float(op->output))
                return false;
    }
    return true;
}

static bool member_stands(Arena *arena, const Trial *trial, const Space *space,
                          const Gene *gene, Str *why) {
    const SpaceOp *output = &space->ops.at[space->output];
    Net net;
    Span span;
    *why = STR("a loop changes a shape");
    if (!keeps_shapes(space, trial->diagnostics, gene) ||
        !space_instantiate(arena, space, gene, &net, &span, why))
        return false;
    const char *fault = net_check(&net);
    if (!fault && !floats_keep_apart(&net))
        fault = "floats meet integers";
    *why = fault ? str_of(fault) : STR("the result is not what was declared");
    /* `-> [4]`: the number after the arrow. */
    const char *declared = strstr(trial->text.at, "-> [");
    Shape shape = net.ops[net.output].shape;
    return !fault && output->rank == 1 && shape.rank == 1 && shape.dim[0] == atoi(declared + 4);
}

static Verdict members_try(Trial *trial, const Space *space) {
    Arena *arena = arena_new(), *scratch = arena_new();
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    Verdict verdict = EMPTY;
    do {
        if (++trial->members > trial->most) {
            verdict = TOO_MANY;
            break;
        }
        if (!genotype_legal(space, gene))
            continue;
        trial->legal++;
        Str why;
        bool stands = member_stands(scratch, trial, space, gene, &why);
        if (!stands)
            snprintf(trial->why, sizeof trial->why, "%.*s", STR_ARG(why));
        verdict = verdict == WRONG || !stands ? WRONG : RIGHT;
        arena_reset(scratch);
    } while (member_next(space, gene));
    arena_free(scratch);
    arena_free(arena);
    return verdict;
}

/* A condition that is false of itself is found before there are members. */
static bool says_empty(Arena *arena, const Diagnostics *diagnostics) {
    Str said = diagnostics_json(diagnostics, arena);
    return strstr(str_terminated(arena, said), "no member satisfies this condition") != NULL;
}

static Verdict brute_force(Trial *trial, Str text) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics;
    Spec *spec = text_read(arena, text, (LangOptions){.unproven = true}, &diagnostics);
    const Space *space = spec_space(spec, STR("n"), (Str){"", 0});
    trial->text = text;
    trial->diagnostics = diagnostics;
    trial->members = trial->legal = 0;
    Verdict verdict = says_empty(arena, diagnostics)       ? EMPTY
                      : !space || error_count(diagnostics) ? UNREADABLE
                                                           : members_try(trial, space);
    if (verdict == UNREADABLE && getenv("RANDOM_SHOW"))
        diagnostics_print(diagnostics, stdout, 0);
    arena_free(arena);
    return verdict;
}

static bool accepted(Str text, bool show) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics;
    text_read(arena, text, (LangOptions){0}, &diagnostics);
    bool right = error_count(diagnostics) == 0;
    if (show)
        diagnostics_print(diagnostics, stdout, 0);
    arena_free(arena);
    return right;
}

/* ---- trials ------------------------------------------------------------------------------ */

/* Whether the checker and brute force disagree about the recipe. */
static bool disagrees(void *context, const SpecRecipe *recipe) {
    Trial *trial = context;
    Arena *arena = arena_new();
    Str text = spec_recipe_text(arena, recipe);
    Verdict verdict = brute_force(trial, text);
    bool decided = verdict != TOO_MANY && verdict != UNREADABLE;
    bool differs = decided && accepted(text, false) != (verdict == RIGHT);
    arena_free(arena);
    return differs;
}

static void report(Trial *trial, SpecRecipe recipe, int seed) {
    Arena *arena = arena_new();
    recipe = spec_recipe_shrink(recipe, disagrees, trial);
    Str text = spec_recipe_text(arena, &recipe);
    Verdict verdict = brute_force(trial, text);
    printf("# seed %d: %s (%s), but the checker says otherwise of\n%.*s", seed,
           verdict_names[verdict], verdict == WRONG ? trial->why : "", STR_ARG(text));
    accepted(text, true);
    arena_free(arena);
}

static Verdict trial_run(Trial *trial, int seed, int *disagreements) {
    static const int lengths[] = {30, 80, 160, 300};
    SpecRecipe recipe =
        spec_recipe_draw((uint64_t)seed, lengths[seed % 4], trial->valid, trial->most);
    Arena *arena = arena_new();
    Str text = spec_recipe_text(arena, &recipe);
    Verdict verdict = brute_force(trial, text);
    if (getenv("RANDOM_SHOW"))
        printf("# seed %d: %s, %lld members, %lld legal\n%.*s", seed, verdict_names[verdict],
               (long long)trial->members, (long long)trial->legal, STR_ARG(text));
    bool decided = verdict != TOO_MANY && verdict != UNREADABLE;
    if (decided && accepted(text, false) != (verdict == RIGHT)) {
        ++*disagreements;
        report(trial, recipe, seed);
    }
    arena_free(arena);
    return verdict;
}

static int number_of(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    return text ? atoi(text) : otherwise;
}

static void trials_run(bool valid, int share, int seen[VERDICTS]) {
    int wanted = number_of("RANDOM_SPECS", 2000) / share, seed = number_of("RANDOM_SEED", 1);
    Trial trial = {.valid = valid, .most = 10000};
    int disagreements = 0, decided = 0;
    double members = 0;
    for (; decided < wanted; seed++) {
        Verdict verdict = trial_run(&trial, seed, &disagreements);
        seen[verdict]++;
        decided += verdict != TOO_MANY && verdict != UNREADABLE;
        members += (double)trial.members;
    }
    for (int v = 0; v < VERDICTS; v++)
        printf("# %d: %s\n", seen[v], verdict_names[v]);
    printf("# %.0f members in all, %d disagreements\n", members, disagreements);
    assert_int_equal(disagreements, 0);
}

static void checks_agree_with_brute_force(void **state) {
    (void)state;
    int seen[VERDICTS] = {0};
    trials_run(false, 1, seen);
    assert_true(seen[RIGHT] > 20 && seen[WRONG] > 20 && seen[EMPTY] > 0);
    assert_true(seen[UNREADABLE] * 100 < seen[RIGHT]);
}

/* What is meant to be right by construction is. */
static void valid_texts_are_right(void **state) {
    (void)state;
    int seen[VERDICTS] = {0};
    trials_run(true, 4, seen);
    assert_int_equal(seen[WRONG] + seen[EMPTY] + seen[UNREADABLE], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_agree_with_brute_force),
        cmocka_unit_test(valid_texts_are_right),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
