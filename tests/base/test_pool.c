/* test_pool.c: every index once, on a worker that exists, for any number of threads.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <stdatomic.h>

enum { MOST = 3000 };

typedef struct Seen {
    atomic_int times[MOST];
    int workers;
    atomic_int
        busy[16]; /* how many tasks a worker is in; more than one would share its scratch */
    atomic_bool wrong;
} Seen;

static void see(void *context, int index, int worker) {
    Seen *seen = context;
    if (worker < 0 || worker >= seen->workers || atomic_fetch_add(&seen->busy[worker], 1) != 0)
        seen->wrong = true;
    atomic_fetch_add(&seen->times[index], 1);
    atomic_fetch_sub(&seen->busy[worker], 1);
}

static void every_index_once(void **state) {
    (void)state;
    const int counts[] = {0, 1, 2, 3, 64, MOST};
    for (int threads = 1; threads <= 9; threads += 2) {
        Pool *pool = pool_new(threads);
        assert_int_equal(pool_threads(pool), threads);
        for (int c = 0; c < COUNT(counts); c++) {
            static Seen seen;
            memset(&seen, 0, sizeof seen);
            seen.workers = threads;
            pool_run(pool, counts[c], see, &seen);
            assert_false(seen.wrong);
            for (int i = 0; i < MOST; i++)
                assert_int_equal(seen.times[i], i < counts[c]);
        }
        pool_free(pool);
    }
}

static void add(void *context, int index, int worker) {
    (void)worker;
    int *sums = context;
    sums[index] += index;
}

/* Many short loops, one after the other: what one wrote, the next reads. */
static void loops_follow_one_another(void **state) {
    (void)state;
    int sums[5] = {0};
    Pool *pool = pool_new(4);
    for (int i = 0; i < 20000; i++)
        pool_run(pool, 5, add, sums);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sums[i], 20000 * i);
    pool_free(pool);
}

static void zero_means_all_processors(void **state) {
    (void)state;
    size_t before = memory_used();
    Pool *pool = pool_new(0);
    assert_in_range(pool_threads(pool), 1, sysconf(_SC_NPROCESSORS_CONF));
    pool_free(pool);
    pool_free(NULL);
    assert_int_equal(memory_used(), before);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_once),
        cmocka_unit_test(loops_follow_one_another),
        cmocka_unit_test(zero_means_all_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
