// std/devices: what emitted code runs on.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

device host {
    documentation: "The machine that nasc runs on. Kernels are compiled and timed on it."
    source:        "measured where nasc runs"
    isa:           "native"
    measure:       time
    compiler:      "cc"
    flags:         "-O3 -march=native"
}

device cortex_m4 {
    documentation: "An Arm Cortex-M4 microcontroller without use of its floating-point unit."
    source:        "clock and memories: the class of STM32L4R5xx (ST data sheet DS12023: 120 MHz;",
                   "640 KiB of RAM in three banks, of which 320 KiB are counted, and up to 2 MiB of",
                   "flash, of which 1 MiB is). Instructions: counted by qemu-system-arm -icount on",
                   "emitted kernels. Cycles per instruction: declared, not measured; about what",
                   "integer loops with loads take on this core."
    isa:           "armv7e-m"
    clock:         120 MHz
    flash:         1 MiB
    ram:           320 KiB
    measure:       instructions
    cycles_per_instruction: 1.3
    compiler:      "arm-none-eabi-gcc"
    flags:         "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft -O2 -ffunction-sections"
    table:         "tables/cortex_m4"
}
