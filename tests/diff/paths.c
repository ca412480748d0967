/* The table of all ways to execute a network.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"

#define SANITIZERS "-fsanitize=address,undefined -fno-sanitize-recover=all -DEXACT"
#define VNNI "-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx2 -mfma -mbmi2"
#define AVX2 "-mavx2 -mfma -mbmi2"
#define COMPILED .missing = compiled_missing, .run = compiled_run
#define ON_HOST .group = "c", .usual = 200, .batch = 25, COMPILED
#define EMULATED .group = "emulated", .usual = 100, .batch = 25, COMPILED
#define CORTEX "-mthumb -O2 -ffreestanding"

#define IN_PROCESS .group = "process", .usual = 2000, .batch = 1, .missing = nothing_missing
#define KERNELS IN_PROCESS, .checked = 100, .run = kernels_run
#define JIT                                                                                    \
    .group = "process", .usual = 500, .batch = 1, .missing = jit_missing, .begin = jit_begin,  \
    .run = jit_run_all

const Path paths[] = {
    {"analysis", IN_PROCESS, .checked = 200, .run = analysis_run},
    {"kernel-vnni", KERNELS, .isa = "x86-64-avx512vnni"},
    {"kernel-avx2", KERNELS, .isa = "x86-64-avx2"},
    {"kernel-arm", KERNELS, .isa = "armv7e-m"},
    {"kernel-plain", KERNELS, .isa = "portable"},
    {"stream-vnni", KERNELS, .isa = "x86-64-avx512vnni", .streams = true},
    {"stream-arm", KERNELS, .isa = "armv7e-m", .streams = true},
    {"jit-vnni", JIT, .checked = 24, .isa = "x86-64-avx512vnni"},
    {"jit-avx2", JIT, .isa = "x86-64-avx2"},
    {"jit-plain", JIT, .isa = "portable"},
    {"gcc-O0", ON_HOST, .compiler = "gcc", .flags = "-O0", .isa = "portable"},
    {"gcc-O3", ON_HOST, .compiler = "gcc", .flags = "-O3", .isa = "portable"},
    {"gcc-vnni", ON_HOST, .checked = 24, .compiler = "gcc", .flags = "-O3 " VNNI,
     .isa = "x86-64-avx512vnni"},
    {"gcc-avx2", ON_HOST, .compiler = "gcc", .flags = "-O2 " AVX2, .isa = "x86-64-avx2"},
    {"gcc-fallback", .group = "c", .usual = 6, .batch = 2, COMPILED, .compiler = "gcc",
     .flags = "-O1", .isa = "x86-64-avx512vnni"},
    {"gcc-pairs", ON_HOST, .compiler = "gcc", .flags = "-O2", .isa = "armv7e-m"},
    {"gcc-sanitize", ON_HOST, .compiler = "gcc", .flags = "-O1 " SANITIZERS, .isa = "armv7e-m"},
    {"clang-O0", ON_HOST, .compiler = "clang", .flags = "-O0", .isa = "portable"},
    {"clang-O3", ON_HOST, .compiler = "clang", .flags = "-O3", .isa = "portable"},
    {"clang-vnni", ON_HOST, .compiler = "clang", .flags = "-O3 " VNNI,
     .isa = "x86-64-avx512vnni"},
    {"clang-avx2", ON_HOST, .compiler = "clang", .flags = "-O2 " AVX2, .isa = "x86-64-avx2"},
    {"clang-sanitize", ON_HOST, .checked = 24, .compiler = "clang", .flags = "-O1 " SANITIZERS,
     .isa = "portable"},
    {"vnni-sanitize", ON_HOST, .compiler = "clang", .flags = "-O1 " SANITIZERS " " VNNI,
     .isa = "x86-64-avx512vnni"},
    {"cortex-m4", EMULATED, .checked = 12, .compiler = "arm-none-eabi-gcc",
     .flags = "-mcpu=cortex-m4 " CORTEX, .board = "mps2-an386", .isa = "armv7e-m"},
    {"cortex-m4-c", EMULATED, .compiler = "arm-none-eabi-gcc",
     .flags = "-mcpu=cortex-m4 -DPLAIN " CORTEX, .board = "mps2-an386", .isa = "armv7e-m"},
    {"cortex-m7", EMULATED, .compiler = "arm-none-eabi-gcc", .flags = "-mcpu=cortex-m7 " CORTEX,
     .board = "mps2-an500", .isa = "armv7e-m"},
    {"cortex-m55", EMULATED, .compiler = "arm-none-eabi-gcc",
     .flags = "-mcpu=cortex-m55 " CORTEX, .board = "mps3-an547", .isa = "armv7e-m"},
    {"cortex-m0", EMULATED, .compiler = "arm-none-eabi-gcc", .flags = "-mcpu=cortex-m0 " CORTEX,
     .board = "mps2-an386", .isa = "portable"},
    {"aarch64", EMULATED, .compiler = "aarch64-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-aarch64", .isa = "portable"},
    {"riscv64", EMULATED, .compiler = "riscv64-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-riscv64", .isa = "portable"},
    {"powerpc", EMULATED, .checked = 12, .compiler = "powerpc-linux-gnu-gcc",
     .flags = "-O2 -static", .runner = "qemu-ppc", .isa = "portable"},
    {"s390x", EMULATED, .compiler = "s390x-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-s390x", .isa = "portable"},
    {"object-vnni", ON_HOST, .compiler = "gcc", .flags = "-O1", .triple = "x86_64-linux-gnu",
     .isa = "x86-64-avx512vnni"},
    {"object-m4", EMULATED, .compiler = "arm-none-eabi-gcc", .flags = "-mcpu=cortex-m4 " CORTEX,
     .board = "mps2-an386", .triple = "thumbv7em-none-eabi", .isa = "armv7e-m"},
    {"object-aarch64", EMULATED, .compiler = "aarch64-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-aarch64", .triple = "aarch64-linux-gnu", .isa = "portable"},
    {"object-riscv64", EMULATED, .compiler = "riscv64-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-riscv64", .triple = "riscv64-linux-gnu", .features = "+m,+a,+f,+d,+c",
     .isa = "portable"},
    {"object-powerpc", EMULATED, .compiler = "powerpc-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-ppc", .triple = "powerpc-linux-gnu", .isa = "portable"},
    {"object-s390x", EMULATED, .compiler = "s390x-linux-gnu-gcc", .flags = "-O2 -static",
     .runner = "qemu-s390x", .triple = "s390x-linux-gnu", .isa = "portable"},
};
const int path_count = COUNT(paths);

const Path *path_named(Str name) {
    for (int i = 0; i < path_count; i++)
        if (str_equal(name, str_of(paths[i].name)))
            return &paths[i];
    return NULL;
}
