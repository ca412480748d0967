/* Routines: what is printed, what is refused, and what each instruction does in the kernel
 * interpreter, against values worked out by hand.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/unit.h"

/* A routine under construction, with memory for its arguments. */
typedef struct Bench {
    Arena *arena;
    Routine r;
    uint8_t in[256], out[256];
    int32_t params[4];
    Str why;
} Bench;

static Bench bench_new(void) {
    Bench bench = {.arena = arena_new()};
    bench.r = routine_new(bench.arena, STR("test"));
    return bench;
}

static bool bench_run(Bench *bench) {
    Region regions[ARG_COUNT] = {[ARG_IN] = {bench->in, sizeof bench->in},
                                 [ARG_OUT] = {bench->out, sizeof bench->out},
                                 [ARG_PARAMS] = {(uint8_t *)bench->params, 16}};
    return routine_run(bench->arena, &bench->r, regions, &bench->why);
}

static void run_well(Bench *bench) {
    if (!bench_run(bench))
        fail_msg("%.*s", STR_ARG(bench->why));
}

/* ---- text ------------------------------------------------------------------------------- */

/* Sums params[0] rows of four bytes. */
static void write_sum(Routine *r) {
    Reg rows = op_param(r, 0), from = op_address(r, ARG_IN, NO_REG, 0, 0);
    Reg sum = op_constant(r, I32, 32, 5);
    op_loop(r, rows);
    Reg inner = op_loop_n(r, 4);
    Reg x = op_load_at(r, I32, 32, I8, from, inner, 1, 0, 1);
    op2_to(r, sum, INSN_ADD, I32, sum, x);
    op_end(r);
    op_advance(r, from, NO_REG, 0, 4);
    op_end(r);
    op_store(r, I32, sum, I32, ARG_OUT, 8, 1);
}

static const char sum_text[] = "v7:32 = load i32 i32 [v6 + 0] x1 align 4\n"
                               "v8 = address [v0 + 0]\n"
                               "v9:32 = constant i32 5\n"
                               "v10:32 = loop v7\n"
                               "    v11:32 = loop 4\n"
                               "        v12:32 = load i32 i8 [v8 + v11 * 1 + 0] x1\n"
                               "        v9:32 = add i32 v9 v12\n"
                               "    end\n"
                               "    v8 = address [v8 + 4]\n"
                               "end\n"
                               "store i32 i32 v9 [v2 + 8] x1\n";

static void test_print(void **state) {
    (void)state;
    Bench bench = bench_new();
    write_sum(&bench.r);
    Text text = text_new(bench.arena);
    routine_print(&bench.r, &text);
    assert_string_equal(text.at, sum_text);
    Routine again = routine_new(bench.arena, STR("another name"));
    write_sum(&again);
    assert_true(key_equal(routine_key(&bench.r), routine_key(&again)));
    again.insns.at[2].imm++;
    assert_false(key_equal(routine_key(&bench.r), routine_key(&again)));
    arena_free(bench.arena);
}

static void test_parse(void **state) {
    (void)state;
    Bench bench = bench_new();
    Routine read = routine_new(bench.arena, STR("read"));
    int line = 0;
    assert_true(routine_parse(str_of(sum_text), &read, &line));
    Text text = text_new(bench.arena);
    routine_print(&read, &text);
    assert_string_equal(text.at, sum_text);
    assert_null(routine_check(&read));
    assert_false(
        routine_parse(STR("v7:32 = constant i32 5\nv8:32 = ad i32 v7 v7\n"), &read, &line));
    assert_int_equal(line, 2);
    assert_false(routine_parse(STR("v7:32 = constant i32\n"), &read, &line));
    assert_false(routine_parse(STR("store i32 i32 v9 [v2 + 8 x1\n"), &read, &line));
    arena_free(bench.arena);
}

/* ---- what is refused -------------------------------------------------------------------- */

/* The first line of text is what is said of the rest; "" where it is sound. */
static const char *const checked[][2] = {
    {"v7:32 = constant i32 1\nv8:32 = add i32 v7 v7\n", NULL},
    {"v7:32 = add i32 v7 v7\n", "instruction 0: reads what no path or not each has written"},
    {"v7:32 = constant i32 1\nv8:64 = add i64 v7 v7\n",
     "instruction 1: operands of other sizes"},
    {"v7:24 = constant i8 1\n", "instruction 0: a value of odd size"},
    {"v7:32 = load i32 i8 [v0 + 0] x2\n", "instruction 0: more elements than lanes"},
    {"v7:128 = load i32 i8 [v0 + 0] x3 repeat\n",
     "instruction 0: lanes are no multiple of the repeated elements"},
    {"v7:32 = loop 4\nv7:32 = constant i32 1\nend\n",
     "instruction 1: writes what a loop counts in or by"},
    {"v7:32 = loop 4\n", "a loop without an end"},
    {"end\n", "instruction 0: an end without a loop"},
    {"v7:32 = loop 4\nend\nv8:32 = add i32 v7 v7\n",
     "instruction 2: reads what no path or not each has written"},
    {"v7:32 = load i32 i32 [v6 + 0] x1\nv8:32 = loop v7\nv9:32 = constant i32 1\nend\n"
     "v10:32 = add i32 v9 v9\n",
     "instruction 4: reads what no path or not each has written"},
    {"v7:32 = loop 2\nv8:32 = constant i32 1\nend\nv9:32 = add i32 v8 v8\n", NULL},
    {"v7:32 = constant i32 1\nstore i32 i32 v7 [v0 + 0] x1\n",
     "instruction 1: a store to what is only read"},
    {"v7:32 = constant i32 1\nv8:32 = add i32 v7 v0\n",
     "instruction 1: a pointer where a value belongs"},
    {"v7:32 = constant i32 1\nv8:32 = shl i32 v7 _ 32\n", "instruction 1: shifts too far"},
    {"v7:32 = constant i32 1\nv8:32 = div i32 v7 v7\n",
     "instruction 1: integers are not divided"},
    {"v7:64 = constant i8 1\nv8:64 = pack i8 v7 v7\n", "instruction 1: blocks are of 128 bits"},
    {"v7:32 = constant i8 1\nv8:64 = convert i16 i8 v7\nv9:128 = convert i16 i8 v7\n",
     "instruction 2: converts lanes that are not there"},
    {"v0 = address [v2 + 0]\n", "instruction 0: writes an argument"},
};

static void test_check(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(checked); i++) {
        Arena *arena = arena_new();
        Routine r = routine_new(arena, STR("checked"));
        int line;
        if (!routine_parse(str_of(checked[i][0]), &r, &line))
            fail_msg("line %d of %s", line, checked[i][0]);
        const char *fault = routine_check(&r);
        if (checked[i][1])
            assert_string_equal(fault ? fault : "(sound)", checked[i][1]);
        else
            assert_null(fault);
        arena_free(arena);
    }
}

/* ---- what is computed ------------------------------------------------------------------- */

static void test_loops(void **state) {
    (void)state;
    Bench bench = bench_new();
    write_sum(&bench.r);
    bench.params[0] = 3;
    for (int i = 0; i < 16; i++)
        bench.in[i] = (uint8_t)(i % 2 ? -i : 2 * i);
    run_well(&bench);
    int32_t sum;
    memcpy(&sum, bench.out + 8, 4);
    assert_int_equal(sum, 5 + 2 * (0 + 2 + 4 + 6 + 8 + 10) - (1 + 3 + 5 + 7 + 9 + 11));
    bench.params[0] = -1;
    run_well(&bench);
    memcpy(&sum, bench.out + 8, 4);
    assert_int_equal(sum, 5);
    bench.params[0] = 65; /* a byte past the end */
    assert_false(bench_run(&bench));
    assert_true(str_equal(bench.why, STR("instruction 5: an access outside its region")));
    arena_free(bench.arena);
}

/* One instruction: operands of `bits` bits as hexadecimal bytes, lane 0 first. */
typedef struct Sample {
    const char *insn; /* from v7, v8, v9 to v10 */
    int bits, out_bits;
    const char *a, *b, *c, *result;
} Sample;

static const Sample samples[] = {
    {"add i8 v7 v8", 32, 32, "7f80ff01", "01ff0203", "", "807f0104"},
    {"sub i16 v7 v8", 32, 32, "00800500", "01000600", "", "ff7fffff"},
    {"mul i16 v7 v8", 32, 32, "34120300", "0001ffff", "", "0034fdff"},
    {"mul i64 v7 v8", 64, 64, "ffffffffffffffff", "0300000000000000", "", "fdffffffffffffff"},
    {"mulhi i32 v7 v8", 32, 32, "00000080", "00000080", "", "00000040"},
    {"mulhi i32 v7 v8", 32, 32, "ffffffff", "01000000", "", "ffffffff"},
    {"mulhi i16 v7 v8", 32, 32, "00800080", "00800100", "", "0040ffff"},
    {"mulround i16 v7 v8", 32, 32, "00800080", "00800100", "", "0080ffff"},
    {"mulround i16 v7 v8", 32, 32, "ff7f0300", "00020020", "", "00020100"},
    {"and i8 v7 v8", 16, 16, "f0ff", "3c0f", "", "300f"},
    {"xor i8 v7 v8", 16, 16, "f0ff", "3c0f", "", "ccf0"},
    {"shl i8 v7 _ 3", 16, 16, "81ff", "", "", "08f8"},
    {"shr i8 v7 _ 3", 16, 16, "8170", "", "", "f00e"},
    {"shr u8 v7 _ 3", 16, 16, "8170", "", "", "100e"},
    {"shr i32 v7 v8 0", 32, 32, "000000f0", "1c000000", "", "ffffffff"},
    {"min i8 v7 v8", 16, 16, "80ff", "7f00", "", "80ff"},
    {"min u8 v7 v8", 16, 16, "80ff", "7f00", "", "7f00"},
    {"max i16 v7 v8", 32, 32, "0080ffff", "00000100", "", "00000100"},
    {"max u32 v7 v8", 32, 32, "00000080", "01000000", "", "00000080"},
    {"saturate i32 v7 8", 32, 32, "80000000", "", "", "7f000000"},
    {"saturate i32 v7 8", 32, 32, "7fffffff", "", "", "80ffffff"},
    {"saturate u16 v7 4", 32, 32, "ffff1000", "", "", "00000f00"},
    {"half i16 v7 0", 32, 32, "80017f02", "", "", "80ff7f00"},
    {"half i16 v7 1", 32, 32, "80817f82", "", "", "81ff82ff"},
    {"half u16 v7 1", 32, 32, "80817f82", "", "", "81008200"},
    {"interleave i32 v7 v8 0", 128, 128, "00010203101112132021222330313233",
     "a0a1a2a3b0b1b2b3c0c1c2c3d0d1d2d3", "", "00010203a0a1a2a310111213b0b1b2b3"},
    {"transpose i32 v7 0", 256, 256, "000102031011121320212223303132334041424350515253606162637071"
     "7273", "", "", "000102034041424310111213505152532021222360616263303132337071"
     "7273"},
    {"transpose i64 v7 1", 256, 256, "000102031011121320212223303132334041424350515253606162637071"
     "7273", "", "", "000102031011121340414243505152532021222330313233606162637071"
     "7273"},
    {"interleave i16 v7 v8 1", 128, 128, "00010203101112132021222330313233",
     "a0a1a2a3b0b1b2b3c0c1c2c3d0d1d2d3", "", "2021c0c12223c2c33031d0d13233d2d3"},
    {"pack u8 v7 v8", 128, 128, "ffff0100ff00000110002000300040ff",
     "00017f008000ff7f0080010002000300", "", "0001ffff10203000ff7f80ff00010203"},
    {"pack i16 v7 v8", 128, 128, "ffff0000ffff0000008000000080ffff",
     "0000008000000100ffffffff05000000", "", "ff7fff7fff7f00800080ff7fffff0500"},
    {"dot2 i32 v7 v8 v9", 32, 32, "0300ffff", "0200ff7f", "0a000000", "1180ffff"},
    {"dot2 i32 v7 v8 v9", 32, 32, "00800080", "00800080", "01000000", "01000080"},
    {"dot4 i32 u8 v7 v8 v9", 32, 32, "ff01ff02", "80ff7f01", "00000000", "02ffffff"},
    {"dot4 i32 i8 v7 v8 v9", 32, 32, "ff018002", "80ff7f01", "00000000", "01c1ffff"},
    {"convert i32 i8 v7", 16, 64, "ff7f", "", "", "ffffffff7f000000"},
    {"convert i32 u8 v7", 16, 64, "ff7f", "", "", "ff0000007f000000"},
    {"convert i8 i32 v7", 64, 16, "ff0100007f000000", "", "", "ff7f"},
    {"convert f32 i32 v7", 32, 32, "01000001", "", "", "0000804b"},
    {"convert f32 i32 v7", 32, 32, "03000001", "", "", "0200804b"},
    {"convert i32 f32 v7", 32, 32, "0000f0bf", "", "", "ffffffff"},
    {"convert f16 f32 v7", 32, 16, "0000803f", "", "", "003c"},
    {"convert f16 f32 v7", 32, 16, "00f0ff47", "", "", "007c"},
    {"convert f16 f32 v7", 32, 16, "00000033", "", "", "0000"},
    {"convert f16 f32 v7", 32, 16, "01000033", "", "", "0100"},
    {"convert f32 f16 v7", 16, 32, "0100", "", "", "00008033"},
    {"splat i16 v7", 32, 64, "01020304", "", "", "0102010201020102"},
    {"div f32 v7 v8", 32, 32, "0000803f", "00004040", "", "abaaaa3e"},
    {"sqrt f32 v7", 32, 32, "00000040", "", "", "f304b53f"},
    {"min f32 v7 v8", 32, 32, "0000803f", "000080bf", "", "000080bf"},
    {"copy v7", 32, 32, "01020304", "", "", "01020304"},
    {"constant i16 -2", 32, 32, "", "", "", "fefffeff"},
    {"constant f32 0x1.8p+1", 32, 32, "", "", "", "00004040"},
};

static void bytes_of_hex(const char *hex, uint8_t *bytes) {
    for (unsigned byte; hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        *bytes++ = (uint8_t)byte;
}

/* The same on a big-endian host, where loads of bytes put element 0 in lane 0 as well. */
static void test_samples(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(samples); i++) {
        const Sample *s = &samples[i];
        Bench bench = bench_new();
        bytes_of_hex(s->a, bench.in), bytes_of_hex(s->b, bench.in + 64);
        bytes_of_hex(s->c, bench.in + 128);
        Str text = str_format(bench.arena,
                              "v7:%d = load i8 i8 [v0 + 0] x%d\n"
                              "v8:%d = load i8 i8 [v0 + 64] x%d\n"
                              "v9:%d = load i8 i8 [v0 + 128] x%d\n"
                              "v10:%d = %s\n"
                              "store i8 i8 v10 [v2 + 0] x%d\n",
                              s->bits, s->bits / 8, s->bits, s->bits / 8, s->bits, s->bits / 8,
                              s->out_bits, s->insn, s->out_bits / 8);
        int line;
        if (!routine_parse(text, &bench.r, &line))
            fail_msg("%s: line %d", s->insn, line);
        uint8_t expected[64];
        bytes_of_hex(s->result, expected);
        if (!bench_run(&bench))
            fail_msg("%s: %.*s", s->insn, STR_ARG(bench.why));
        for (int b = 0; b < s->out_bits / 8; b++)
            if (bench.out[b] != expected[b])
                fail_msg("%s (%d): byte %d is %02x, not %02x", s->insn, i, b, bench.out[b],
                         expected[b]);
        arena_free(bench.arena);
    }
}

/* What the checks of a run, not of the text, find. */
static const char *const faults[][2] = {
    {"v7:32 = load i32 i32 [v0 + 253] x1\n", "instruction 0: an access outside its region"},
    {"v7:32 = load i32 i32 [v0 + -1] x1\n", "instruction 0: an access outside its region"},
    {"v7:32 = load i32 i32 [v1 + 0] x1\n", "instruction 0: an access outside its region"},
    {"v7:32 = load i32 i32 [v0 + 2] x1 align 4\n",
     "instruction 0: an access less aligned than it says"},
    {"v7:32 = constant i32 32\nv8:32 = shl i32 v7 v7 0\n",
     "instruction 1: a shift past the lane"},
    {"v7:32 = constant f32 0x1p+31\nv8:32 = convert i32 f32 v7\n",
     "instruction 1: a float that the integer cannot hold"},
};

static void test_faults(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(faults); i++) {
        Bench bench = bench_new();
        int line;
        assert_true(routine_parse(str_of(faults[i][0]), &bench.r, &line));
        assert_false(bench_run(&bench));
        assert_string_equal(str_terminated(bench.arena, bench.why), faults[i][1]);
        arena_free(bench.arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),   cmocka_unit_test(test_parse),
        cmocka_unit_test(test_check),   cmocka_unit_test(test_loops),
        cmocka_unit_test(test_samples), cmocka_unit_test(test_faults),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
