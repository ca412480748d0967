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
    source:        "clock and memories: declared for the class of STM32L4R5 parts, which run",
                   "at 120 MHz with up to 640 KiB of RAM and 2 MiB of flash; half of each is",
                   "counted. Instructions: counted by qemu-system-arm -icount on emitted",
                   "kernels. Cycles per instruction: declared, not measured."
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
