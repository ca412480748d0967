/* A bare Cortex-M under qemu-system-arm (mps2-an386): vectors, reset, semihosting, an
 * instruction counter, and the memory functions that a compiler may call.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#include "harness.h"
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);

extern uint32_t link_stack_top[], link_data_start[], link_data_end[], link_bss_start[],
    link_bss_end[];
extern const uint32_t link_data_load[];

void reset(void);
void fault(void);

/* Stack, reset, then the system exceptions: none is expected. */
__attribute__((section(".vectors"), used)) const void *const vectors[16] = {
    link_stack_top, reset, fault, fault, fault, fault, fault, fault,
    fault,          fault, fault, fault, fault, fault, fault, fault,
};

/* ---- semihosting: the emulator's host at our service ------------------------------------- */

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT = 0x18 };
enum { EXIT_APPLICATION = 0x20026, EXIT_RUN_TIME_ERROR = 0x20023 };

static int semihost(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(int status) {
    int reason = status == 0 ? EXIT_APPLICATION : EXIT_RUN_TIME_ERROR;
    for (;;)
        semihost(SYS_EXIT, (const void *)reason);
}

void fault(void) {
    harness_print("fault\n");
    leave(1);
}

/* The host's standard output: SYS_WRITE0 would go to its standard error. */
static int console_open(void) {
    enum { WRITE_TEXT = 4 };
    const uint32_t argument[3] = {(uint32_t) ":tt", WRITE_TEXT, 3};
    return semihost(SYS_OPEN, argument);
}

static int console;

void harness_print(const char *text) {
    harness_write(console, text, strlen(text));
}

void harness_print_number(uint64_t value) {
    char digits[24];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    harness_print(at);
}

int harness_open(const char *path, int writes) {
    enum { READ_BINARY = 1, WRITE_BINARY = 5 };
    const uint32_t argument[3] = {(uint32_t)path, writes ? WRITE_BINARY : READ_BINARY,
                                  strlen(path)};
    return semihost(SYS_OPEN, argument);
}

/* SYS_READ and SYS_WRITE return how many bytes did not pass. */
int harness_read(int file, void *bytes, uint32_t count) {
    const uint32_t argument[3] = {(uint32_t)file, (uint32_t)bytes, count};
    return semihost(SYS_READ, argument) == 0;
}

int harness_write(int file, const void *bytes, uint32_t count) {
    const uint32_t argument[3] = {(uint32_t)file, (uint32_t)bytes, count};
    return semihost(SYS_WRITE, argument) == 0;
}

int harness_close(int file) {
    const uint32_t argument[1] = {(uint32_t)file};
    return semihost(SYS_CLOSE, argument) == 0;
}

/* ---- counting instructions --------------------------------------------------------------- */

/* CMSDK APB timer 0 counts down at 25 MHz. With `-icount shift=6` an instruction takes 64 ns of
 * emulated time, so five calls of n instructions take 8 n ticks, and a division by 8 is exact:
 * the one tick that a start between two ticks may add or hide rounds away. */
typedef struct Timer {
    volatile uint32_t control, value, reload;
} Timer;
#define TIMER ((Timer *)0x40000000)
enum { CALLS = 5, TICKS = 8 };

__attribute__((noinline)) static uint32_t ticks_of(void (*step)(uint8_t *arena),
                                                   uint8_t *arena) {
    uint32_t start = TIMER->value;
    for (int i = 0; i < CALLS; i++)
        step(arena);
    return start - TIMER->value;
}

__attribute__((noinline)) static void nothing(uint8_t *arena) {
    __asm__ volatile("" : : "r"(arena) : "memory");
}

/* The call and the return belong to the harness: what remains is what stands between them. */
uint64_t harness_cost(void (*step)(uint8_t *arena), uint8_t *arena) {
    uint32_t empty = ticks_of(nothing, arena);
    uint32_t ticks = ticks_of(step, arena) - empty;
    return (uint64_t)((ticks + TICKS / 2) / TICKS) * 1000;
}

/* ---- start ------------------------------------------------------------------------------- */

static void start_units(void) {
    volatile uint32_t *coprocessors = (volatile uint32_t *)0xE000ED88;
    *coprocessors |= 0xfu << 20; /* the floating-point unit */
#if __ARM_ARCH < 8 /* boards of later cores have no timer there */
    TIMER->reload = 0xffffffffu;
    TIMER->value = 0xffffffffu;
    TIMER->control = 1;
#endif
}

void reset(void) {
    const uint32_t *load = link_data_load;
    for (uint32_t *at = link_data_start; at < link_data_end; at++)
        *at = *load++;
    for (uint32_t *at = link_bss_start; at < link_bss_end; at++)
        *at = 0;
    start_units();
    console = console_open();
    leave(harness_main());
}

/* ---- what compilers call, whether the source does or not --------------------------------- */

/* `volatile` keeps a compiler from recognising the loop and calling the function itself. */
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    volatile unsigned char *t = to;
    const unsigned char *f = from;
    while (count-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    volatile unsigned char *t = to;
    const unsigned char *f = from;
    if (t < f)
        return memcpy(to, from, count);
    while (count-- > 0)
        t[count] = f[count];
    return to;
}

void *memset(void *to, int byte, size_t count) {
    volatile unsigned char *t = to;
    while (count-- > 0)
        *t++ = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < count; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

size_t strlen(const char *text) {
    const volatile char *t = text;
    size_t length = 0;
    while (t[length] != 0)
        length++;
    return length;
}
