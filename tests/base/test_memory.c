/* test_memory.c: what is counted, what is refused, and what an arena promises.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <pthread.h>

static void blocks_are_zeroed_aligned_and_counted(void **state) {
    (void)state;
    size_t before = memory_used();
    for (size_t bytes = 0; bytes < 5000; bytes += 37) {
        char *block = memory_new(bytes);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xa5, bytes);
        assert_int_equal(memory_used(), before + bytes);
        memory_free(block);
        assert_int_equal(memory_used(), before);
    }
    memory_free(NULL);
    assert_true(memory_peak() >= before + 4995);
}

static void *allocate_often(void *unused) {
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        void *a = memory_new(100), *b = memory_new(28);
        memory_free(a);
        memory_free(b);
    }
    return NULL;
}

static void counting_holds_across_threads(void **state) {
    (void)state;
    size_t before = memory_used();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(memory_used(), before);
}

static int exceed_limit(void *unused) {
    (void)unused;
    memory_limit(memory_used() + (3 << 20));
    memory_free(memory_new(2 << 20));
    memory_new(2 << 20);
    memory_new(2 << 20);
    return 0;
}

static int fail_third_block(void *unused) {
    (void)unused;
    memory_fail_after(2);
    memory_new(1);
    memory_new(1);
    memory_new(77);
    return 0;
}

static int ask_too_much(void *in_arena) {
    if (in_arena)
        arena_alloc(arena_new(), SIZE_MAX - 3);
    else
        memory_new(SIZE_MAX - 3);
    return 0;
}

static void refusals_are_messages(void **state) {
    (void)state;
    char said[400];
    assert_int_equal(run_apart(exceed_limit, NULL, said, sizeof said), EXIT_ENVIRONMENT);
    assert_non_null(strstr(said, "nasc: out of memory: 2048 KiB more"));
    assert_non_null(strstr(said, "limit of 3072 KiB"));
    assert_int_equal(run_apart(fail_third_block, NULL, said, sizeof said), EXIT_ENVIRONMENT);
    assert_non_null(strstr(said, "the system has no 77 bytes more"));
    assert_int_equal(run_apart(ask_too_much, NULL, said, sizeof said), EXIT_ENVIRONMENT);
    assert_int_equal(run_apart(ask_too_much, said, said, sizeof said), EXIT_ENVIRONMENT);
}

/* Blocks of many sizes, each with a pattern of its own, twice over with a reset between. */
static void arena_blocks_are_zeroed_and_apart(void **state) {
    (void)state;
    enum { BLOCKS = 400 };
    static unsigned char *blocks[BLOCKS];
    Arena *arena = arena_new();
    for (int round = 0; round < 3; round++) {
        Random random = {7, (uint64_t)round, 0};
        size_t sizes[BLOCKS];
        for (int i = 0; i < BLOCKS; i++) {
            sizes[i] = (size_t)random_below(&random, i % 50 == 0 ? 100000 : 200);
            blocks[i] = arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)blocks[i] % (sizes[i] < 64 ? 16 : 64), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(blocks[i][k], 0);
            memset(blocks[i], i % 255 + 1, sizes[i]);
        }
        for (int i = 0; i < BLOCKS; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(blocks[i][k], i % 255 + 1);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void reset_keeps_the_memory(void **state) {
    (void)state;
    size_t before = memory_used();
    Arena *arena = arena_new();
    for (int i = 0; i < 1000; i++)
        arena_alloc(arena, 3000);
    size_t held = arena_bytes(arena);
    assert_true(held >= 3000000 && held < 10000000);
    for (int round = 0; round < 5; round++) {
        arena_reset(arena);
        for (int i = 0; i < 1000; i++)
            arena_alloc(arena, 3000);
    }
    assert_int_equal(arena_bytes(arena), held);
    arena_free(arena);
    arena_free(NULL);
    assert_int_equal(memory_used(), before);
}

static void a_small_arena_is_small(void **state) {
    (void)state;
    Arena *arena = arena_new();
    arena_alloc(arena, 10);
    assert_true(arena_bytes(arena) <= 4096);
    assert_memory_equal(arena_copy(arena, "seven", 6), "seven", 6);
    arena_free(arena);
}

static void vectors_grow(void **state) {
    (void)state;
    Arena *arena = arena_new();
    VEC(int64_t) squares = {0};
    for (int i = 0; i < 10000; i++)
        vec_push(arena, &squares, (int64_t)i * i);
    assert_int_equal(squares.count, 10000);
    for (int i = 0; i < 10000; i++)
        assert_true(squares.at[i] == (int64_t)i * i);
    arena_free(arena);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_counted),
        cmocka_unit_test(counting_holds_across_threads),
        cmocka_unit_test(refusals_are_messages),
        cmocka_unit_test(arena_blocks_are_zeroed_and_apart),
        cmocka_unit_test(reset_keeps_the_memory),
        cmocka_unit_test(a_small_arena_is_small),
        cmocka_unit_test(vectors_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
