/* test_space.c: expressions against fractions of 128 bits, genotypes and counts against
 * enumeration, and how a space is printed, checked and named.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/genotypes.h"
#include "tests/net/nets.h"

/* ---- expressions, read directly ---------------------------------------------------------- */

typedef __int128 Wide;
typedef struct Fraction {
    Wide n, d;
} Fraction;

static Wide size_of(Wide x) {
    return x < 0 ? -x : x;
}

static bool fraction(Wide n, Wide d, Fraction *out) {
    if (d == 0)
        return false;
    Wide a = size_of(n), b = size_of(d);
    while (b) {
        Wide rest = a % b;
        a = b;
        b = rest;
    }
    *out = (Fraction){(d < 0 ? -n : n) / a, size_of(d) / a};
    return out->n >= INT64_MIN && out->n <= INT64_MAX && out->d <= INT64_MAX;
}

static Wide floor_of(Wide n, Wide d) {
    return n / d - (n % d < 0);
}

static Fraction whole(Wide n) {
    return (Fraction){n, 1};
}

static bool binary(ExprKind kind, Fraction a, Fraction b, Fraction *out) {
    Wide order = a.n * b.d - b.n * a.d;
    switch (kind) {
    case EXPR_ADD:
        return fraction(a.n * b.d + b.n * a.d, a.d * b.d, out);
    case EXPR_SUB:
        return fraction(a.n * b.d - b.n * a.d, a.d * b.d, out);
    case EXPR_MUL:
        return fraction(a.n * b.n, a.d * b.d, out);
    case EXPR_DIV:
        return fraction(a.n * b.d, a.d * b.n, out);
    case EXPR_MIN:
        *out = order < 0 ? a : b;
        return true;
    case EXPR_MAX:
        *out = order > 0 ? a : b;
        return true;
    default:
        *out = whole(kind == EXPR_EQUAL  ? order == 0
                     : kind == EXPR_LESS ? order < 0
                                         : order <= 0);
        return true;
    }
}

/* Rounding of halves away from zero, by doubling. */
static Fraction rounded(ExprKind kind, Fraction a) {
    if (kind == EXPR_FLOOR)
        return whole(floor_of(a.n, a.d));
    if (kind == EXPR_CEIL)
        return whole(-floor_of(-a.n, a.d));
    Wide size = floor_of(2 * size_of(a.n) + a.d, 2 * a.d);
    return whole(a.n < 0 ? -size : size);
}

static bool expected(const Space *space, ExprId id, const Gene *gene, Fraction *out) {
    const Expr *e = &space->exprs.at[id];
    Rational value;
    Fraction a, b;
    switch (e->kind) {
    case EXPR_NONE:
        return false;
    case EXPR_CONSTANT:
    case EXPR_CHOICE:
        value = e->kind == EXPR_CHOICE ? space->choices.at[e->choice].values[gene[e->choice]]
                                       : e->value;
        *out = (Fraction){value.n, value.d};
        return true;
    default:
        break;
    }
    if (!expected(space, e->a, gene, &a))
        return false;
    switch (e->kind) {
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_ROUND:
        *out = rounded(e->kind, a);
        return true;
    case EXPR_NOT:
        *out = whole(a.n == 0);
        return true;
    case EXPR_IF:
        return expected(space, a.n ? e->b : e->c, gene, out);
    case EXPR_AND:
    case EXPR_OR:
        *out = whole(a.n != 0);
        return (a.n != 0) == (e->kind == EXPR_OR) || expected(space, e->b, gene, out);
    default:
        return expected(space, e->b, gene, &b) && binary(e->kind, a, b, out);
    }
}

static bool expected_true(const Space *space, ExprId id, const Gene *gene) {
    Fraction value;
    return id == EXPR_NONE || (expected(space, id, gene, &value) && value.n != 0);
}

/* ---- random expressions ------------------------------------------------------------------ */

static Rational any_rational(Random *random) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 0};
    Rational r;
    int64_t n = random_between(random, -20, 20), d = random_between(random, 1, 5);
    if (random_below(random, 12) == 0)
        n = extremes[random_below(random, COUNT(extremes))];
    if (random_below(random, 20) == 0)
        d = INT64_MAX - random_below(random, 3);
    assert_true(rational_make(n, d, &r));
    return r;
}

static ExprId number(Arena *arena, Random *random, Space *space, int choices, int depth);

/* A condition on the first `choices` decisions. */
static ExprId truth(Arena *arena, Random *random, Space *space, int choices, int depth) {
    static const ExprKind comparisons[] = {EXPR_EQUAL, EXPR_LESS, EXPR_LESS_EQUAL};
    static const ExprKind connectives[] = {EXPR_AND, EXPR_OR, EXPR_NOT};
    if (depth <= 1 || random_below(random, 2)) {
        ExprId a = number(arena, random, space, choices, depth - 1);
        ExprId b = number(arena, random, space, choices, depth - 1);
        return expr_make(arena, space, comparisons[random_below(random, 3)], a, b, 0);
    }
    ExprKind kind = connectives[random_below(random, 3)];
    ExprId a = truth(arena, random, space, choices, depth - 1);
    ExprId b = kind == EXPR_NOT ? 0 : truth(arena, random, space, choices, depth - 1);
    return expr_make(arena, space, kind, a, b, 0);
}

static ExprId number(Arena *arena, Random *random, Space *space, int choices, int depth) {
    static const ExprKind kinds[] = {EXPR_ADD, EXPR_SUB,   EXPR_MUL,  EXPR_DIV,   EXPR_MIN,
                                     EXPR_MAX, EXPR_FLOOR, EXPR_CEIL, EXPR_ROUND, EXPR_IF};
    if (depth <= 0 || random_below(random, 5) == 0)
        return choices && random_below(random, 3)
                   ? expr_choice(arena, space, random_below(random, choices))
                   : expr_constant(arena, space, any_rational(random));
    ExprKind kind = kinds[random_below(random, COUNT(kinds))];
    if (kind == EXPR_IF) {
        ExprId a = truth(arena, random, space, choices, depth - 1);
        ExprId b = number(arena, random, space, choices, depth - 1);
        return expr_make(arena, space, kind, a, b,
                         number(arena, random, space, choices, depth - 1));
    }
    bool unary = kind == EXPR_FLOOR || kind == EXPR_CEIL || kind == EXPR_ROUND;
    ExprId a = number(arena, random, space, choices, depth - 1);
    ExprId b = unary ? 0 : number(arena, random, space, choices, depth - 1);
    return expr_make(arena, space, kind, a, b, 0);
}

static void add_choice(Arena *arena, Space *space, Rational *values, int count, ExprId active) {
    Choice choice = {.name = str_format(arena, "c%d", space->choices.count),
                     .count = count,
                     .values = values,
                     .active = active};
    vec_push(arena, &space->choices, choice);
}

static void random_choice(Arena *arena, Random *random, Space *space, ExprId active) {
    int count = random_between(random, 1, 4);
    Rational *values = arena_array(arena, Rational, count);
    for (int v = 0; v < count; v++)
        values[v] = any_rational(random);
    add_choice(arena, space, values, count, active);
}

static void expressions_are_exact(void **state) {
    (void)state;
    Random random = {71, 0, 0};
    int known = 0, unknown = 0;
    Arena *arena = arena_new();
    for (int n = 0; n < 20000; n++) {
        if (n % 200 == 0)
            arena_reset(arena);
        Space space = {0};
        for (int c = 0; c < 3; c++)
            random_choice(arena, &random, &space, EXPR_NONE);
        Gene gene[3];
        for (int c = 0; c < 3; c++)
            gene[c] = (Gene)random_below(&random, space.choices.at[c].count);
        ExprId id = random_below(&random, 4) ? number(arena, &random, &space, 3, 4)
                                             : truth(arena, &random, &space, 3, 4);
        Fraction right;
        Rational value;
        bool defined = expected(&space, id, gene, &right);
        assert_int_equal(expr_value(&space, id, gene, &value), defined);
        assert_int_equal(expr_true(&space, id, gene), defined && right.n != 0);
        if (defined)
            assert_true(value.n == right.n && value.d == right.d);
        *(defined ? &known : &unknown) += 1;
    }
    arena_free(arena);
    assert_true(known > 5000 && unknown > 500);
}

static void halves_round_away_from_zero(void **state) {
    (void)state;
    static const struct {
        Rational of;
        int64_t floor, ceil, round;
    } cases[] = {
        {{5, 2}, 2, 3, 3},
        {{-5, 2}, -3, -2, -3},
        {{1, 3}, 0, 1, 0},
        {{-1, 3}, -1, 0, 0},
        {{-2, 3}, -1, 0, -1},
        {{7, 1}, 7, 7, 7},
        {{INT64_MIN, 1}, INT64_MIN, INT64_MIN, INT64_MIN},
        {{INT64_MAX, 1}, INT64_MAX, INT64_MAX, INT64_MAX},
        {{INT64_MIN, 3}, -3074457345618258603, -3074457345618258602, -3074457345618258603},
        {{INT64_MAX, 2}, INT64_MAX / 2, INT64_MAX / 2 + 1, INT64_MAX / 2 + 1},
        {{1, INT64_MAX}, 0, 1, 0},
        {{INT64_MAX - 1, INT64_MAX}, 0, 1, 1},
        {{1 - INT64_MAX, INT64_MAX}, -1, 0, -1}};
    Arena *arena = arena_new();
    for (int i = 0; i < COUNT(cases); i++) {
        Space space = {0};
        ExprId of = expr_constant(arena, &space, cases[i].of);
        Rational value;
        assert_true(
            expr_value(&space, expr_make(arena, &space, EXPR_FLOOR, of, 0, 0), NULL, &value));
        assert_true(value.n == cases[i].floor && value.d == 1);
        assert_true(
            expr_value(&space, expr_make(arena, &space, EXPR_CEIL, of, 0, 0), NULL, &value));
        assert_true(value.n == cases[i].ceil && value.d == 1);
        assert_true(
            expr_value(&space, expr_make(arena, &space, EXPR_ROUND, of, 0, 0), NULL, &value));
        assert_true(value.n == cases[i].round && value.d == 1);
    }
    arena_free(arena);
}

static void mentions_are_those_of_the_tree(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = {0};
    ExprId a = expr_choice(arena, &space, 1), b = expr_choice(arena, &space, 3);
    ExprId c = expr_constant(arena, &space, RATIONAL(2));
    ExprId sum = expr_make(arena, &space, EXPR_ADD, a, c, 0);
    ExprId all = expr_make(arena, &space, EXPR_IF, b, c, sum);
    bool mentioned[5] = {true};
    expr_mentions(&space, all, mentioned);
    assert_memory_equal(mentioned, ((bool[]){true, true, false, true, false}), 5);
    assert_int_equal(space.exprs.at[all].size, 6);
    arena_free(arena);
}

/* ---- genotypes and counts ---------------------------------------------------------------- */

/* Decisions of which some are reached only where earlier ones say so, and some constraints. */
static Space random_space(Arena *arena, Random *random) {
    Space space = {.name = STR("random")};
    int choices = random_between(random, 0, 7), constraints = random_below(random, 3);
    for (int c = 0; c < choices; c++) {
        bool guarded = c && random_below(random, 2);
        random_choice(arena, random, &space, guarded ? truth(arena, random, &space, c, 2) : 0);
    }
    for (int i = 0; i < constraints; i++) {
        Constraint constraint = {truth(arena, random, &space, choices, 2), {0, 0}};
        vec_push(arena, &space.constraints, constraint);
    }
    return space;
}

/* Whether each unreached decision has gene 0, by the test's own evaluation. */
static bool is_canonical(const Space *space, const Gene *gene) {
    for (int c = 0; c < space->choices.count; c++)
        if (gene[c] && !expected_true(space, space->choices.at[c].active, gene))
            return false;
    return true;
}

static bool is_legal(const Space *space, const Gene *gene) {
    for (int i = 0; i < space->constraints.count; i++)
        if (!expected_true(space, space->constraints.at[i].condition, gene))
            return false;
    return true;
}

static void check_canonical(const Space *space, const Gene *gene) {
    Gene canonical[8], again[8];
    memcpy(canonical, gene, sizeof canonical);
    genotype_canonical(space, canonical);
    assert_true(is_canonical(space, canonical));
    for (int c = 0; c < space->choices.count; c++)
        if (expected_true(space, space->choices.at[c].active, canonical))
            assert_int_equal(canonical[c], gene[c]);
    memcpy(again, canonical, sizeof again);
    genotype_canonical(space, again);
    assert_memory_equal(again, canonical, sizeof again);
    if (is_canonical(space, gene))
        assert_memory_equal(canonical, gene, (size_t)space->choices.count);
}

static void counts_are_those_of_enumeration(void **state) {
    (void)state;
    Random random = {72, 0, 0};
    int empty = 0, guarded = 0;
    Arena *arena = arena_new();
    for (int n = 0; n < 600; n++, arena_reset(arena)) {
        Space space = random_space(arena, &random);
        Gene gene[8] = {0};
        long long members = 0, all = 0;
        do {
            bool canonical = is_canonical(&space, gene), legal = is_legal(&space, gene);
            check_canonical(&space, gene);
            assert_int_equal(genotype_legal(&space, gene), legal);
            members += canonical && legal;
            guarded += !canonical;
            all++;
        } while (next_genotype(&space, gene));
        SpaceCount count = space_count(arena, &space);
        assert_true(count.exact);
        assert_string_equal(str_terminated(arena, count.digits),
                            str_format(arena, "%lld", members).at);
        empty += members == 0;
    }
    arena_free(arena);
    assert_true(empty > 20 && guarded > 1000);
}

static Space plain_space(Arena *arena, int choices, int count) {
    Space space = {.name = STR("plain")};
    Rational *values = arena_array(arena, Rational, count);
    for (int v = 0; v < count; v++)
        values[v] = RATIONAL(v);
    for (int c = 0; c < choices; c++)
        add_choice(arena, &space, values, count, EXPR_NONE);
    return space;
}

static void large_counts_have_all_their_digits(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = plain_space(arena, 100, 7);
    SpaceCount count = space_count(arena, &space);
    assert_true(count.exact && count.log10 > 84.509803 && count.log10 < 84.509805);
    assert_string_equal(
        str_terminated(arena, count.digits),
        "32344765096247579913446477691002168108572031989046254009338953313916914"
        "59636928060001");
    space = plain_space(arena, 2303, 10);
    count = space_count(arena, &space);
    assert_true(count.exact && count.digits.length == 2304 && count.digits.at[0] == '1');
    space = plain_space(arena, 5000, 10);
    count = space_count(arena, &space);
    assert_true(count.exact && count.digits.length == 5001 && count.digits.at[0] == '1');
    for (int i = 1; i < count.digits.length; i++)
        assert_int_equal(count.digits.at[i], '0');
    arena_free(arena);
}

/* ---- extremes and printing --------------------------------------------------------------- */

/* Widths out of order, a format, an alternative, and a depth that is reached with the second
 * of them. */
static Space small_space(Arena *arena) {
    Space space = {.name = STR("small"), .input = {3, {8, 8, 3}}, .input_format = FORMAT_U8};
    static Rational widths[] = {{16, 1}, {8, 1}, {49, 2}}, ways[] = {{0, 1}, {1, 1}};
    static Rational formats[] = {{FORMAT_I8, 1}, {FORMAT_I2, 1}, {FORMAT_I4, 1}};
    static Rational depths[] = {{1, 1}, {2, 1}};
    add_choice(arena, &space, widths, 3, EXPR_NONE);
    add_choice(arena, &space, formats, 3, EXPR_NONE);
    add_choice(arena, &space, ways, 2, EXPR_NONE);
    ExprId way = expr_choice(arena, &space, 2), one = expr_constant(arena, &space, RATIONAL(1));
    add_choice(arena, &space, depths, 2, expr_make(arena, &space, EXPR_EQUAL, way, one, 0));
    space.choices.at[0].ordinal = space.choices.at[1].ordinal = true;
    space.choices.at[1].type = VALUE_FORMAT;
    space.choices.at[2].type = VALUE_ALTERNATIVE;
    return space;
}

/* small_space with operators: a convolution, or that and another, then a dense layer. */
static Space small_graph(Arena *arena) {
    Space space = small_space(arena);
    ExprId one = expr_constant(arena, &space, RATIONAL(1));
    ExprId three = expr_constant(arena, &space, RATIONAL(3));
    ExprId i8 = expr_constant(arena, &space, RATIONAL(FORMAT_I8));
    ExprId width = expr_make(arena, &space, EXPR_FLOOR, expr_choice(arena, &space, 0), 0, 0);
    ExprId way = expr_choice(arena, &space, 2);
    SpaceOp input = {.kind = OP_INPUT, .path = STR("image"), .output = i8, .site = -1};
    vec_push(arena, &space.ops, input);
    for (int k = 0; k < 2; k++) {
        SpaceOp conv = {.kind = OP_CONV,
                        .path = str_format(arena, "conv[%d]", k),
                        .active = k ? space.choices.at[3].active : EXPR_NONE,
                        .inputs = 1,
                        .input = {k},
                        .weights = expr_choice(arena, &space, 1),
                        .output = i8,
                        .rank = 3,
                        .site = k};
        for (int a = 0; a <= ATTRIBUTE_SAME; a++)
            conv.attribute[a] = a == ATTRIBUTE_CHANNELS                              ? width
                                : a == ATTRIBUTE_KERNEL_H || a == ATTRIBUTE_KERNEL_W ? three
                                                                                     : one;
        conv.shape[0] = conv.shape[1] = expr_constant(arena, &space, RATIONAL(8));
        conv.shape[2] = width;
        vec_push(arena, &space.ops, conv);
        Site site = {conv.path, OP_CONV, 3, 3, k ? 24 : 3, 24};
        vec_push(arena, &space.sites, site);
    }
    SpaceOp select = {.kind = OP_SELECT,
                      .path = STR("way"),
                      .inputs = 2,
                      .input = {1, 2},
                      .select = way,
                      .site = -1};
    vec_push(arena, &space.ops, select);
    Constraint constraint = {expr_make(arena, &space, EXPR_LESS, one, width, 0), {0, 0}};
    vec_push(arena, &space.constraints, constraint);
    space.output = 3;
    return space;
}

static void extremes_are_by_value(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = small_space(arena);
    Gene gene[4];
    genotype_extreme(&space, gene, true);
    assert_memory_equal(gene, ((Gene[]){2, 0, 0, 0}), 4);
    genotype_extreme(&space, gene, false);
    assert_memory_equal(gene, ((Gene[]){1, 1, 0, 0}), 4);
    arena_free(arena);
}

static void genotypes_print_what_is_reached(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = small_space(arena);
    Str first = genotype_print(arena, &space, (Gene[]){2, 1, 0, 0});
    Str second = genotype_print(arena, &space, (Gene[]){0, 2, 1, 1});
    assert_string_equal(str_terminated(arena, first), "c0=24.5 c1=i2 c2=0");
    assert_string_equal(str_terminated(arena, second), "c0=16 c1=i4 c2=1 c3=2");
    arena_free(arena);
}

static void a_space_is_printed(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = small_graph(arena);
    Text text = text_new(arena);
    assert_null(space_check(&space));
    space_print(&space, &text);
    assert_string_equal(
        text.at, "space small\n"
                 "  #0 c0 in 16, 8, 24.5\n"
                 "  #1 c1 in i8, i2, i4\n"
                 "  #2 c2 in 0, 1\n"
                 "  #3 c3 in 1, 2 when (#2 == 1)\n"
                 "  %0 image = input() output=i8 : []\n"
                 "  %1 conv[0] = conv(%0, channels: floor(#0), kernel: 3, kernel: 3, stride: "
                 "1, stride: 1, "
                 "groups: 1, padding: 1) weights=#1 output=i8 site=0 : [8, 8, floor(#0)]\n"
                 "  %2 conv[1] = conv(%1, channels: floor(#0), kernel: 3, kernel: 3, stride: "
                 "1, stride: 1, "
                 "groups: 1, padding: 1) weights=#1 output=i8 site=1 : [8, 8, floor(#0)] when "
                 "(#2 == 1)\n"
                 "  %3 way = select(%1, %2; #2) : []\n"
                 "  site 0 conv[0]: out 24, kernel 3 x 3, in 3\n"
                 "  site 1 conv[1]: out 24, kernel 3 x 3, in 24\n"
                 "  require (1 < floor(#0))\n"
                 "  return %3\n");
    arena_free(arena);
}

/* Whatever tells two spaces apart changes the key; where they were written does not. */
static void keys_tell_spaces_apart(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = small_graph(arena);
    Key key = space_key(&space);
    space.ops.at[1].span = (Span){17, 4};
    space.choices.at[1].span = (Span){3, 9};
    assert_true(key_equal(key, space_key(&space)));
    space.ops.at[2].site = 0;
    assert_false(key_equal(key, space_key(&space)));
    space.ops.at[2].site = 1;
    space.choices.at[3].ordinal = true;
    assert_false(key_equal(key, space_key(&space)));
    space.choices.at[3].ordinal = false;
    space.input.dim[1] = 9;
    assert_false(key_equal(key, space_key(&space)));
    space.input.dim[1] = 8;
    space.ops.at[3].input[1] = 1;
    assert_false(key_equal(key, space_key(&space)));
    space.ops.at[3].input[1] = 2;
    assert_true(key_equal(key, space_key(&space)));
    arena_free(arena);
}

static void faults_of_ours_are_found(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = small_graph(arena);
    SpaceOp *conv = &space.ops.at[1], kept = *conv;
    conv->input[0] = 1;
    assert_string_equal(space_check(&space),
                        "an operator reads one that does not come before it");
    *conv = kept;
    conv->attribute[ATTRIBUTE_GROUPS] = EXPR_NONE;
    assert_string_equal(space_check(&space),
                        "an operator with an attribute too many or too few");
    *conv = kept;
    conv->weights = EXPR_NONE;
    assert_non_null(space_check(&space));
    *conv = kept;
    conv->output = EXPR_NONE;
    assert_non_null(space_check(&space));
    *conv = kept;
    conv->site = 2;
    assert_non_null(space_check(&space));
    *conv = kept;
    conv->inputs = 2;
    assert_non_null(space_check(&space));
    *conv = kept;
    conv->active = space.exprs.count;
    assert_non_null(space_check(&space));
    *conv = kept;
    conv->shape[1] = -1;
    assert_non_null(space_check(&space));
    *conv = kept;
    space.choices.at[0].active = space.choices.at[3].active; /* waits for a later decision */
    assert_non_null(space_check(&space));
    space.choices.at[0].active = EXPR_NONE;
    space.constraints.at[0].condition = space.exprs.count;
    assert_non_null(space_check(&space));
    space.constraints.at[0].condition = space.choices.at[3].active;
    space.output = 4;
    assert_non_null(space_check(&space));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_exact),
        cmocka_unit_test(halves_round_away_from_zero),
        cmocka_unit_test(mentions_are_those_of_the_tree),
        cmocka_unit_test(counts_are_those_of_enumeration),
        cmocka_unit_test(large_counts_have_all_their_digits),
        cmocka_unit_test(extremes_are_by_value),
        cmocka_unit_test(genotypes_print_what_is_reached),
        cmocka_unit_test(a_space_is_printed),
        cmocka_unit_test(keys_tell_spaces_apart),
        cmocka_unit_test(faults_of_ours_are_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
