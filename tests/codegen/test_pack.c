/* Packing: what is unpacked is what was packed, in the documented layout.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"
#include "tests/unit.h"

static void unpacking_undoes_packing(void **state) {
    (void)state;
    Random random = {1, 4, 0};
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (!format_is_integer((Format)f) || f == FORMAT_S1)
            continue;
        Format format = (Format)f;
        for (int row = 1; row < 40; row++) {
            int16_t codes[3 * 40], back[3 * 40];
            uint8_t bytes[3 * 80 + 1];
            int range = format_high(format) - format_low(format) + 1;
            for (int i = 0; i < 3 * row; i++)
                codes[i] = (int16_t)(format_low(format) + random_below(&random, range));
            size_t stored = 3 * (size_t)format_row_bytes(format, row);
            memset(bytes, 0xee, sizeof bytes);
            pack_rows(codes, 3, row, format, bytes);
            assert_int_equal(bytes[stored], 0xee);
            unpack_rows(bytes, 3, row, format, back);
            assert_memory_equal(codes, back, sizeof(int16_t) * 3 * (size_t)row);
        }
    }
}

static void the_layout_is_little_endian_low_bits_first(void **state) {
    (void)state;
    const int16_t codes[] = {1, -2, 3, -4, 2};
    uint8_t bytes[4];
    pack_rows(codes, 1, 5, FORMAT_I4, bytes);
    assert_memory_equal(bytes, ((uint8_t[]){0xe1, 0xc3, 0x02}), 3);
    pack_rows(codes, 1, 5, FORMAT_I3, bytes); /* 001 110 011 100 010 from the lowest bit */
    assert_memory_equal(bytes, ((uint8_t[]){0xf1, 0x28}), 2);
    pack_rows((int16_t[]){-2, 258}, 1, 2, FORMAT_I16, bytes);
    assert_memory_equal(bytes, ((uint8_t[]){0xfe, 0xff, 0x02, 0x01}), 4);
}

static void rows_are_padded_with_zeros(void **state) {
    (void)state;
    const int16_t codes[] = {-1, -1, -1, -1, -1, -1};
    uint8_t bytes[2];
    pack_rows(codes, 2, 3, FORMAT_I2, bytes);
    assert_memory_equal(bytes, ((uint8_t[]){0x3f, 0x3f}), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacking_undoes_packing),
        cmocka_unit_test(the_layout_is_little_endian_low_bits_first),
        cmocka_unit_test(rows_are_padded_with_zeros),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
