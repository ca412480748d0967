/* test_strategies.c: NSGA-II and random search on spaces whose true front is known.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

#include <math.h>

enum { SEEDS = 11 };

static const char SEQUENCE[] = "db4b007b8acc1e78397a81563e435229";

static int double_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The median over seeds of the part of the true hypervolume that a strategy finds. */
static double found(MakeBench *make, const char *strategy, int population, int designs) {
    double part[SEEDS], reference[MAX_OBJECTIVES];
    Arena *arena = arena_new();
    Bench *bench = make(arena);
    Archive *all = exhaust(arena, bench);
    reference_of(all, bench->problem.objectives, reference);
    double whole = archive_hypervolume(all, reference);
    for (int i = 0; i < SEEDS; i++) {
        SearchPlan plan = search_plan_default();
        plan.population = population;
        plan.designs = designs;
        plan.seed = (uint64_t)i + 1;
        Archive *archive = search(arena, bench, strategy, &plan);
        assert_int_equal(archive_count(archive), designs);
        part[i] = archive_hypervolume(archive, reference) / whole;
    }
    arena_free(arena);
    qsort(part, SEEDS, sizeof *part, double_compare);
    return part[SEEDS / 2];
}

static void check_found(const char *name, MakeBench *make, int population, int designs) {
    double evolved = found(make, "nsga2", population, designs);
    double drawn = found(make, "random", population, designs);
    printf("# %s, %d designs: nsga2 %.4f, random %.4f of the hypervolume\n", name, designs,
           evolved, drawn);
    assert_true(evolved >= 0.98);
    assert_true(drawn < evolved);
}

static void test_layers(void **state) {
    (void)state;
    check_found("layers", layers, 40, 1200);
}

static void test_pairs(void **state) {
    (void)state;
    check_found("pairs", pairs, 60, 4800);
}

static void test_depths(void **state) {
    (void)state;
    check_found("depths", depths, 20, 300);
}

static void test_traps(void **state) {
    (void)state;
    check_found("traps", traps, 40, 2000);
}

/* ---- what was asked of the judge
 * ---------------------------------------------------------------- */

static SearchPlan plan_of(int population, int designs, uint64_t seed) {
    SearchPlan plan = search_plan_default();
    plan.population = population;
    plan.designs = designs;
    plan.seed = seed;
    return plan;
}

/* Every design asked for is canonical, legal and asked for once. */
static void check_asked(const Bench *bench) {
    Arena *arena = arena_new();
    Map *seen = map_new(arena);
    int genes = bench->problem.genes;
    for (int i = 0; i < bench->asked.count; i++) {
        uint8_t *asked = bench->asked.at[i], again[GENES_MAX];
        memcpy(again, asked, (size_t)genes);
        bench_canonical((void *)(uintptr_t)bench, again);
        assert_memory_equal(asked, again, (size_t)genes);
        assert_true(bench_legal((void *)(uintptr_t)bench, asked));
        Str key = {(const char *)asked, genes};
        assert_false(map_get(seen, key, NULL));
        map_put(seen, key, i);
        for (int g = 0; g < genes; g++)
            assert_true(asked[g] < bench->cardinality[g]);
    }
    arena_free(arena);
}

static void test_asked(void **state) {
    (void)state;
    MakeBench *const makes[] = {layers, pairs, depths, traps};
    for (int m = 0; m < COUNT(makes); m++)
        for (int s = 0; s < strategy_count; s++) {
            Arena *arena = arena_new();
            Bench *bench = makes[m](arena);
            SearchPlan plan = plan_of(33, 1000, 5);
            search(arena, bench, strategies[s].name, &plan);
            assert_int_equal(bench->asked.count, 1000);
            check_asked(bench);
            arena_free(arena);
        }
}

/* Budgets and populations of any size, and spaces with fewer designs than the budget. */
static void test_sizes(void **state) {
    (void)state;
    static const int populations[] = {0, 2, 3, 5, 50, 1000}, budgets[] = {1, 2, 7, 500, 20000};
    Arena *arena = arena_new();
    int whole = archive_count(exhaust(arena, depths(arena)));
    assert_true(whole < 20000);
    for (int p = 0; p < COUNT(populations); p++)
        for (int b = 0; b < COUNT(budgets); b++)
            for (int s = 0; s < strategy_count; s++) {
                Arena *run = arena_new();
                Bench *bench = depths(run);
                SearchPlan plan = plan_of(populations[p], budgets[b], 3);
                int count = archive_count(search(run, bench, strategies[s].name, &plan));
                assert_int_equal(count, budgets[b] < whole ? budgets[b] : whole);
                check_asked(bench);
                arena_free(run);
            }
    arena_free(arena);
}

/* A space of one design, a space of none, and one so large that it cannot be counted but of
 * which little is legal. */
static bool few_legal(const uint8_t *genes) {
    int sum = 0;
    for (int i = 4; i < GENES_MAX; i++)
        sum += genes[i];
    return sum == 0;
}

static void few_canonical(uint8_t *genes) {
    memset(genes + 4, 0, GENES_MAX - 4);
}

static bool none_legal(const uint8_t *genes) {
    (void)genes;
    return false;
}

static void sum_judge(const uint8_t *genes, Worth *worth) {
    worth->feasible = true;
    worth->objective[0] = genes[0];
    worth->objective[1] = -genes[0];
}

static int count_found(const char *strategy, int genes, int values,
                       bool (*legal)(const uint8_t *), void (*canonical)(uint8_t *)) {
    Arena *arena = arena_new();
    Bench *bench = bench_new(arena, genes, 2, 0, sum_judge);
    for (int i = 0; i < genes; i++)
        gene_is(bench, i, values, i % 2, i / 3);
    bench->legal = legal;
    bench->canonical = canonical;
    SearchPlan plan = plan_of(10, 5000, 1);
    int count = archive_count(search(arena, bench, strategy, &plan));
    arena_free(arena);
    return count;
}

static void test_odd_spaces(void **state) {
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        const char *name = strategies[s].name;
        assert_int_equal(count_found(name, 3, 1, NULL, NULL), 1);
        assert_int_equal(count_found(name, 1, 256, NULL, NULL), 256);
        assert_int_equal(count_found(name, 6, 3, none_legal, NULL), 0);
        assert_int_equal(count_found(name, GENES_MAX, 5, none_legal, NULL), 0);
        int few = count_found(name, GENES_MAX, 5, few_legal, few_canonical);
        assert_true(few > 600 && few <= 625);
    }
}

/* ---- nothing feasible
 * --------------------------------------------------------------------------- */

static void far_judge(const uint8_t *genes, Worth *worth) {
    int sum = 0;
    for (int i = 0; i < 12; i++)
        sum += genes[i];
    worth->feasible = false;
    worth->objective[0] = worth->objective[1] = NAN;
    worth->violation[0] = 1 + sum;
    worth->violation[1] = genes[0];
}

/* There is no front, and nobody reads objectives that mean nothing. */
static void test_infeasible(void **state) {
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        Arena *arena = arena_new();
        Bench *bench = bench_new(arena, 12, 2, 2, far_judge);
        for (int i = 0; i < 12; i++)
            gene_is(bench, i, 4, true, i);
        SearchPlan plan = plan_of(20, 600, 1);
        Archive *archive = search(arena, bench, strategies[s].name, &plan);
        const Design **front;
        assert_int_equal(archive_count(archive), 600);
        assert_int_equal(archive_front(archive, arena, &front), 0);
        assert_float_equal(archive_hypervolume(archive, (double[]){9, 9}), 0, 0);
        arena_free(arena);
    }
}

/* All designs but one violate a limit; the violation alone leads there. */
static void needle_judge(const uint8_t *genes, Worth *worth) {
    int off = 0;
    for (int i = 0; i < 12; i++)
        off += abs(genes[i] - 2);
    worth->feasible = true;
    worth->objective[0] = worth->objective[1] = 0;
    limit_set(worth, 0, 1 + off, 1);
}

static void test_needle(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_new(arena, 12, 2, 1, needle_judge);
    for (int i = 0; i < 12; i++)
        gene_is(bench, i, 4, true, i);
    SearchPlan plan = plan_of(20, 1500, 1);
    const Design **front;
    assert_int_equal(archive_front(search(arena, bench, "nsga2", &plan), arena, &front), 1);
    assert_int_equal(archive_front(search(arena, bench, "random", &plan), arena, &front), 0);
    arena_free(arena);
}

/* ---- the same again
 * ----------------------------------------------------------------------------- */

static void assert_same_asked(const Bench *a, const Bench *b) {
    assert_int_equal(a->asked.count, b->asked.count);
    for (int i = 0; i < a->asked.count; i++)
        assert_memory_equal(a->asked.at[i], b->asked.at[i], (size_t)a->problem.genes);
}

static void test_seeds(void **state) {
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        Arena *arena = arena_new();
        Bench *first = pairs(arena), *again = pairs(arena), *other = pairs(arena);
        SearchPlan plan = plan_of(30, 900, 7), differs = plan_of(30, 900, 8);
        search(arena, first, strategies[s].name, &plan);
        search(arena, again, strategies[s].name, &plan);
        search(arena, other, strategies[s].name, &differs);
        assert_same_asked(first, again);
        int common = 0;
        for (int i = 0; i < 900; i++)
            common += !memcmp(first->asked.at[i], other->asked.at[i], 8);
        assert_true(common < 20);
        arena_free(arena);
    }
}

/* The sequence of a whole search, so that a change of it is noticed: all machines must agree,
 * and a study that was begun with an older build must replay. */
static void test_sequence(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = depths(arena);
    SearchPlan plan = plan_of(20, 400, 1);
    search(arena, bench, "nsga2", &plan);
    Key key = {0, 0};
    for (int i = 0; i < bench->asked.count; i++)
        key = key_join(key, key_of(bench->asked.at[i], 10));
    assert_string_equal(key_hex(arena, key).at, SEQUENCE);
    arena_free(arena);
}

/* Remembers what the first run was told and answers from it; only what is new costs a
 * judgement. */
typedef struct Memory {
    Bench *bench;
    Archive *known;
    int asked_anew;
} Memory;

static bool memory_evaluate(void *context, const uint8_t *genes, int count, Worth *worth) {
    Memory *memory = context;
    size_t bytes = (size_t)memory->bench->problem.genes;
    for (int i = 0; i < count; i++) {
        const Design *design = archive_find(memory->known, genes + bytes * (size_t)i);
        if (design)
            worth[i] = design->worth;
        else
            memory->bench->judge(genes + bytes * (size_t)i, &worth[i]);
        memory->asked_anew += !design;
    }
    return true;
}

static void check_resume(const char *strategy, int interrupt_at) {
    Arena *arena = arena_new();
    SearchPlan plan = plan_of(30, 600, 2);
    Bench *whole = layers(arena), *cut = layers(arena);
    Archive *expected = search(arena, whole, strategy, &plan);
    Archive *part = archive_new(arena, &cut->problem);
    cut->interrupt_at = interrupt_at;
    assert_false(strategy_of(str_of(strategy))->run(arena, &cut->problem, &plan, part));
    assert_int_equal(archive_count(part), (interrupt_at - 1) * 30);

    Memory memory = {cut, part, 0};
    Problem replay = cut->problem;
    replay.context = &memory;
    replay.evaluate = memory_evaluate;
    replay.canonical = NULL;
    replay.legal = NULL;
    Archive *resumed = archive_new(arena, &replay);
    assert_true(strategy_of(str_of(strategy))->run(arena, &replay, &plan, resumed));
    assert_int_equal(memory.asked_anew, 600 - archive_count(part));
    assert_int_equal(archive_count(resumed), archive_count(expected));
    for (int i = 0; i < archive_count(expected); i++) {
        const Design *a = archive_design(resumed, i), *b = archive_design(expected, i);
        assert_memory_equal(a->genes, b->genes, 10);
        assert_true(a->worth.objective[0] == b->worth.objective[0]);
        assert_true(a->violation == b->violation);
    }
    arena_free(arena);
}

static void test_resume(void **state) {
    (void)state;
    for (int s = 0; s < strategy_count; s++)
        for (int call = 1; call <= 20; call += 3)
            check_resume(strategies[s].name, call);
}

/* ---- operators and generations
 * ------------------------------------------------------------------ */

typedef struct Diary {
    int generations, designs;
    double volume, reference[2];
} Diary;

static void diary_note(void *context, int generation, int designs, const Archive *archive) {
    Diary *diary = context;
    assert_int_equal(generation, ++diary->generations);
    assert_int_equal(designs, archive_count(archive));
    assert_true(designs > diary->designs);
    double volume = archive_hypervolume(archive, diary->reference);
    assert_true(volume >= diary->volume * (1 - 1e-12));
    diary->designs = designs;
    diary->volume = volume;
}

static void test_generations(void **state) {
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        Arena *arena = arena_new();
        Diary diary = {0, 0, 0, {6000, 900000}};
        SearchPlan plan = search_plan_default();
        plan.population = 16, plan.generations = 9;
        plan.context = &diary, plan.generation = diary_note;
        search(arena, layers(arena), strategies[s].name, &plan);
        assert_int_equal(diary.generations, 9);
        assert_int_equal(diary.designs, 16 * 9);
        assert_true(diary.volume > 0);
        arena_free(arena);
    }
}

/* Designs on the front that were bred, not drawn. */
static int bred_on_front(double crossover, double mutation, bool from_parents) {
    Arena *arena = arena_new();
    Bench *bench = layers(arena);
    SearchPlan plan = plan_of(30, 90, 4);
    plan.crossover = crossover, plan.mutation = mutation;
    Archive *archive = search(arena, bench, "nsga2", &plan);
    const Design **front;
    int count = archive_front(archive, arena, &front), bred = 0;
    for (int i = 0; i < count; i++) {
        bool inherited = true;
        for (int g = 0; g < 10; g++) {
            bool seen = false;
            for (int parent = 0; parent < 30; parent++)
                seen |= archive_design(archive, parent)->genes[g] == front[i]->genes[g];
            inherited &= seen;
        }
        bred += front[i]->index >= 30 && (inherited || !from_parents);
    }
    arena_free(arena);
    return bred;
}

/* The children of each operator alone reach the front. */
static void test_survival(void **state) {
    (void)state;
    assert_true(bred_on_front(1, 1e-9, true) > 0);
    assert_true(bred_on_front(0, 0.2, false) > 0);
}

static void test_names(void **state) {
    (void)state;
    assert_ptr_equal(strategy_of(STR("nsga2"))->run, nsga2_run);
    assert_ptr_equal(strategy_of(STR("random"))->run, random_search_run);
    assert_null(strategy_of(STR("nsga")));
    for (int i = 0; i < strategy_count; i++)
        assert_true(strlen(strategies[i].documentation) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),      cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_depths),      cmocka_unit_test(test_traps),
        cmocka_unit_test(test_asked),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_odd_spaces),  cmocka_unit_test(test_infeasible),
        cmocka_unit_test(test_needle),      cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_sequence),    cmocka_unit_test(test_resume),
        cmocka_unit_test(test_generations), cmocka_unit_test(test_survival),
        cmocka_unit_test(test_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
