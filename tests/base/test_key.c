/* test_key.c: keys against the published values of XXH3, and joining.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

static void keys_are_xxh3(void **state) {
    (void)state;
    Arena *arena = arena_new();
    /* XXH3 of nothing with seed 0, from the specification. */
    assert_string_equal(key_hex(arena, key_of("", 0)).at, "99aa06d3014798d86001c324468d497f");
    assert_string_equal(key_hex(arena, (Key){1, 2}).at, "00000000000000020000000000000001");
    arena_free(arena);
}

static void joining_tells_order_and_grouping(void **state) {
    (void)state;
    Key a = key_of("a", 1), b = key_of("b", 1), c = key_of("c", 1);
    assert_true(key_equal(key_join(a, b), key_join(a, b)));
    assert_false(key_equal(key_join(a, b), key_join(b, a)));
    assert_false(key_equal(key_join(key_join(a, b), c), key_join(a, key_join(b, c))));
    assert_false(key_equal(a, b));
}

/* The bytes that are hashed are those of a little-endian machine. */
static void joining_knows_no_byte_order(void **state) {
    (void)state;
    unsigned char bytes[32];
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(i + 1);
    Key a = {0x0807060504030201, 0x100f0e0d0c0b0a09},
        b = {0x1817161514131211, 0x201f1e1d1c1b1a19};
    assert_true(key_equal(key_join(a, b), key_of(bytes, 32)));
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_xxh3),
        cmocka_unit_test(joining_tells_order_and_grouping),
        cmocka_unit_test(joining_knows_no_byte_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
