/* test_feasible.c: what is said of all legal members of elaborated spaces, against every member
 * made: their number, parameters, multiplications and weights at least and at most, values that
 * none takes, with limits and without.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "tests/net/genotypes.h"

#include "lang/lang.h"
#include "tests/lang/random_spec.h"

enum { MOST_GENOTYPES = 40000 };

static const Space *space_read(Arena *arena, Str text) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("test.nas"), text, (LangOptions){0});
    return error_count(diagnostics) ? NULL : spec_space(spec, STR("n"), (Str){"", 0});
}

/* Weights in bytes, packed operator by operator. */
static int64_t net_weight_bytes(const Net *net) {
    int64_t bytes = 0;
    for (int i = 1; i < net->count; i++) {
        if (operator_facts[net->ops[i].kind].weights != WEIGHTED)
            continue;
        int64_t weights = (int64_t)shape_channels(net->ops[i].shape) * op_fan_in(net, i);
        if (op_fan_in(net, i) == 0)
            weights = op_parameters(net, i);
        bytes += (weights * format_bits(net->ops[i].weights) + 7) / 8;
    }
    return bytes;
}

/* What enumeration finds of the members within a limit on parameters. */
typedef struct Found {
    int64_t members, low[SUM_COUNT], high[SUM_COUNT];
    bool *used; /* (choices, 256) */
} Found;

static bool sums_of(const Space *space, const Gene *gene, int64_t *sum) {
    Arena *arena = arena_new();
    Net net;
    Span span;
    Str why;
    bool made = space_instantiate(arena, space, gene, &net, &span, &why);
    if (made) {
        sum[SUM_PARAMETERS] = net_parameters(&net);
        sum[SUM_MACS] = net_macs(&net);
        sum[SUM_WEIGHT_BYTES] = net_weight_bytes(&net);
    }
    arena_free(arena);
    return made;
}

static bool is_member(const Space *space, const Gene *gene) {
    for (int c = 0; c < space->choices.count; c++)
        if (gene[c] && !expr_true(space, space->choices.at[c].active, gene))
            return false;
    return genotype_legal(space, gene);
}

static Found enumerate(Arena *arena, const Space *space, int64_t limit) {
    Found found = {.used = arena_array(arena, bool, space->choices.count * 256 + 1)};
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    do {
        int64_t sum[SUM_COUNT];
        if (!is_member(space, gene))
            continue;
        assert_true(sums_of(space, gene, sum));
        if (sum[SUM_PARAMETERS] > limit)
            continue;
        for (int s = 0; s < SUM_COUNT; s++) {
            bool first = found.members == 0;
            found.low[s] = first ? sum[s] : min_i64(found.low[s], sum[s]);
            found.high[s] = first ? sum[s] : max_i64(found.high[s], sum[s]);
        }
        for (int c = 0; c < space->choices.count; c++)
            found.used[c * 256 + gene[c]] |=
                expr_true(space, space->choices.at[c].active, gene);
        found.members++;
    } while (next_genotype(space, gene));
    return found;
}

static void require_found(Arena *arena, const Space *space, const Found *found,
                          Members *members) {
    SpaceCount count = members_count(members);
    assert_true(count.exact);
    assert_string_equal(str_terminated(arena, count.digits),
                        str_format(arena, "%lld", (long long)found->members).at);
    for (int s = 0; s < SUM_COUNT; s++) {
        SumBounds bounds;
        assert_int_equal(members_sum(members, (SpaceSum)s, &bounds), found->members > 0);
        if (!found->members)
            continue;
        assert_true(bounds.exact);
        assert_int_equal(bounds.low, found->low[s]);
        assert_int_equal(bounds.high, found->high[s]);
    }
    for (int c = 0; c < space->choices.count; c++)
        for (int v = 0; v < space->choices.at[c].count; v++)
            assert_int_equal(members_use(members, c, v),
                             found->used[c * 256 + v] ? USE_SOME : USE_NONE);
}

static void require_draws(const Space *space, Members *members, int64_t limit, int seed) {
    Gene gene[512];
    Random random = {(uint64_t)seed, 77, 0};
    for (int n = 0; n < 5; n++) {
        int64_t sum[SUM_COUNT];
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        assert_true(n % 2 ? members_draw(members, &random, gene)
                          : members_repair(members, &random, gene));
        assert_true(is_member(space, gene) && sums_of(space, gene, sum));
        assert_true(sum[SUM_PARAMETERS] <= limit);
    }
}

static int64_t genotypes(const Space *space) {
    int64_t all = 1;
    for (int c = 0; c < space->choices.count && all <= MOST_GENOTYPES; c++)
        all *= space->choices.at[c].count;
    return all;
}

static void sums_are_those_of_enumeration(void **state) {
    (void)state;
    int spaces = 0, limited = 0, conditions = 0;
    for (int seed = 0; seed < 800; seed++) {
        Arena *arena = arena_new();
        SpecRecipe recipe = spec_recipe_draw((uint64_t)seed, 60 + seed % 100, true, 2000);
        const Space *space = space_read(arena, spec_recipe_text(arena, &recipe));
        if (space && space->choices.count && genotypes(space) <= MOST_GENOTYPES) {
            Found found = enumerate(arena, space, INT64_MAX);
            require_found(arena, space, &found, members_new(arena, space, NULL, 0));
            SumLimit limit = {SUM_PARAMETERS,
                              (found.low[SUM_PARAMETERS] + found.high[SUM_PARAMETERS]) / 2 -
                                  (seed % 5 == 0 ? found.high[SUM_PARAMETERS] : 0),
                              {0, 0}};
            Found within = enumerate(arena, space, limit.most);
            Members *members = members_new(arena, space, &limit, 1);
            require_found(arena, space, &within, members);
            if (within.members)
                require_draws(space, members, limit.most, seed);
            spaces++;
            limited += within.members < found.members;
            conditions += space->constraints.count > 0;
        }
        arena_free(arena);
    }
    printf("# %d spaces, %d with members beyond the limit, %d with conditions\n", spaces,
           limited, conditions);
    assert_true(spaces > 100 && limited > 50 && conditions > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_enumeration),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
