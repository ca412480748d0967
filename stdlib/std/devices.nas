// std/devices: what networks run on, from microcontrollers to graphics cards.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Each says where its facts come from. Latency is measured on `host`; on Cortex-M it is a count of
// instructions, which an emulator makes, times cycles that are declared. Elsewhere C is emitted,
// compiled and, with a `runner`, proven, but time is not known yet. `code: none`: cost-only, for
// searches and fleets; what it costs is declared, and no code is made.

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

device cortex_m0plus {
    documentation: "An Arm Cortex-M0+ microcontroller: no instructions for pairs of halfwords."
    source:        "STM32G071RB, ST's data sheet DS12232: 64 MHz, 128 KiB of flash, 36 KiB of",
                   "RAM; a few KiB of each are left to the rest of the program. Instructions:",
                   "counted by qemu-system-arm. Cycles per instruction: declared, not",
                   "measured."
    isa:           "armv6-m"
    clock:         64 MHz
    flash:         120 KiB
    ram:           32 KiB
    measure:       instructions
    cycles_per_instruction: 1.4
    compiler:      "arm-none-eabi-gcc"
    flags:         "-mcpu=cortex-m0plus -mthumb -mfloat-abi=soft -O2 -ffunction-sections"
}

device cortex_m7 {
    documentation: "An Arm Cortex-M7 microcontroller, which may issue two instructions a",
                   "cycle, without use of its floating-point unit."
    source:        "STM32F746, ST's data sheet DS10916: 216 MHz, 1 MiB of flash, 320 KiB of",
                   "RAM, 64 KiB of it tightly coupled for data. Instructions: counted by",
                   "qemu-system-arm. Cycles per instruction and power: declared, not",
                   "measured."
    isa:           "armv7e-m"
    clock:         216 MHz
    flash:         1 MiB
    ram:           320 KiB
    tcm:           64 KiB
    power:         0.35 W
    measure:       instructions
    cycles_per_instruction: 0.8
    compiler:      "arm-none-eabi-gcc"
    flags:         "-mcpu=cortex-m7 -mthumb -mfloat-abi=soft -O2 -ffunction-sections"
}

device cortex_m55 {
    documentation: "An Arm Cortex-M55 microcontroller; its vector instructions are left to the",
                   "compiler."
    source:        "High-performance core of Alif Semiconductor's Ensemble E3, data sheet: 400",
                   "MHz, 5.5 MB of MRAM, 13.5 MB of SRAM in the whole chip, of which 1.25 MB",
                   "of tightly coupled memory belong to this core; the latter counts."
    isa:           "armv8.1-m"
    clock:         400 MHz
    flash:         5.5 MB
    ram:           1.25 MB
    compiler:      "arm-none-eabi-gcc"
    flags:         "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard -O3 -ffunction-sections"
}

device cortex_a53 {
    documentation: "One core of an Arm Cortex-A53."
    source:        "Raspberry Pi 3 Model B, product brief: BCM2837, four cores at 1.2 GHz, 1",
                   "GB."
    isa:           "armv8-a"
    clock:         1.2 GHz
    memory:        1 GB
    compiler:      "aarch64-linux-gnu-gcc"
    flags:         "-mcpu=cortex-a53 -O3 -static"
    runner:        "qemu-aarch64"
}

device cortex_a72 : cortex_a53 {
    documentation: "One core of an Arm Cortex-A72."
    source:        "Raspberry Pi 4 Model B, product brief: BCM2711, four cores at 1.5 GHz, 4",
                   "GB."
    clock:         1.5 GHz
    memory:        4 GB
    flags:         "-mcpu=cortex-a72 -O3 -static"
}

device cortex_a78 : cortex_a53 {
    documentation: "One core of an Arm Cortex-A78, whose instructions include dot products of",
                   "bytes; they are left to the compiler."
    source:        "Jetson AGX Orin series, NVIDIA's data sheet DS-10662-001: twelve cores of",
                   "Cortex-A78AE at 2.2 GHz, 32 GB of memory. Power of a core: assumed."
    isa:           "armv8.2-a"
    clock:         2.2 GHz
    memory:        32 GB
    power:         1.5 W
    flags:         "-mcpu=cortex-a78 -O3 -static"
}

device rv32imc {
    documentation: "A 32-bit RISC-V microcontroller with multiplication and short",
                   "instructions."
    source:        "ESP32-C3, Espressif's data sheet: one RV32IMC core at 160 MHz, 400 KiB of",
                   "SRAM, 4 MiB of flash in the package."
    isa:           "rv32imc"
    clock:         160 MHz
    flash:         4 MiB
    ram:           400 KiB
    compiler:      "riscv32-esp-elf-gcc"
    flags:         "-march=rv32imc -mabi=ilp32 -O2 -ffunction-sections"
}

device rv64gcv {
    documentation: "One core of a 64-bit RISC-V processor with vectors, which are left to the",
                   "compiler."
    source:        "SpacemiT K1, product brief: eight X60 cores at 1.6 GHz, RVA22 with RVV 1.0",
                   "of 256 bits; 4 GB of memory as on the Banana Pi BPI-F3. GCC vectorises for",
                   "it from release 14 on."
    isa:           "rv64gcv"
    clock:         1.6 GHz
    memory:        4 GB
    compiler:      "riscv64-linux-gnu-gcc"
    flags:         "-march=rv64gcv -mabi=lp64d -O3 -static"
    runner:        "qemu-riscv64 -cpu rv64,v=true,vlen=256"
}

device leon3 {
    documentation: "One core of a LEON3FT, a SPARC V8 for space; big-endian."
    source:        "GR712RC, data sheet and user's manual of Frontgrade Gaisler: two LEON3FT",
                   "cores at 100 MHz, 192 KiB of memory on the chip, which counts as RAM."
    isa:           "sparc-v8"
    clock:         100 MHz
    ram:           192 KiB
    compiler:      "sparc-gaisler-elf-gcc"
    flags:         "-qbsp=gr712rc -mcpu=leon3 -O2 -ffunction-sections"
}

device gr740 : leon3 {
    documentation: "One core of a GR740, a quad LEON4FT SPARC V8 for space; big-endian."
    source:        "GR740-UM-DS, data sheet and user's manual of Frontgrade Gaisler: four",
                   "LEON4FT cores at 250 MHz, 2 MiB of second-level cache, which counts as",
                   "RAM: SDRAM is much slower."
    clock:         250 MHz
    ram:           2 MiB
    flags:         "-qbsp=gr740 -mcpu=leon3 -O2 -ffunction-sections"
}

device esp32_s3 {
    documentation: "One core of an ESP32-S3 (Xtensa LX7); its vector instructions are not",
                   "used."
    source:        "ESP32-S3, Espressif's data sheet: two Xtensa LX7 cores at 240 MHz, 512 KiB",
                   "of SRAM; 8 MiB of flash as on the module WROOM-1-N8."
    isa:           "xtensa-lx7"
    clock:         240 MHz
    flash:         8 MiB
    ram:           512 KiB
    compiler:      "xtensa-esp32s3-elf-gcc"
    flags:         "-mlongcalls -O2 -ffunction-sections"
}

device wasm {
    documentation: "WebAssembly in a browser or a runtime."
    source:        "WebAssembly Core Specification 1.0, W3C: 32-bit addresses, so at most 4",
                   "GiB."
    isa:           "wasm32"
    memory:        4 GiB
    compiler:      "clang"
    flags:         "--target=wasm32 -O3 -ffreestanding"
}

// ---- cost-only: nothing is emitted for these, and what they cost is declared ----

device bit_serial {
    documentation: "An accelerator whose multipliers split into narrower ones, so that fewer",
                   "bits take less time. It stands for its kind; no such chip is meant."
    source:        "Declared. Time by bits: relative latency of whole networks with weights",
                   "and activations of 2, 4, 6 and 8 bits on designs such as Bit Fusion",
                   "(Sharma et al., ISCA 2018, arXiv 1712.01507); at 16 bits a multiplication",
                   "takes four of 8. Power: 895 mW, as that paper gives for 16 nm. Clock,",
                   "multipliers and memories: assumed."
    isa:           "bit-serial"
    clock:         500 MHz
    flash:         2 MiB
    ram:           512 KiB
    power:         0.895 W
    code:          none
    costs:         macs(per_cycle: 256, weights: i8, activations: i8),
                   relative(bits: 2, time: 0.18), relative(bits: 4, time: 0.40),
                   relative(bits: 6, time: 0.67), relative(bits: 8, time: 1),
                   relative(bits: 16, time: 4)
}

device jetson_orin {
    documentation: "NVIDIA Jetson AGX Orin, its GPU."
    source:        "Jetson AGX Orin series, NVIDIA's data sheet DS-10662-001 and technical",
                   "brief: 16 multiprocessors with 64 tensor cores at 1.3 GHz, 170 trillion",
                   "operations a second of 8 bits with sparsity, so half of it dense: 32,768",
                   "multiplications a cycle; half as many at f16; 204.8 GB/s; 32 GB, 15 to 40",
                   "W."
    isa:           "ampere"
    clock:         1.3 GHz
    memory:        32 GB
    power:         40 W
    code:          none
    weights:       i4, i8, f16, f32
    activations:   i8, f16, f32
    costs:         macs(per_cycle: 32768, weights: i8, activations: i8),
                   macs(per_cycle: 16384, weights: f16, activations: f16),
                   macs(per_cycle: 2048, weights: f32, activations: f32),
                   bandwidth(1638.4 Gbit/s)
}

device myriad_x {
    documentation: "Intel Movidius Myriad X, its neural compute engine."
    source:        "Intel's product brief of the Myriad X MA2485: neural compute engine of 1",
                   "trillion operations a second at 700 MHz, so 714 multiplications a cycle;",
                   "2.5 MB on the chip; 4 Gbit of LPDDR4 in the package; 1.5 W as announced in",
                   "2017."
    isa:           "myriad"
    clock:         700 MHz
    memory:        512 MiB
    power:         1.5 W
    code:          none
    weights:       f16
    activations:   f16
    costs:         macs(per_cycle: 714, weights: f16, activations: f16)
}

device rtx_4070ti {
    documentation: "NVIDIA GeForce RTX 4070 Ti, a graphics card in a ground station."
    source:        "NVIDIA's Ada architecture white paper: 60 multiprocessors, 240 tensor",
                   "cores, 2.61 GHz boost, 641 trillion operations a second of 8 bits with",
                   "sparsity, so half of it dense: 61,440 multiplications a cycle; half as",
                   "many at f16; 7,680 at f32; 504 GB/s; 12 GB; 285 W."
    isa:           "ada"
    clock:         2.61 GHz
    memory:        12 GB
    power:         285 W
    code:          none
    weights:       i4, i8, f16, f32
    activations:   i8, f16, f32
    costs:         macs(per_cycle: 61440, weights: i8, activations: i8),
                   macs(per_cycle: 30720, weights: f16, activations: f16),
                   macs(per_cycle: 7680, weights: f32, activations: f32),
                   bandwidth(4032 Gbit/s)
}
