/* Code through LLVM against the kernel interpreter and the reference: random routines, random
 * models, every instruction set that this machine has, and objects for other machines run by
 * emulators.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/jit.h"
#include "tests/codegen/random_model.h"
#include "tests/codegen/random_routine.h"
#include "tests/unit.h"

#include <sys/stat.h>

enum { LAYERS = 7, VECTORS = 2 };

/* For longer runs: ROUTINES=20000 MODELS=2000 SEED=1000. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

/* ---- routines ---------------------------------------------------------------------------- */

typedef struct Memory {
    _Alignas(64) uint8_t in[ROUTINE_BYTES], in2[ROUTINE_BYTES], out[ROUTINE_BYTES],
        weights[ROUTINE_BYTES], constants[ROUTINE_BYTES], scratch[64];
    int32_t params[16];
} Memory;

static void memory_fill(Memory *memory, uint64_t seed) {
    uint8_t *parts[] = {memory->in, memory->in2, memory->weights, memory->constants};
    memset(memory, 0, sizeof *memory);
    for (int p = 0; p < COUNT(parts); p++)
        for (int i = 0; i < ROUTINE_BYTES; i++)
            parts[p][i] = (uint8_t)random_bits(seed, (uint64_t)p, (uint64_t)i);
    memory->params[0] = (int)(seed % 7) - 1;
}

static void memory_regions(Memory *m, Region region[ARG_COUNT]) {
    region[ARG_IN] = (Region){m->in, sizeof m->in};
    region[ARG_IN2] = (Region){m->in2, sizeof m->in2};
    region[ARG_OUT] = (Region){m->out, sizeof m->out};
    region[ARG_WEIGHTS] = (Region){m->weights, sizeof m->weights};
    region[ARG_CONSTANTS] = (Region){m->constants, sizeof m->constants};
    region[ARG_SCRATCH] = (Region){m->scratch, sizeof m->scratch};
    region[ARG_PARAMS] = (Region){(uint8_t *)m->params, sizeof m->params};
}

static void routine_compare(Jit *jit, Arena *arena, const Isa *isa, uint64_t seed) {
    Routine routine = random_routine(arena, seed);
    static Memory interpreted, compiled;
    Region region[ARG_COUNT];
    Str why = STR("");
    const char *fault = routine_check(&routine);
    if (fault)
        fail_msg("%llu: %s", (unsigned long long)seed, fault);
    memory_fill(&interpreted, seed);
    memory_fill(&compiled, seed);
    memory_regions(&interpreted, region);
    if (!routine_run(arena, &routine, region, &why))
        fail_msg("%llu: %.*s", (unsigned long long)seed, STR_ARG(why));
    KernelCode *code = jit_kernel(jit, isa, &routine, arena, &why);
    if (!code)
        fail_msg("%s, %llu: %.*s", isa->name, (unsigned long long)seed, STR_ARG(why));
    code(compiled.in, compiled.in2, compiled.out, compiled.weights, compiled.constants,
         compiled.scratch, compiled.params);
    for (int i = 0; i < ROUTINE_BYTES; i++)
        if (interpreted.out[i] != compiled.out[i])
            fail_msg("%s, %llu: byte %d is %d, not %d", isa->name, (unsigned long long)seed, i,
                     compiled.out[i], interpreted.out[i]);
    assert_memory_equal(interpreted.scratch, compiled.scratch, sizeof compiled.scratch);
}

static Jit *jit_open(Arena *arena) {
    Str warning;
    Jit *jit = jit_new(arena, NULL, &warning);
    if (llvm_available() && !jit)
        fail_msg("%.*s", STR_ARG(warning));
    return jit;
}

static bool runs_here(const Isa *isa) {
    return isa >= isa_of_target(NULL) && !isa->shared_kernels;
}

static void random_routines(void **state) {
    (void)state;
    Arena *arena = arena_new(), *scratch = arena_new();
    Jit *jit = jit_open(arena);
    int first = setting("SEED", 1), count = setting("ROUTINES", 60);
    LEAVE_UNLESS(jit, "there is no LLVM");
    for (int i = 0; i < isa_count; i++)
        for (int seed = first; seed < first + count && runs_here(&isas[i]); seed++) {
            routine_compare(jit, scratch, &isas[i], (uint64_t)seed);
            arena_reset(scratch);
        }
    jit_free(jit);
    arena_free(scratch);
    arena_free(arena);
}

/* ---- models ------------------------------------------------------------------------------ */

/* A caller's tensor of random codes, as stored. */
static uint8_t *input_stored(Arena *arena, const Tensor *tensor, uint64_t seed, int vector) {
    int64_t count = shape_elements(tensor->shape);
    int16_t *codes = arena_array(arena, int16_t, count);
    uint8_t *stored =
        arena_alloc(arena, (size_t)tensor_bytes(tensor->shape, tensor->format) + 64);
    random_input(tensor, seed, vector, codes);
    if (tensor->format == FORMAT_I16)
        memcpy(stored, codes, 2 * (size_t)count);
    else if (tensor->format == FORMAT_I4)
        pack_rows(codes, shape_pixels(tensor->shape), shape_channels(tensor->shape), FORMAT_I4,
                  stored);
    for (int64_t i = 0; i < count && format_bits(tensor->format) == 8; i++)
        stored[i] = (uint8_t)codes[i];
    return stored;
}

/* The kernel interpreter's outputs equal the reference's: test_program sees to that. */
static void model_compare(Jit *jit, Arena *arena, const Isa *isa, uint64_t seed) {
    Model model = random_model(arena, seed, LAYERS);
    const Tensor *from = &model.layers[0].out, *to = &model.layers[model.output].out;
    size_t bytes = (size_t)tensor_bytes(to->shape, to->format);
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_isa(arena, &model, NULL, isa, &program, &span, &why))
        fail_msg("%s, %llu: %.*s", isa->name, (unsigned long long)seed, STR_ARG(why));
    JitProgram *ready = jit_program(jit, &program, arena, &why);
    if (!ready)
        fail_msg("%s, %llu: %.*s", isa->name, (unsigned long long)seed, STR_ARG(why));
    void *memory = arena_alloc(arena, (size_t)program.arena_bytes + 64);
    uint8_t *expected = arena_alloc(arena, bytes + 64), *got = arena_alloc(arena, bytes + 64);
    for (int v = 0; v < VECTORS; v++) {
        uint8_t *input = input_stored(arena, from, seed, v);
        assert_true(program_run(arena, &program, input, expected, &why));
        jit_run(ready, input, got, memory);
        for (size_t i = 0; i < bytes; i++)
            if (expected[i] != got[i])
                fail_msg("%s, %llu, vector %d: byte %zu is %d, not %d", isa->name,
                         (unsigned long long)seed, v, i, got[i], expected[i]);
    }
}

static void random_models(void **state) {
    (void)state;
    Arena *arena = arena_new(), *scratch = arena_new();
    Jit *jit = jit_open(arena);
    int first = setting("SEED", 1), count = setting("MODELS", 20);
    LEAVE_UNLESS(jit, "there is no LLVM");
    for (int i = 0; i < isa_count; i++)
        for (int seed = first; seed < first + count && runs_here(&isas[i]); seed++) {
            model_compare(jit, scratch, &isas[i], (uint64_t)seed);
            arena_reset(scratch);
        }
    jit_free(jit);
    arena_free(scratch);
    arena_free(arena);
}

/* ---- kernels that are kept ---------------------------------------------------------------- */

enum { KEPT = 6 };

static JitCounts kept_run(const char *file, Str *warning) {
    Arena *arena = arena_new(), *scratch = arena_new();
    static char said[300];
    Jit *jit = jit_new(arena, file, warning);
    snprintf(said, sizeof said, "%.*s", STR_ARG(*warning));
    *warning = str_of(said);
    assert_non_null(jit);
    for (uint64_t seed = 1; seed <= KEPT; seed++)
        routine_compare(jit, scratch, isa_of_target(NULL), seed);
    JitCounts counts = jit_counts(jit);
    jit_free(jit);
    arena_free(scratch);
    arena_free(arena);
    return counts;
}

static void kernels_are_kept(void **state) {
    (void)state;
    char folder[256], file[300];
    Str warning;
    LEAVE_UNLESS(llvm_available(), "there is no LLVM");
    directory_own(folder);
    snprintf(file, sizeof file, "%s/kernels.db", folder);
    JitCounts first = kept_run(file, &warning), again = kept_run(file, &warning);
    assert_int_equal(first.compiled, KEPT);
    assert_int_equal(first.found, 0);
    assert_int_equal(again.compiled, 0);
    assert_int_equal(again.found, KEPT);
    assert_int_equal(warning.length, 0);
    directory_remove(folder);
}

/* Machine code that others could have put there is not run. */
static void foreign_files_are_not_read(void **state) {
    (void)state;
    char folder[256], file[300];
    Str warning;
    LEAVE_UNLESS(llvm_available(), "there is no LLVM");
    directory_own(folder);
    snprintf(file, sizeof file, "%s/kernels.db", folder);
    kept_run(file, &warning);
    assert_int_equal(chmod(file, 0666), 0);
    JitCounts counts = kept_run(file, &warning);
    assert_int_equal(counts.compiled, KEPT);
    assert_non_null(strstr(warning.at, "can be written by others"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/dev/null", file), 0);
    counts = kept_run(file, &warning);
    assert_int_equal(counts.compiled, KEPT);
    assert_non_null(strstr(warning.at, "is not a regular file"));
    directory_remove(folder);
}

/* ---- threads ----------------------------------------------------------------------------- */

enum { THREADS = 4, ASKED = 64, DISTINCT = 8 };

typedef struct Crowd {
    Jit *jit;
    Arena *arena[THREADS];
    KernelCode *code[ASKED];
} Crowd;

static void crowd_ask(void *context, int i, int worker) {
    Crowd *crowd = context;
    Str why;
    Routine routine = random_routine(crowd->arena[worker], (uint64_t)(i % DISTINCT));
    crowd->code[i] =
        jit_kernel(crowd->jit, isa_of_target(NULL), &routine, crowd->arena[worker], &why);
}

static void each_kernel_is_made_once(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Pool *pool = pool_new(THREADS);
    Crowd crowd = {.jit = jit_open(arena)};
    LEAVE_UNLESS(crowd.jit, "there is no LLVM");
    for (int t = 0; t < THREADS; t++)
        crowd.arena[t] = arena_new();
    pool_run(pool, ASKED, crowd_ask, &crowd);
    for (int i = 0; i < ASKED; i++) {
        assert_non_null(crowd.code[i]);
        assert_ptr_equal(crowd.code[i], crowd.code[i % DISTINCT]);
    }
    assert_int_equal(jit_counts(crowd.jit).compiled, DISTINCT);
    for (int t = 0; t < THREADS; t++)
        arena_free(crowd.arena[t]);
    jit_free(crowd.jit);
    pool_free(pool);
    arena_free(arena);
}

/* ---- files ------------------------------------------------------------------------------- */

static bool emitted(Arena *arena, const Program *program, const char *triple, LlvmForm form,
                    Str *bytes) {
    LlvmTarget target = {.triple = str_of(triple)};
    Str why = STR("");
    bool done = emit_llvm(arena, program, STR("tiny"), &target, form, bytes, &why);
    assert_true(done || why.length > 0);
    return done;
}

/* The same program, the same bytes; and what each form begins with. */
static void files_repeat(void **state) {
    (void)state;
    static const char *const begins[] = {[LLVM_TEXT] = "; ModuleID = 'tiny'",
                                         [LLVM_BITCODE] = "BC\xC0\xDE",
                                         [LLVM_ASSEMBLY] = "\t",
                                         [LLVM_OBJECT] = "\x7f"
                                                         "ELF"};
    Arena *arena = arena_new();
    Model model = random_model(arena, 5, LAYERS);
    Program program;
    Span span;
    Str why, first, again;
    assert_true(program_build_isa(arena, &model, NULL, isa_named(STR("portable")), &program,
                                  &span, &why));
    for (int form = 0; form < COUNT(begins) && llvm_available(); form++) {
        assert_true(emitted(arena, &program, "riscv64-linux-gnu", (LlvmForm)form, &first));
        assert_true(emitted(arena, &program, "riscv64-linux-gnu", (LlvmForm)form, &again));
        assert_true(str_equal(first, again));
        assert_true(str_starts(first, str_of(begins[form])));
    }
    assert_false(emitted(arena, &program, "no-such-machine", LLVM_OBJECT, &first));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_routines),
        cmocka_unit_test(random_models),
        cmocka_unit_test(kernels_are_kept),
        cmocka_unit_test(foreign_files_are_not_read),
        cmocka_unit_test(each_kernel_is_made_once),
        cmocka_unit_test(files_repeat),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
