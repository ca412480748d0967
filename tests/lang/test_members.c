/* Members of elaborated spaces, against net's own rules and brute force: shapes, sites, the
 * printed form, what the checker accepts, and what decisions are called.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"

static const Space *space_read(Arena *arena, Str text, Str network, Diagnostics **diagnostics) {
    *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, *diagnostics, STR("test.nas"), text, (LangOptions){0});
    return error_count(*diagnostics) ? NULL : spec_space(spec, network, (Str){"", 0});
}

static const Space *space_of_file(Arena *arena, const char *path, Str network) {
    const char *why;
    Str text;
    Diagnostics *diagnostics;
    assert_true(file_read(arena, path, 1 << 20, &text, &why));
    const Space *space = space_read(arena, text, network, &diagnostics);
    assert_non_null(space);
    return space;
}

static Net member(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    bool made = space_instantiate(arena, space, gene, &net, &span, &why);
    if (!made)
        printf("# %.*s\n", STR_ARG(why));
    assert_true(made);
    const char *fault = net_check(&net);
    if (fault)
        printf("# %s\n", fault);
    assert_null(fault);
    return net;
}

/* The symbolic shapes have the values that net's rules give. */
static void require_shapes(const Space *space, const Gene *gene, const Net *net) {
    for (int i = 0; i < net->count; i++) {
        const SpaceOp *from = &space->ops.at[net->ops[i].origin];
        assert_int_equal(from->rank, net->ops[i].shape.rank);
        for (int d = 0; d < from->rank; d++) {
            Rational value;
            assert_true(expr_value(space, from->shape[d], gene, &value));
            assert_true(value.d == 1 && value.n == net->ops[i].shape.dim[d]);
        }
    }
}

/* The printed member reads back as the same network. */
static void require_reads_back(Arena *arena, const Net *net) {
    Text text = text_new(arena);
    Diagnostics *diagnostics;
    Gene none[1] = {0};
    net_print(net, &text);
    const Space *again = space_read(arena, text_str(&text), net->name, &diagnostics);
    if (!again)
        diagnostics_print(diagnostics, stdout, 0);
    assert_non_null(again);
    assert_int_equal(again->choices.count, 0);
    Net back = member(arena, again, none), straight = net_straightened(arena, net);
    assert_true(key_equal(net_key(&back), net_key(&straight)));
}

typedef struct Extents {
    int kernel_h, kernel_w, in, out;
} Extents;

static void widen(Extents *extents, const Net *net, int i) {
    const Op *op = &net->ops[i];
    Shape in = net->ops[op->input[0]].shape;
    bool windowed = operator_has(op->kind, ATTRIBUTE_KERNEL_H);
    int inputs = op->kind == OP_CONV    ? shape_channels(in) / op->attribute[ATTRIBUTE_GROUPS]
                 : op->kind == OP_DENSE ? (int)shape_elements(shape_step(in))
                 : op->kind == OP_EMBED ? op->attribute[ATTRIBUTE_VOCABULARY]
                 : op->kind == OP_POSITION ? shape_pixels(shape_step(in))
                                           : 1;
    int h = windowed ? op->attribute[ATTRIBUTE_KERNEL_H] : 1;
    int w = windowed ? op->attribute[ATTRIBUTE_KERNEL_W] : 1;
    extents->kernel_h = (int)max_i64(extents->kernel_h, h);
    extents->kernel_w = (int)max_i64(extents->kernel_w, w);
    extents->in = (int)max_i64(extents->in, inputs);
    extents->out = (int)max_i64(extents->out, shape_channels(op->shape));
}

static bool next_gene(const Space *space, Gene *gene) {
    for (int c = space->choices.count - 1; c >= 0; c--) {
        if (++gene[c] < space->choices.at[c].count)
            return true;
        gene[c] = 0;
    }
    return false;
}

/* Least and largest parameters and multiplications of members. */
typedef struct Ends {
    int64_t low[2], high[2];
} Ends;

static void widen_ends(Ends *ends, const Net *net, bool first) {
    int64_t sums[2] = {net_parameters(net), net_macs(net)};
    for (int s = 0; s < 2; s++) {
        ends->low[s] = first || sums[s] < ends->low[s] ? sums[s] : ends->low[s];
        ends->high[s] = first || sums[s] > ends->high[s] ? sums[s] : ends->high[s];
    }
}

/* What is said of all members at once: exact, or no member lies outside. */
static void require_ends(Arena *arena, const Space *space, const Ends *ends) {
    static const SpaceSum sums[2] = {SUM_PARAMETERS, SUM_MACS};
    Members *members = members_new(arena, space, NULL, 0);
    for (int s = 0; s < 2; s++) {
        SumBounds bounds;
        assert_true(members_sum(members, sums[s], &bounds));
        if (bounds.low > ends->low[s] || bounds.high < ends->high[s])
            fail_msg("%.*s: sum %d is %lld to %lld, and said to be %lld to %lld",
                     STR_ARG(space->name), s, (long long)ends->low[s],
                     (long long)ends->high[s], (long long)bounds.low, (long long)bounds.high);
        if (bounds.exact)
            assert_true(bounds.low == ends->low[s] && bounds.high == ends->high[s]);
    }
}

/* Every member of a small space is sound, and the sites are exactly as large as the largest
 * needs. */
static void require_all_members(const char *path, Str network) {
    Arena *arena = arena_new();
    const Space *space = space_of_file(arena, path, network);
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    Extents *extents = arena_array(arena, Extents, space->sites.count + 1);
    Ends ends = {{0}, {0}};
    int members = 0;
    do {
        if (!genotype_legal(space, gene))
            continue;
        Arena *scratch = arena_new();
        Net net = member(scratch, space, gene);
        widen_ends(&ends, &net, members == 0);
        require_shapes(space, gene, &net);
        require_reads_back(scratch, &net);
        for (int i = 1; i < net.count; i++)
            if (net.ops[i].site >= 0)
                widen(&extents[net.ops[i].site], &net, i);
        arena_free(scratch);
        members++;
    } while (next_gene(space, gene));
    for (int s = 0; s < space->sites.count; s++) {
        const Site *site = &space->sites.at[s];
        if (extents[s].out == 0)
            continue;
        assert_true(site->kernel_h == extents[s].kernel_h &&
                    site->kernel_w == extents[s].kernel_w);
        assert_true(site->in == extents[s].in && site->out == extents[s].out);
    }
    assert_true(members > 0);
    require_ends(arena, space, &ends);
    arena_free(arena);
}

static void small_spaces_are_sound(void **state) {
    (void)state;
    require_all_members("tests/lang/spaces/choices.nas", STR("n"));
    require_all_members("tests/lang/spaces/loops.nas", STR("n"));
    require_all_members("tests/lang/spaces/blocks.nas", STR("n"));
    require_all_members("tests/lang/spaces/optional.nas", STR("n"));
    require_all_members("tests/lang/spaces/frozen.nas", STR("tiny"));
    require_all_members("tests/lang/spaces/operators.nas", STR("n"));
    require_all_members("tests/lang/spaces/floats.nas", STR("n"));
    require_all_members("tests/lang/spaces/chosen.nas", STR("n"));
    require_all_members("tests/lang/spaces/lists.nas", STR("n"));
    require_all_members("tests/lang/spaces/many.nas", STR("n"));
    require_all_members("tests/lang/spaces/tokens.nas", STR("vit"));
    require_all_members("tests/lang/spaces/tokens.nas", STR("decoder"));
    require_all_members("tests/lang/spaces/axes.nas", STR("n"));
    require_all_members("tests/lang/spaces/axes.nas", STR("m"));
    require_all_members("tests/lang/spaces/axes.nas", STR("p"));
}

/* ---- the quick start --------------------------------------------------------------------- */

static void members_of_the_quick_start(void **state) {
    (void)state;
    enum { MEMBERS = 300 };
    Arena *arena = arena_new();
    const Space *space = space_of_file(arena, "examples/fashion/fashion.nas", STR("tiny"));
    Gene *gene = arena_array(arena, Gene, space->choices.count);
    Random random = {.seed = 1};
    assert_true(space_count(arena, space).exact);
    for (int m = 0; m < MEMBERS; m++) {
        Arena *scratch = arena_new();
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, gene);
        Net net = member(scratch, space, gene);
        require_shapes(space, gene, &net);
        require_reads_back(scratch, &net);
        arena_free(scratch);
    }
    arena_free(arena);
}

/* ---- the checker against brute force ----------------------------------------------------- */

enum { DECISIONS = 3, MOST_VALUES = 3 };
typedef struct Trial {
    int count[DECISIONS], value[DECISIONS][MOST_VALUES];
    int kinds[4], limit;
} Trial;

/* A network whose decisions stand as given: `choice(...)`, or one of their values. */
static Str trial_text(Arena *arena, const Trial *trial, const int *fixed) {
    static const char *const left[] = {"a", "a + b", "a * 2", "max(a, b)", "a / 2", "b - a"};
    static const char *const right[] = {"b - b + a", "b + a", "a + a", "if a < b then b else a",
                                        "a * 0.5",   "8"};
    static const char *const kernels[] = {"c",         "c + 0", "if c < 9 then c else 1",
                                          "min(c, 3)", "3",     "c"};
    static const char *const groups[] = {"1", "2", "c", "a / 2", "if c > 2 then 2 else 1", "1"};
    Text text = text_new(arena);
    text_add(&text, "network n(image: [9, 9, 4]) -> [3] {\n");
    for (int d = 0; d < DECISIONS; d++) {
        text_add(&text, "let %c = ", 'a' + d);
        for (int v = 0; !fixed && v < trial->count[d]; v++)
            text_add(&text, "%s%d", v ? ", " : "choice(", trial->value[d][v]);
        if (fixed)
            text_add(&text, "%d\n", trial->value[d][fixed[d]]);
        else
            text_add(&text, ")\n");
    }
    if (!fixed)
        text_add(&text, "require a + b <= %d\n", trial->limit);
    text_add(&text, "let x = image |> conv(%s, kernel: c, padding: valid)\n",
             left[trial->kinds[0]]);
    text_add(&text, "let y = image |> conv(%s, kernel: %s, padding: valid, groups: %s)\n",
             right[trial->kinds[1]], kernels[trial->kinds[3]], groups[trial->kinds[2]]);
    text_add(&text, "return add(x, y) |> global_average |> dense(3)\n}\n");
    return text_str(&text);
}

static bool accepted(const Trial *trial, const int *fixed) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics;
    space_read(arena, trial_text(arena, trial, fixed), STR("n"), &diagnostics);
    bool right = error_count(diagnostics) == 0;
    arena_free(arena);
    return right;
}

static Trial trial_draw(Random *random) {
    Trial trial = {.limit = 8 + random_below(random, 24)};
    for (int d = 0; d < DECISIONS; d++) {
        trial.count[d] = 2 + random_below(random, MOST_VALUES - 1);
        for (int v = 0; v < trial.count[d]; v++)
            trial.value[d][v] = d == 2 ? v + 1 + random_below(random, 2) * 3
                                       : 4 * (v + 1) + random_below(random, 2) * 16;
        for (int v = 1; v < trial.count[d]; v++)
            if (trial.value[d][v] <= trial.value[d][v - 1])
                trial.value[d][v] = trial.value[d][v - 1] + (d == 2 ? 1 : 4);
    }
    for (int k = 0; k < 4; k++)
        trial.kinds[k] = random_below(random, 6);
    if (random_below(random, 4) > 0)
        trial.kinds[1] = trial.kinds[0];
    return trial;
}

/* Whether every legal combination is accepted where the values are written out; -1: none is
 * legal. */
static int brute_force(const Trial *trial) {
    int fixed[DECISIONS], legal = 0, right = 0;
    for (fixed[0] = 0; fixed[0] < trial->count[0]; fixed[0]++)
        for (fixed[1] = 0; fixed[1] < trial->count[1]; fixed[1]++)
            for (fixed[2] = 0; fixed[2] < trial->count[2]; fixed[2]++) {
                if (trial->value[0][fixed[0]] + trial->value[1][fixed[1]] > trial->limit)
                    continue;
                legal++;
                right += accepted(trial, fixed);
            }
    return legal == 0 ? -1 : right == legal;
}

static void checks_agree_with_brute_force(void **state) {
    (void)state;
    enum { TRIALS = 400 };
    Random random = {.seed = 7};
    int verdicts[2] = {0, 0};
    for (int t = 0; t < TRIALS; t++) {
        Trial trial = trial_draw(&random);
        int expected = brute_force(&trial);
        if (expected < 0)
            continue;
        bool said = accepted(&trial, NULL);
        if (said != (expected == 1)) {
            Arena *arena = arena_new();
            printf("# expected %d:\n%.*s", expected, STR_ARG(trial_text(arena, &trial, NULL)));
            arena_free(arena);
        }
        assert_int_equal(said, expected == 1);
        verdicts[expected]++;
    }
    printf("# %d accepted, %d refused\n", verdicts[1], verdicts[0]);
    assert_true(verdicts[0] > 10 && verdicts[1] > 10);
}

/* ---- names ------------------------------------------------------------------------------- */

/* Lines that do not depend on each other, but in what they call. */
static const char *const lines[] = {
    "let a = image |> conv(choice(8, 16), kernel: choice(1, 3))",
    "let b = image |> depthwise(kernel: choice(3, 5)) |> relu",
    "let c = choice(2, 4)",
    "let d = image |> side(choice(8, 12), kernel: choice(1, 3) named edge)",
};

/* The lines in an order, as a space. */
static const Space *ordered(Arena *arena, const int *order) {
    Text text = text_new(arena);
    Diagnostics *diagnostics;
    text_add(&text, "block side(x, channels, kernel) { repeat choice(1..2) as i {\n"
                    "x = x |> conv(channels, kernel: kernel)\n}\nreturn x\n}\n"
                    "network n(image: [8, 8, 3]) -> [10] {\n");
    for (int i = 0; i < COUNT(lines); i++)
        text_add(&text, "%s\n", lines[order[i]]);
    text_add(&text, "return concat(a, b, d) |> conv(c, kernel: 1) |> dense(10)\n}\n");
    const Space *space = space_read(arena, text_str(&text), STR("n"), &diagnostics);
    assert_non_null(space);
    return space;
}

static const Choice *named(const Space *space, Str name) {
    for (int c = 0; c < space->choices.count; c++)
        if (str_equal(space->choices.at[c].name, name))
            return &space->choices.at[c];
    return NULL;
}

/* Whatever the order, decisions have the same names and stand for the same: an ordinal counts
 * among equal callees only, and no two lines here call the same. */
static void order_renames_no_decision(void **state) {
    (void)state;
    static const int orders[][COUNT(lines)] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}};
    Arena *arena = arena_new();
    const Space *first = ordered(arena, orders[0]);
    assert_int_equal(first->choices.count, 7);
    for (int o = 1; o < COUNT(orders); o++) {
        const Space *other = ordered(arena, orders[o]);
        assert_int_equal(other->choices.count, first->choices.count);
        for (int c = 0; c < first->choices.count; c++) {
            const Choice *choice = &first->choices.at[c];
            const Choice *same = named(other, choice->name);
            if (!same)
                fail_msg("%.*s is renamed", STR_ARG(choice->name));
            assert_int_equal(same->count, choice->count);
            for (int v = 0; v < choice->count; v++)
                assert_int_equal(rational_compare(same->values[v], choice->values[v]), 0);
        }
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_spaces_are_sound),
        cmocka_unit_test(members_of_the_quick_start),
        cmocka_unit_test(checks_agree_with_brute_force),
        cmocka_unit_test(order_renames_no_decision),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
