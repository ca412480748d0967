/* test_members.c: counts, uses, draws and repairs of legal members against enumeration of every
 * genotype, and what is known of spaces that are too large for it.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"
#include "tests/unit.h"

#include "tests/net/genotypes.h"

#include <math.h>

enum { MOST = 8 };

/* ---- random spaces with conditions of every kind ----------------------------------------- */

static ExprId of(Arena *arena, Space *space, ExprKind kind, ExprId a, ExprId b) {
    return expr_make(arena, space, kind, a, b, 0);
}

static ExprId constant(Arena *arena, Space *space, int64_t n, int64_t d) {
    Rational value;
    assert_true(rational_make(n, d, &value));
    return expr_constant(arena, space, value);
}

static void choice_add(Arena *arena, Space *space, int count, int64_t unit, ExprId active) {
    Rational *values = arena_array(arena, Rational, count);
    for (int v = 0; v < count; v++)
        values[v] = RATIONAL((v + 1) * unit);
    Choice choice = {.name = str_format(arena, "c%d", space->choices.count),
                     .count = count,
                     .values = values,
                     .active = active};
    vec_push(arena, &space->choices, choice);
}

/* A sum over some of the decisions, with factors, fractions and products among its terms. */
static ExprId sum_of(Arena *arena, Random *random, Space *space) {
    int most = random_below(random, 3) * 3; /* about so many terms */
    ExprId sum = constant(arena, space, random_below(random, 5) - 2, 1);
    for (int c = 0; c < space->choices.count; c++) {
        ExprId x = expr_choice(arena, space, c);
        if (random_below(random, space->choices.count) > most)
            continue;
        if (random_below(random, 3) == 0)
            x = of(arena, space, EXPR_MUL, x,
                   expr_choice(arena, space, random_below(random, space->choices.count)));
        if (random_below(random, 3) == 0)
            x = of(arena, space, EXPR_MUL, constant(arena, space, random_below(random, 7), 3),
                   x);
        if (random_below(random, 40) == 0)
            x = of(arena, space, EXPR_DIV, x,
                   of(arena, space, EXPR_SUB, expr_choice(arena, space, 0),
                      constant(arena, space, 1, 1)));
        sum = of(arena, space, random_below(random, 4) ? EXPR_ADD : EXPR_SUB, sum, x);
    }
    return sum;
}

static ExprId condition_of(Arena *arena, Random *random, Space *space, int depth) {
    static const ExprKind compares[] = {EXPR_LESS,       EXPR_LESS_EQUAL, EXPR_LESS,
                                        EXPR_LESS_EQUAL, EXPR_LESS,       EXPR_EQUAL};
    static const ExprKind connectives[] = {EXPR_AND, EXPR_OR, EXPR_NOT};
    if (depth == 0 || random_below(random, 2)) {
        ExprId sum = sum_of(arena, random, space);
        ExprKind compare = compares[random_below(random, 6)];
        Gene gene[MOST];
        Rational value; /* of some genotype, so that the condition is not absurd */
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(random, space->choices.at[c].count);
        if (!expr_value(space, sum, gene, &value))
            value = RATIONAL(5);
        ExprId limit = constant(arena, space, value.n, value.d);
        return random_below(random, 2) ? of(arena, space, compare, sum, limit)
                                       : of(arena, space, compare, limit, sum);
    }
    ExprKind kind = connectives[random_below(random, 3)];
    ExprId a = condition_of(arena, random, space, depth - 1);
    return of(arena, space, kind, a,
              kind == EXPR_NOT ? 0 : condition_of(arena, random, space, depth - 1));
}

static Space space_draw(Arena *arena, Random *random) {
    Space space = {.name = STR("random")};
    int choices = 1 + random_below(random, MOST), constraints = 1 + random_below(random, 3);
    for (int c = 0; c < choices; c++) {
        ExprId active = EXPR_NONE;
        if (c && random_below(random, 2))
            active = of(arena, &space, EXPR_LESS, constant(arena, &space, 1, 1),
                        expr_choice(arena, &space, random_below(random, c)));
        choice_add(arena, &space, 1 + random_below(random, 3), 1 + random_below(random, 3),
                   active);
    }
    for (int i = 0; i < constraints; i++) {
        Constraint constraint = {condition_of(arena, random, &space, 2), {0, 0}};
        vec_push(arena, &space.constraints, constraint);
    }
    return space;
}

/* ---- every genotype ---------------------------------------------------------------------- */

static bool is_member(const Space *space, const Gene *gene) {
    for (int c = 0; c < space->choices.count; c++)
        if (gene[c] && !expr_true(space, space->choices.at[c].active, gene))
            return false;
    return genotype_legal(space, gene);
}

typedef struct All {
    Gene (*member)[MOST];
    int count;
    bool used[MOST][4];
} All;

static All enumerate(Arena *arena, const Space *space) {
    All all = {arena_alloc(arena, sizeof(Gene[MOST]) * 6561), 0, {{false}}};
    Gene gene[MOST] = {0};
    do {
        if (!is_member(space, gene))
            continue;
        for (int c = 0; c < space->choices.count; c++)
            all.used[c][gene[c]] |= expr_true(space, space->choices.at[c].active, gene);
        memcpy(all.member[all.count++], gene, MOST);
    } while (next_genotype(space, gene));
    return all;
}

static int distance(const Space *space, const Gene *from, const Gene *to) {
    int changes = 0;
    for (int c = 0; c < space->choices.count; c++)
        changes += expr_true(space, space->choices.at[c].active, to) && from[c] != to[c];
    return changes;
}

static void members_are_those_of_enumeration(void **state) {
    (void)state;
    Random random = {5, 0, 0};
    int empty = 0, unused = 0, repaired = 0;
    for (int n = 0; n < 2000; n++) {
        Arena *arena = arena_new();
        Space space = space_draw(arena, &random);
        All all = enumerate(arena, &space);
        Members *members = members_new(arena, &space, NULL, 0);
        SpaceCount count = members_count(members);
        Gene gene[MOST] = {0};
        assert_true(count.exact);
        assert_string_equal(str_terminated(arena, count.digits),
                            str_format(arena, "%d", all.count).at);
        assert_int_equal(members_draw(members, &random, gene), all.count > 0);
        for (int c = 0; c < space.choices.count; c++)
            for (int v = 0; v < space.choices.at[c].count; v++) {
                MemberUse use = members_use(members, c, v);
                assert_int_equal(use, all.used[c][v] ? USE_SOME : USE_NONE);
                unused += use == USE_NONE;
            }
        for (int k = 0; k < 4 && all.count; k++) {
            Gene broken[MOST];
            for (int c = 0; c < space.choices.count; c++)
                gene[c] = (Gene)random_below(&random, space.choices.at[c].count);
            genotype_canonical(&space, gene);
            memcpy(broken, gene, MOST);
            assert_true(members_repair(members, &random, gene));
            assert_true(is_member(&space, gene));
            int least = MOST;
            for (int i = 0; i < all.count; i++)
                least = (int)min_i64(least, distance(&space, broken, all.member[i]));
            assert_int_equal(distance(&space, broken, gene), least);
            repaired += least > 0;
        }
        empty += all.count == 0;
        arena_free(arena);
    }
    printf("# %d empty, %d values of no member, %d repaired\n", empty, unused, repaired);
    assert_true(empty > 50 && unused > 1000 && repaired > 1000);
}

/* Chi-square over all members; the limit is 4.5 deviations above its mean. */
static void draws_are_even(void **state) {
    (void)state;
    Random random = {6, 0, 0};
    int tried = 0;
    for (int n = 0; tried < 40; n++) {
        Arena *arena = arena_new();
        Space space = space_draw(arena, &random);
        All all = enumerate(arena, &space);
        Members *members = members_new(arena, &space, NULL, 0);
        int draws = all.count * 50, *hits = arena_array(arena, int, all.count + 1);
        for (int d = 0; d < draws && all.count > 2 && all.count < 400; d++) {
            Gene gene[MOST] = {0};
            assert_true(members_draw(members, &random, gene));
            for (int i = 0; i < all.count; i++)
                hits[i] += !memcmp(all.member[i], gene, MOST);
        }
        double square = 0;
        for (int i = 0; i < all.count; i++)
            square += (hits[i] - 50.0) * (hits[i] - 50.0) / 50;
        if (all.count > 2 && all.count < 400) {
            assert_true(square < all.count - 1 + 4.5 * sqrt(2.0 * (all.count - 1)) + 5);
            tried++;
        }
        arena_free(arena);
    }
}

/* A conflict excludes, and none of its conditions can be left out. */
static bool is_empty_with(const Space *space, const int *conditions, int count, int without) {
    Gene gene[MOST] = {0};
    do {
        bool legal = true;
        for (int c = 0; c < space->choices.count; c++)
            legal = legal && (!gene[c] || expr_true(space, space->choices.at[c].active, gene));
        for (int i = 0; i < count; i++)
            legal = legal &&
                    (i == without ||
                     expr_true(space, space->constraints.at[conditions[i]].condition, gene));
        if (legal)
            return false;
    } while (next_genotype(space, gene));
    return true;
}

static void conflicts_are_minimal(void **state) {
    (void)state;
    Random random = {8, 0, 0};
    int several = 0, found = 0;
    for (int n = 0; n < 1500; n++) {
        Arena *arena = arena_new();
        Space space = space_draw(arena, &random);
        const int *conditions;
        int count = members_conflict(members_new(arena, &space, NULL, 0), -1, 0, &conditions);
        assert_int_equal(count > 0, enumerate(arena, &space).count == 0);
        if (count)
            assert_true(is_empty_with(&space, conditions, count, -1));
        for (int i = 0; i < count; i++)
            assert_false(is_empty_with(&space, conditions, count, i));
        several += count > 1;
        found += count > 0;
        arena_free(arena);
    }
    printf("# %d conflicts, %d of several conditions\n", found, several);
    assert_true(found > 100 && several > 50);
}

/* ---- large spaces ------------------------------------------------------------------------ */

/* Members of 60 decisions of 1 to 4 whose sum is at most 200, counted as polynomials
 * are multiplied. */
static void sums_are_counted_exactly(void **state) {
    (void)state;
    enum { CHOICES = 60, LIMIT = 200 };
    Arena *arena = arena_new();
    Space space = {.name = STR("sum")};
    ExprId sum = constant(arena, &space, 0, 1);
    unsigned __int128 ways[LIMIT + 1] = {1}, total = 0;
    for (int c = 0; c < CHOICES; c++) {
        unsigned __int128 next[LIMIT + 1] = {0};
        choice_add(arena, &space, 4, 1, EXPR_NONE);
        sum = of(arena, &space, EXPR_ADD, sum, expr_choice(arena, &space, c));
        for (int s = 0; s <= LIMIT; s++)
            for (int v = 1; v <= 4 && s + v <= LIMIT; v++)
                next[s + v] += ways[s];
        memcpy(ways, next, sizeof ways);
    }
    for (int s = 0; s <= LIMIT; s++)
        total += ways[s];
    Constraint limit = {
        of(arena, &space, EXPR_LESS_EQUAL, sum, constant(arena, &space, LIMIT, 1)), {0, 0}};
    vec_push(arena, &space.constraints, limit);
    SpaceCount count = space_count(arena, &space);
    char digits[50];
    int at = 49;
    for (digits[at] = 0; total; total /= 10)
        digits[--at] = (char)('0' + (int)(total % 10));
    assert_true(count.exact);
    assert_string_equal(str_terminated(arena, count.digits), digits + at);
    arena_free(arena);
}

/* Powers of two as terms: every sum is different, so no diagram is small. The members are the
 * numbers up to the limit. */
static void what_cannot_be_counted_is_bounded(void **state) {
    (void)state;
    enum { CHOICES = 44 };
    Arena *arena = arena_new();
    Space space = {.name = STR("powers")};
    ExprId sum = constant(arena, &space, 0, 1);
    int64_t most = 0x5a5a5a5a5a5;
    for (int c = 0; c < CHOICES; c++) {
        choice_add(arena, &space, 2, 1, EXPR_NONE);
        ExprId factor = constant(arena, &space, (int64_t)1 << (c * 29 % CHOICES), 1);
        ExprId bit = of(arena, &space, EXPR_SUB, expr_choice(arena, &space, c),
                        constant(arena, &space, 1, 1));
        sum = of(arena, &space, EXPR_ADD, sum, of(arena, &space, EXPR_MUL, bit, factor));
    }
    Constraint limit = {
        of(arena, &space, EXPR_LESS_EQUAL, sum, constant(arena, &space, most, 1)), {0, 0}};
    vec_push(arena, &space.constraints, limit);
    Members *members = members_new(arena, &space, NULL, 0);
    SpaceCount count = members_count(members);
    double exact = log10((double)(most + 1));
    printf("# %.3f is between %.3f and %.3f\n", exact, count.least_log10, count.log10);
    assert_false(count.exact);
    assert_true(count.log10 >= exact && count.log10 <= CHOICES * log10(2) &&
                count.least_log10 <= exact && count.least_log10 > exact - 1);
    Random random = {9, 0, 0};
    Gene gene[CHOICES];
    for (int n = 0; n < 100; n++) {
        assert_true(members_draw(members, &random, gene) && genotype_legal(&space, gene));
        for (int c = 0; c < CHOICES; c++)
            gene[c] = (Gene)random_below(&random, 2);
        assert_true(members_repair(members, &random, gene) && genotype_legal(&space, gene));
    }
    assert_int_equal(members_use(members, 3, 1), USE_NONE); /* 2^43 is too much by itself */
    assert_int_equal(members_use(members, 4, 1), USE_SOME);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_those_of_enumeration),
        cmocka_unit_test(draws_are_even),
        cmocka_unit_test(conflicts_are_minimal),
        cmocka_unit_test(sums_are_counted_exactly),
        cmocka_unit_test(what_cannot_be_counted_is_bounded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
