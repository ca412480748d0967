/* The order of steps against brute force: all orders of small random graphs, and all placements of
 * the buffers that they need.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/device/nets.h"
#include "tests/unit.h"

enum { MOST = 9, STATES = 20000, NODES = 200000 };

/* ---- random graphs ----------------------------------------------------------------------- */

/* Items that read one or two earlier ones, in place where the sizes say so; the last is the
 * output, and reads all that nobody else did, as far as it has room. */
static int random_graph(Random *random, OrderItem *items, int count) {
    bool read[64] = {false};
    for (int i = 0; i < count; i++) {
        OrderItem *item = &items[i];
        *item = (OrderItem){.bytes = 4 * (1 + random_below(random, 8)), .inputs = 1};
        item->input[0] = i ? random_below(random, i + 1) - 1 : -1;
        if (i > 1 && random_below(random, 2)) {
            item->inputs = 2;
            item->input[1] = random_below(random, i);
        }
        for (int k = 0; k < item->inputs; k++)
            if (item->input[k] >= 0)
                read[item->input[k]] = true;
        if (random_below(random, 3) == 0)
            item->scratch_bytes = 4 * (1 + random_below(random, 6));
        if (random_below(random, 2))
            item->overwrites = 1 + (unsigned)random_below(random, 3);
    }
    OrderItem *last = &items[count - 1];
    last->bytes = 0;
    for (int i = 0; i < count - 1; i++)
        if (!read[i] && last->inputs < MAX_INPUTS)
            last->input[last->inputs++] = i;
    return count;
}

/* ---- what an order needs, worked out from lifetimes -------------------------------------- */

static bool is_order(const OrderItem *items, const int *sequence, int count) {
    bool done[64] = {false};
    for (int t = 0; t < count; t++) {
        const OrderItem *item = &items[sequence[t]];
        if (done[sequence[t]])
            return false;
        for (int k = 0; k < item->inputs; k++)
            if (item->input[k] >= 0 && !done[item->input[k]])
                return false;
        done[sequence[t]] = true;
    }
    return true;
}

/* The largest sum over the turns, of buffers whose in-place results count once. */
static int64_t peak_of(const OrderItem *items, const int *sequence, int count) {
    Arena *arena = arena_new();
    Buffer buffers[2 * MOST];
    int made = order_buffers(arena, items, sequence, count, buffers);
    int64_t peak = 0;
    for (int t = 0; t < count; t++) {
        int64_t sum = 0;
        for (int b = 0; b < made; b++) {
            const Buffer *at = &buffers[b];
            if (at->first > t || t > at->last)
                continue;
            sum += at->bytes;
            if (at->same_as >= 0 && buffers[at->same_as].last == t)
                sum -= min_i64(at->bytes, buffers[at->same_as].bytes);
        }
        peak = max_i64(peak, sum);
    }
    arena_free(arena);
    return peak;
}

static int64_t arena_of(const OrderItem *items, const int *sequence, int count) {
    Arena *arena = arena_new();
    Buffer buffers[2 * MOST];
    int made = order_buffers(arena, items, sequence, count, buffers);
    int64_t bound, bytes = plan_memory(arena, buffers, made, 4, NODES, &bound);
    assert_int_equal(bytes,
                     bound); /* small enough to be proven; test_plan holds it to account */
    arena_free(arena);
    return bytes;
}

/* ---- all orders -------------------------------------------------------------------------- */

typedef struct Brute {
    const OrderItem *items;
    int count, sequence[MOST];
    int64_t peak, room;
    int orders;
} Brute;

static void try_orders(Brute *brute, int placed) {
    if (placed == brute->count) {
        brute->orders++;
        brute->peak = min_i64(brute->peak, peak_of(brute->items, brute->sequence, placed));
        if (brute->room)
            brute->room = min_i64(brute->room, arena_of(brute->items, brute->sequence, placed));
        return;
    }
    for (int i = 0; i < brute->count; i++) {
        bool ready = true;
        for (int t = 0; t < placed; t++)
            ready &= brute->sequence[t] != i;
        for (int k = 0; k < brute->items[i].inputs; k++) {
            bool there = brute->items[i].input[k] < 0;
            for (int t = 0; t < placed; t++)
                there |= brute->sequence[t] == brute->items[i].input[k];
            ready &= there;
        }
        if (!ready)
            continue;
        brute->sequence[placed] = i;
        try_orders(brute, placed + 1);
    }
}

static void orders_have_the_least_peak(void **state) {
    (void)state;
    Random random = {1, 2, 0};
    int better = 0, orders = 0;
    for (int trial = 0; trial < 400; trial++) {
        Arena *arena = arena_new();
        OrderItem items[MOST];
        int count = random_graph(&random, items, 2 + random_below(&random, MOST - 1));
        Order order = order_find(arena, items, count, STATES);
        Brute brute = {.items = items, .count = count, .peak = INT64_MAX};
        try_orders(&brute, 0);
        int written[MOST] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        assert_true(is_order(items, order.sequence, count));
        assert_int_equal(order.written, peak_of(items, written, count));
        assert_int_equal(order.peak, peak_of(items, order.sequence, count));
        assert_int_equal(order.peak, brute.peak);
        assert_int_equal(order.least, brute.peak);
        better += order.peak < order.written;
        orders += brute.orders;
        arena_free(arena);
    }
    print_message("# better than written: %d of 400; %d orders tried\n", better, orders);
    assert_true(better > 50);
}

/* Order first, places after: mostly as good as both at once, and never said to be better. */
static void orders_and_places_come_close_to_both_at_once(void **state) {
    (void)state;
    Random random = {2, 2, 0};
    int equal = 0, trials = 120;
    for (int trial = 0; trial < trials; trial++) {
        Arena *arena = arena_new();
        OrderItem items[MOST];
        int count = random_graph(&random, items, 3 + random_below(&random, 5));
        Order order = order_find(arena, items, count, STATES);
        Brute brute = {.items = items, .count = count, .peak = INT64_MAX, .room = INT64_MAX};
        try_orders(&brute, 0);
        int64_t room = arena_of(items, order.sequence, count);
        assert_true(order.least <= brute.room && brute.room <= room);
        equal += room == brute.room;
        arena_free(arena);
    }
    print_message("# as good as the best order with the best places: %d of %d\n", equal,
                  trials);
    assert_true(equal * 100 >= trials * 95);
}

/* ---- larger ones ------------------------------------------------------------------------- */

/* Branches of several items each, joined at the end: the order matters, the states are many. */
static int branches(Random *random, OrderItem *items, int wide, int deep) {
    int count = 0;
    items[count++] = (OrderItem){.inputs = 1, .input = {-1}, .bytes = 64};
    OrderItem join = {.inputs = 0};
    for (int b = 0; b < wide; b++)
        for (int d = 0; d < deep; d++) {
            items[count] = (OrderItem){.inputs = 1,
                                       .input = {d ? count - 1 : 0},
                                       .bytes = 4 * (1 + random_below(random, 30))};
            if (d == deep - 1)
                join.input[join.inputs++] = count;
            count++;
        }
    items[count++] = join;
    return count;
}

static void large_graphs_are_bounded(void **state) {
    (void)state;
    Random random = {3, 2, 0};
    int proven = 0, better = 0;
    for (int trial = 0; trial < 30; trial++) {
        Arena *arena = arena_new();
        OrderItem items[64];
        int count = branches(&random, items, 3 + trial % 4, 3 + trial % 3);
        Order order = order_find(arena, items, count, STATES);
        assert_true(is_order(items, order.sequence, count));
        assert_true(order.least <= order.peak && order.peak <= order.written);
        proven += order.least == order.peak;
        better += order.peak < order.written;
        Order few = order_find(arena, items, count, 3);
        assert_true(is_order(items, few.sequence, count));
        assert_true(few.least <= order.peak && few.peak >= order.peak);
        Order again = order_find(arena, items, count, STATES);
        assert_memory_equal(again.sequence, order.sequence, sizeof(int) * (size_t)count);
        arena_free(arena);
    }
    print_message("# proven: %d of 30, better than written: %d\n", proven, better);
    assert_true(proven >= 25 && better >= 10);
}

static void chains_stay_as_written(void **state) {
    (void)state;
    Arena *arena = arena_new();
    OrderItem items[200];
    for (int i = 0; i < 200; i++)
        items[i] = (OrderItem){.inputs = 1, .input = {i - 1}, .bytes = 4 * (1 + i * 7 % 50)};
    Order order = order_find(arena, items, 200, 10);
    assert_int_equal(order.least, order.peak);
    for (int i = 0; i < 200; i++)
        assert_int_equal(order.sequence[i], i);
    assert_int_equal(order_find(arena, items, 0, 10).peak, 0);
    arena_free(arena);
}

/* ---- programs ---------------------------------------------------------------------------- */

/* Two branches, wide and then narrow, written alternately: one wide result at a time is
 * enough. */
static Model alternating_branches(Arena *arena) {
    Maker maker = net_begin(arena, 8, 8, 3, FORMAT_I8);
    int a = net_window(&maker, OP_CONV, 0, 64, 1, 1, FORMAT_I8, FORMAT_I8);
    int b = net_window(&maker, OP_CONV, 0, 64, 1, 1, FORMAT_I8, FORMAT_I8);
    a = net_window(&maker, OP_CONV, a, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    b = net_window(&maker, OP_CONV, b, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    net_window(&maker, OP_MAX_POOL, net_binary(&maker, OP_ADD, a, b, FORMAT_I8), 0, 2, 2,
               FORMAT_I8, FORMAT_I8);
    Net *net = arena_new_of(arena, Net);
    *net = net_end(&maker);
    FloatModel weights = net_weights(arena, net, 3);
    Model model;
    Span span;
    Str why;
    assert_true(model_quantise(arena, &weights, &model, &span, &why));
    return model;
}

static void programs_take_the_better_order(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = alternating_branches(arena);
    int8_t input[8 * 8 * 3], output[4 * 4 * 4];
    for (int i = 0; i < COUNT(input); i++)
        input[i] = (int8_t)random_bits(4, 4, (uint64_t)i);
    int32_t **tensors = arena_array(arena, int32_t *, model.count);
    model_run(arena, &model, input, tensors);
    for (int k = 0; k < isa_count; k++) {
        Program program;
        Span span;
        Str why = STR("");
        assert_true(program_build_isa(arena, &model, NULL, &isas[k], &program, &span, &why));
        assert_null(program_check(&program));
        assert_true(program.order_peak < program.order_written);
        assert_int_equal(program.order_peak, program.order_least);
        assert_true(program.arena_bytes < program.order_written);
        if (!program_run(arena, &program, input, output, &why))
            fail_msg("%s: %.*s", isas[k].name, STR_ARG(why));
        for (int i = 0; i < COUNT(output); i++)
            assert_int_equal(output[i], tensors[model.output][i]);
        Text text = text_new(arena);
        program_print(&program, &text);
        assert_non_null(strstr(text.at, "order chosen for its memory: alive at once"));
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_have_the_least_peak),
        cmocka_unit_test(orders_and_places_come_close_to_both_at_once),
        cmocka_unit_test(large_graphs_are_bounded),
        cmocka_unit_test(programs_take_the_better_order),
        cmocka_unit_test(chains_stay_as_written),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
