/* Random routines in the kernel interpreter and as emitted C, byte for byte: for every instruction
 * set, with its intrinsics and in plain C, under gcc and clang, without and with optimisation,
 * under sanitizers, on a big-endian machine and on a Cortex-M4.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_routine.h"
#include "tests/unit.h"

enum { ROUTINES = 6, PARAMS = 4 };

/* For longer runs: ROUTINES=1000 SEED=5000; KEEP=1 leaves the emitted files where they are. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

static char place[256]; /* the directory of the emitted files */

/* ---- what is expected ------------------------------------------------------------------- */

typedef struct Memory {
    uint8_t region[ARG_COUNT][ROUTINE_BYTES];
} Memory;

static void memory_fill(Memory *memory, uint32_t seed) {
    uint32_t x = seed;
    for (int r = 0; r < ARG_PARAMS; r++)
        for (int i = 0; i < ROUTINE_BYTES; i++) {
            x = x * 1664525u + 1013904223u;
            memory->region[r][i] = r == ARG_OUT ? 0 : (uint8_t)(x >> 24);
        }
    int32_t params[PARAMS] = {(int32_t)(seed % 7) - 1, 3, 2, 1};
    memcpy(memory->region[ARG_PARAMS], params, sizeof params);
}

static uint32_t hash_of(const uint8_t *bytes) {
    uint32_t hash = 2166136261u;
    for (int i = 0; i < ROUTINE_BYTES; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

static uint32_t expected(Arena *arena, const Routine *routine, uint32_t seed) {
    Memory *memory = arena_new_of(arena, Memory);
    memory_fill(memory, seed);
    Region region[ARG_COUNT];
    for (int r = 0; r < ARG_COUNT; r++)
        region[r] = (Region){memory->region[r], ROUTINE_BYTES};
    Str why;
    if (!routine_run(arena, routine, region, &why))
        fail_msg("routine %u: %.*s", seed, STR_ARG(why));
    return hash_of(memory->region[ARG_OUT]);
}

/* Bytes mean the same on every machine; wider elements lie in its own order. */
static void only_bytes(Routine *routine) {
    for (int i = 0; i < routine->insns.count; i++) {
        Insn *insn = &routine->insns.at[i];
        if (insn->kind == INSN_LOAD && insn->a != ARG_PARAMS && type_bits(insn->type2) > 8)
            insn->type2 = type_is_signed(insn->type2) ? I8 : U8;
    }
}

/* ---- a file of routines ----------------------------------------------------------------- */

static const char driver[] =
    "#include <string.h>\n"
    "#ifdef BARE\n#include \"runtime/harness.h\"\n"
    "#define say harness_print\n#define main harness_main\n"
    "#else\n#include <stdio.h>\nstatic void say(const char *s) { fputs(s, stdout); }\n#endif\n"
    "typedef void Kernel(const void *, const void *, void *, const void *, const void *, void "
    "*,\n"
    "                    const int32_t *);\n"
    "static union { uint8_t region[6][BYTES]; uint64_t align[1]; }\n"
    "#if defined(__GNUC__)\n__attribute__((aligned(64)))\n#endif\nmemory;\n"
    "static uint32_t run(Kernel *kernel, uint32_t seed)\n"
    "{\n"
    "    uint32_t x = seed, hash = 2166136261u;\n"
    "    int32_t params[4] = {0, 3, 2, 1};\n"
    "    int r, i;\n"
    "    params[0] = (int32_t)(seed % 7) - 1;\n"
    "    for (r = 0; r < 6; r++)\n"
    "        for (i = 0; i < BYTES; i++) {\n"
    "            x = x * 1664525u + 1013904223u;\n"
    "            memory.region[r][i] = r == 2 ? 0 : (uint8_t)(x >> 24);\n"
    "        }\n"
    "    kernel(memory.region[0], memory.region[1], memory.region[2], memory.region[3],\n"
    "           memory.region[4], memory.region[5], params);\n"
    "    for (i = 0; i < BYTES; i++)\n"
    "        hash = (hash ^ memory.region[2][i]) * 16777619u;\n"
    "    return hash;\n"
    "}\n"
    "static void say_number(uint32_t n)\n"
    "{\n"
    "    char s[12] = \"           \";\n"
    "    int i = 10;\n"
    "    do { s[--i] = (char)('0' + n % 10); n /= 10; } while (n);\n"
    "    s[10] = '\\n'; s[11] = 0;\n"
    "    say(s + i);\n"
    "}\n"
    "int main(void)\n"
    "{\n"
    "    uint32_t faults = 0, i;\n"
    "    for (i = 0; i < sizeof kernels / sizeof kernels[0]; i++)\n"
    "        if (run(kernels[i], seeds[i]) != hashes[i]) {\n"
    "            faults++;\n"
    "            say(\"differs: routine \"); say_number(seeds[i]);\n"
    "        }\n"
    "    say(faults ? \"some differ\\n\" : \"all equal\\n\");\n"
    "    return faults != 0;\n"
    "}\n";

/* Sums requantised as on Cortex-M: what two instructions do that one instruction can, with
 * intermediate values that nothing else reads. */
static Routine requantising(Arena *arena, uint64_t seed) {
    Routine r = routine_new(arena, STR("requantising"));
    for (int i = 0; i < 32; i++) {
        int shift = 1 + (int)(random_bits(seed, 0, (uint64_t)i) % 31);
        int bits = 1 + (int)(random_bits(seed, 1, (uint64_t)i) % 31);
        Reg sum = op_load(&r, I32, 32, I8, ARG_IN, 11 * i, 1);
        sum = op1(&r, INSN_SHL, I32, sum, (int)(random_bits(seed, 2, (uint64_t)i) % 25));
        Reg factor = op_load(&r, I32, 32, U8, ARG_IN2, 7 * i, 1);
        factor = op1(&r, INSN_SHL, I32, factor, 23);
        Reg round = op_constant(&r, I32, 32, 1 << (shift - 1));
        Reg high = op2(&r, INSN_MULHI, I32, sum, factor);
        Reg code =
            i % 2 ? op2(&r, INSN_ADD, I32, high, round) : op2(&r, INSN_ADD, I32, round, high);
        code = op1(&r, INSN_SHR, I32, code, shift);
        code = op1(&r, INSN_SATURATE, i % 3 ? I32 : U32, code, bits);
        op_store(&r, U8, code, U8, ARG_OUT, 4 * i, 4);
    }
    return r;
}

static void write_file(const Isa *isa, bool bytes, bool only, const char *name) {
    Arena *arena = arena_new();
    Text text = text_new(arena), names = text_new(arena), seeds = text_new(arena);
    Text hashes = text_new(arena);
    int count = setting("ROUTINES", ROUTINES), first = setting("SEED", 1);
    const Routine **routines = arena_array(arena, const Routine *, count);
    text_add(&text, "#include <stdint.h>\n");
    for (int i = 0; i < count; i++) {
        Routine *routine = arena_new_of(arena, Routine);
        *routine = i ? random_routine(arena, (uint64_t)(first + i))
                     : requantising(arena, (uint64_t)first);
        if (bytes)
            only_bytes(routine);
        routines[i] = routine;
        text_add(&names, "rr_%d, ", i);
        text_add(&seeds, "%du, ", first + i);
        text_add(&hashes, "%uu, ", expected(arena, routine, (uint32_t)(first + i)));
    }
    (only ? leaves_print_only : leaves_print)(&text, STR("rr"), isa, routines, count);
    assert_int_equal(strstr(text.at, "#error") != NULL, only);
    for (int i = 0; i < count; i++)
        routine_print_c(&text, STR("rr"), str_format(arena, "rr_%d", i), isa, routines[i]);
    text_add(&text, "#define BYTES %d\n", ROUTINE_BYTES);
    Str head = str_format(arena,
                          "typedef void K(const void *, const void *, void *, const void *,\n"
                          "               const void *, void *, const int32_t *);\n"
                          "static K *const kernels[] = {%s};\n"
                          "static const uint32_t seeds[] = {%s};\n"
                          "static const uint32_t hashes[] = {%s};\n",
                          names.at, seeds.at, hashes.at);
    text_add_str(&text, head);
    text_add(&text, "%s", driver);
    const char *why;
    assert_true(
        file_write(path_join(arena, str_of(place), str_of(name)).at, text_str(&text), &why));
    arena_free(arena);
}

/* ---- compiling and running -------------------------------------------------------------- */

#define WARNINGS                                                                               \
    "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion",         \
        "-Wshadow", "-Werror"

static bool tool_works(Arena *arena, const char *tool) {
    char *argv[] = {(char *)tool, "--version", NULL};
    Str output, errors;
    const char *why;
    return command_run(arena, argv, 60, &output, &errors, &why) == 0;
}

static int must_run(Arena *arena, char *const argv[]) {
    Str output, errors;
    const char *why = "";
    int status = command_run(arena, argv, 600, &output, &errors, &why);
    if (status != 0)
        print_message("%s: %d %s\n%.*s%.6000s\n", argv[0], status, why, STR_ARG(output),
                      errors.at ? errors.at : "");
    return status;
}

/* A way to run a file of routines: the compiler and its flags, and what emulates the machine. */
typedef struct Way {
    const char *name, *file;
    const char *flags[10];
    const char *emulator;
    int needs; /* vector bits that this machine must have */
} Way;

#define AVX512 "-mavx512vnni", "-mavx512bw", "-mavx512dq", "-mavx512vl"
#define CORTEX_M4 "-mcpu=cortex-m4", "-mthumb", "-I.", "-DBARE"
#define SANITIZED "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"
static const Way ways[] = {
    {"avx512_gcc_0", "avx512.c", {"gcc", "-O0", AVX512}, NULL, 512},
    {"avx512_gcc_3", "avx512.c", {"gcc", "-O3", AVX512}, NULL, 512},
    {"avx512_clang_0", "avx512.c", {"clang", "-O0", AVX512}, NULL, 512},
    {"avx512_clang_3", "avx512.c", {"clang", "-O3", AVX512}, NULL, 512},
    {"avx512_plain", "avx512.c", {"gcc", "-O2"}, NULL, 0},
    {"avx2_gcc_0", "avx2.c", {"gcc", "-O0", "-mavx2"}, NULL, 256},
    {"avx2_gcc_3", "avx2.c", {"gcc", "-O3", "-mavx2", "-mfma"}, NULL, 256},
    {"avx2_clang_3", "avx2.c", {"clang", "-O3", "-mavx2", "-mfma"}, NULL, 256},
    {"avx2_sanitized", "avx2.c", {"clang", SANITIZED, "-mavx2"}, NULL, 256},
    {"portable_gcc_0", "portable.c", {"gcc", "-O0"}, NULL, 0},
    {"portable_gcc_3", "portable.c", {"gcc", "-O3", "-march=native"}, NULL, 0},
    {"portable_clang_3", "portable.c", {"clang", "-O3"}, NULL, 0},
    {"portable_gcc_sanitized", "portable.c", {"gcc", SANITIZED}, NULL, 0},
    {"portable_clang_sanitized", "portable.c", {"clang", SANITIZED}, NULL, 0},
    {"big_endian", "bytes.c", {"powerpc-linux-gnu-gcc", "-O2", "-static"}, "qemu-ppc", 0},
    {"cortex_m4", "arm.c", {"arm-none-eabi-gcc", "-O2", CORTEX_M4}, "qemu-system-arm", 0},
    {"cortex_m4_0", "arm.c", {"arm-none-eabi-gcc", "-O0", CORTEX_M4}, "qemu-system-arm", 0},
    {"arm_plain", "arm.c", {"clang", "-O1"}, NULL, 0},
};

static bool is_bare(const Way *way) {
    return way->emulator && strstr(way->emulator, "system");
}

static bool machine_has(int bits) {
    return bits == 0 || isa_of_target(NULL)->vector_bits >= bits;
}

/* The compiler with the way's flags and what else it is told. */
static int compile(Arena *arena, const Way *way, char *const rest[], int count) {
    char *argv[40];
    int n = 0;
    for (int i = 0; i < COUNT(way->flags) && way->flags[i]; i++)
        argv[n++] = (char *)way->flags[i];
    for (int i = 0; i < count; i++)
        argv[n++] = rest[i];
    argv[n] = NULL;
    return must_run(arena, argv);
}

static void build(Arena *arena, const Way *way, char *binary) {
    char *source = (char *)path_join(arena, str_of(place), str_of(way->file)).at;
    char *object = (char *)str_format(arena, "%s.o", binary).at;
    char *const first[] = {WARNINGS, "-c", "-o", object, source};
    assert_int_equal(compile(arena, way, first, COUNT(first)), 0);
    char *const hosted[] = {"-o", binary, object};
    char *const bare[] = {
        "-o",   binary, object, "runtime/cortex_m.c", "-nostdlib", "-T", "runtime/cortex_m.ld",
        "-lgcc"};
    if (is_bare(way))
        assert_int_equal(compile(arena, way, bare, COUNT(bare)), 0);
    else
        assert_int_equal(compile(arena, way, hosted, COUNT(hosted)), 0);
}

static void run_way(void **state) {
    const Way *way = *state;
    Arena *arena = arena_new();
    LEAVE_UNLESS(tool_works(arena, way->flags[0]) &&
                     (!way->emulator || tool_works(arena, way->emulator)),
                 way->flags[0]);
    LEAVE_UNLESS(machine_has(way->needs), "this processor's instructions");
    char *binary = (char *)path_join(arena, str_of(place), str_of(way->name)).at;
    build(arena, way, binary);
    char *direct[] = {binary, NULL};
    char *emulated[] = {(char *)way->emulator, binary, NULL};
    char *board[] = {(char *)way->emulator,
                     "-M",
                     "mps2-an386",
                     "-nographic",
                     "-monitor",
                     "none",
                     "-serial",
                     "none",
                     "-semihosting-config",
                     "enable=on,target=native",
                     "-kernel",
                     binary,
                     NULL};
    char **run = is_bare(way) ? board : way->emulator ? emulated : direct;
    assert_int_equal(must_run(arena, run), 0);
    arena_free(arena);
}

static int files_write(void **state) {
    (void)state;
    directory_own(place);
    write_file(isa_named(STR("x86-64-avx512vnni")), false, false, "avx512.c");
    write_file(isa_named(STR("x86-64-avx2")), false, true, "avx2.c");
    write_file(isa_named(STR("portable")), false, false, "portable.c");
    write_file(isa_named(STR("portable")), true, false, "bytes.c");
    write_file(isa_named(STR("armv7e-m")), false, false, "arm.c");
    return 0;
}

static int files_remove(void **state) {
    (void)state;
    if (!getenv("KEEP"))
        directory_remove(place);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[COUNT(ways)];
    for (int i = 0; i < COUNT(ways); i++)
        tests[i] = (struct CMUnitTest){ways[i].name, run_way, NULL, NULL, (void *)&ways[i]};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, files_write, files_remove);
}
