/* Instruction sets, as facts: what schedulers and emitters ask before they decide.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#define VNNI_GUARD                                                                             \
    "defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && "            \
    "defined(__AVX512VL__)"
#define VNNI_CPU "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni,+avx2,+fma,+bmi2"

/* From the richest to the plainest: the machine nasc runs on takes the first that it has. */
const Isa isas[] = {
    {.name = "x86-64-avx512vnni",
     .guard = VNNI_GUARD,
     .cpu = VNNI_CPU,
     .vector_bits = 512,
     .dot = DOT_U8,
     .registers = 30,
     .alignment = 64,
     .bytes_unsigned = true},
    {.name = "x86-64-avx2",
     .guard = "defined(__AVX2__)",
     .cpu = "+avx2,+fma,+bmi2",
     .vector_bits = 256,
     .dot = DOT_I16,
     .registers = 14,
     .alignment = 32,
     .bytes_unsigned = true},
    {.name = "armv7e-m",
     .guard = "defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP",
     .cpu = "+dsp",
     .vector_bits = 32,
     .dot = DOT_I16,
     .registers = 12,
     .alignment = 8,
     .shared_kernels = true},
    {.name = "portable",
     .guard = "",
     .cpu = "",
     .vector_bits = 32,
     .dot = DOT_NONE,
     .registers = 14,
     .alignment = 8},
};
const int isa_count = sizeof isas / sizeof isas[0];

const Isa *isa_named(Str name) {
    for (int i = 0; i < isa_count; i++)
        if (str_equal(name, str_of(isas[i].name)))
            return &isas[i];
    return NULL;
}

static bool cpu_has(const Isa *isa) {
#if defined(__x86_64__)
    if (isa->vector_bits == 512)
        return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (isa->vector_bits == 256)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
#endif
    return isa->vector_bits == 32 && !isa->shared_kernels;
}

const Isa *isa_of_target(const Target *target) {
    if (target && !str_equal(target->isa, STR("native"))) {
        const Isa *isa = isa_named(target->isa);
        return isa ? isa : isa_named(STR("portable"));
    }
    int at = 0;
    while (!cpu_has(&isas[at]))
        at++;
    return &isas[at];
}
