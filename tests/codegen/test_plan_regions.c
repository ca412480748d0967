/* Two regions of memory against brute force: all choices of what lies in the fast one.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/device/nets.h"
#include "tests/unit.h"

enum { MOST = 8, NODES = 100000 };

static int random_buffers(Random *random, Buffer *buffers, int64_t *traffic, int count) {
    for (int i = 0; i < count; i++) {
        int first = random_below(random, 6);
        buffers[i] = (Buffer){4 * (1 + random_below(random, 6)), first,
                              first + random_below(random, 6 - first), 0, -1};
        traffic[i] = random_below(random, 100);
        if (i && buffers[i - 1].last < 5 && random_below(random, 3) == 0) {
            buffers[i].same_as = i - 1;
            buffers[i].first = buffers[i - 1].last;
            buffers[i].last = buffers[i].first + random_below(random, 6 - buffers[i].first);
        }
    }
    return count;
}

static int place_of(const Buffer *buffers, int b) {
    while (buffers[b].same_as >= 0)
        b = buffers[b].same_as;
    return b;
}

/* The bytes that the buffers of a choice need; -1 where it parts what begins at one place. */
static int64_t bytes_of(const Buffer *buffers, int count, unsigned choice) {
    Arena *arena = arena_new();
    Buffer part[MOST];
    int at[MOST], n = 0;
    for (int b = 0; b < count; b++) {
        if ((choice >> b & 1) != (choice >> place_of(buffers, b) & 1)) {
            arena_free(arena);
            return -1;
        }
        if (!(choice >> b & 1))
            continue;
        part[n] = buffers[b];
        if (part[n].same_as >= 0)
            part[n].same_as = at[part[n].same_as];
        at[b] = n++;
    }
    int64_t bound, bytes = plan_memory(arena, part, n, 4, NODES, &bound);
    arena_free(arena);
    return bytes;
}

static int64_t most_traffic(const Buffer *buffers, int count, const int64_t *traffic,
                            int64_t capacity) {
    int64_t most = 0;
    for (unsigned choice = 0; choice < 1u << count; choice++) {
        int64_t sum = 0, bytes = bytes_of(buffers, count, choice);
        for (int b = 0; b < count; b++)
            sum += choice >> b & 1 ? traffic[b] : 0;
        if (bytes >= 0 && bytes <= capacity)
            most = max_i64(most, sum);
    }
    return most;
}

static void assert_sound(const Buffer *buffers, int count, const RegionPlan *plan,
                         const int64_t *traffic) {
    int64_t fast = 0;
    for (int b = 0; b < count; b++) {
        const Buffer *at = &buffers[b];
        bool is_fast = at->offset < plan->fast_bytes;
        fast += is_fast ? traffic[b] : 0;
        assert_true(at->offset >= 0 && at->offset + at->bytes <=
                                           plan->fast_bytes + (is_fast ? 0 : plan->slow_bytes));
        for (int a = 0; a < b; a++) {
            const Buffer *other = &buffers[a];
            if (place_of(buffers, a) == place_of(buffers, b)) {
                assert_int_equal(at->offset, other->offset);
                continue;
            }
            assert_false(at->first <= other->last && other->first <= at->last &&
                         at->offset < other->offset + other->bytes &&
                         other->offset < at->offset + at->bytes);
        }
    }
    assert_int_equal(fast, plan->fast_traffic);
}

static void the_fast_region_has_the_most_traffic(void **state) {
    (void)state;
    Random random = {1, 5, 0};
    int partly = 0;
    for (int trial = 0; trial < 150; trial++) {
        Buffer buffers[MOST];
        int64_t traffic[MOST], capacity = 4 * random_below(&random, 16);
        int count = random_buffers(&random, buffers, traffic, 1 + random_below(&random, MOST));
        RegionPlan plan = plan_regions(buffers, count, traffic, capacity, 4, NODES);
        assert_true(plan.proven && plan.fast_bytes <= capacity);
        assert_sound(buffers, count, &plan, traffic);
        assert_int_equal(plan.fast_traffic, most_traffic(buffers, count, traffic, capacity));
        partly += plan.fast_bytes && plan.slow_bytes;
        RegionPlan few = plan_regions(buffers, count, traffic, capacity, 4, 3);
        assert_sound(buffers, count, &few, traffic);
        assert_true(few.fast_traffic <= plan.fast_traffic && few.fast_bytes <= capacity);
    }
    print_message("# in both regions: %d of 150\n", partly);
    assert_true(partly > 50);
}

/* ---- programs ---------------------------------------------------------------------------- */

static Model small_model(Arena *arena) {
    Maker maker = net_begin(arena, 12, 12, 3, FORMAT_I8);
    int x = net_window(&maker, OP_CONV, 0, 16, 3, 1, FORMAT_I8, FORMAT_I8);
    int y = net_window(&maker, OP_CONV, x, 16, 3, 1, FORMAT_I8, FORMAT_I8);
    x = net_binary(&maker, OP_ADD, x, y, FORMAT_I8);
    x = net_window(&maker, OP_DEPTHWISE, x, 0, 3, 2, FORMAT_I8, FORMAT_I8);
    net_dense(&maker, x, 10, FORMAT_I8, FORMAT_I8);
    Net *net = arena_new_of(arena, Net);
    *net = net_end(&maker);
    FloatModel weights = net_weights(arena, net, 3);
    Model model;
    Span span;
    Str why;
    assert_true(model_quantise(arena, &weights, &model, &span, &why));
    return model;
}

static void run_in_regions(Arena *arena, const Model *model, const Isa *isa, int64_t tcm) {
    Target target = {
        .name = STR("toy"), .tcm_bytes = tcm, .weight_formats = ~0u, .activation_formats = ~0u};
    int8_t input[12 * 12 * 3], output[10];
    for (int i = 0; i < COUNT(input); i++)
        input[i] = (int8_t)random_bits(4, 4, (uint64_t)i);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model, input, tensors);
    Program program;
    Span span;
    Str why = STR("");
    assert_true(program_build_isa(arena, model, &target, isa, &program, &span, &why));
    assert_null(program_check(&program));
    assert_true(program.region.fast_bytes <= tcm);
    assert_int_equal(program.region.fast_bytes + program.region.slow_bytes,
                     tcm ? program.arena_bytes : 0);
    if (!program_run(arena, &program, input, output, &why))
        fail_msg("%s: %.*s", isa->name, STR_ARG(why));
    for (int i = 0; i < COUNT(output); i++)
        assert_int_equal(output[i], tensors[model->output][i]);
    Text text = text_new(arena);
    program_print(&program, &text);
    assert_int_equal(strstr(text.at, "in fast memory") != NULL, tcm > 0);
}

static void programs_run_in_two_regions(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = small_model(arena);
    static const int64_t sizes[] = {0, 64, 1000, 2500, 4000, 100000};
    for (int k = 0; k < isa_count; k++)
        for (int i = 0; i < COUNT(sizes); i++)
            run_in_regions(arena, &model, &isas[k], sizes[i]);
    arena_free(arena);
}

static void a_buffer_in_two_regions_is_a_fault(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = small_model(arena);
    Target target = {.name = STR("toy"),
                     .tcm_bytes = 2500,
                     .weight_formats = ~0u,
                     .activation_formats = ~0u};
    Program program;
    Span span;
    Str why = STR("");
    assert_true(program_build_isa(arena, &model, &target, isa_named(STR("portable")), &program,
                                  &span, &why));
    assert_null(program_check(&program));
    program.region.fast_bytes += 4;
    assert_string_equal(program_check(&program), "a buffer in two regions");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_region_has_the_most_traffic),
        cmocka_unit_test(programs_run_in_two_regions),
        cmocka_unit_test(a_buffer_in_two_regions_is_a_fault),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
