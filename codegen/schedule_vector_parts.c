/* Parts of all vector schedules: constants that hold for all channels, sums to codes, the add
 * that may follow, codes to memory.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

Type vector_type(Format format) {
    return format == FORMAT_U8 ? U8 : format == FORMAT_I16 ? I16 : I8;
}

static bool is_i8(Format format) {
    return vector_type(format) == I8;
}

/* ---- the head of the constants ----------------------------------------------------------- */

/* A value's low bits in all bytes, or halves, of a word. */
static int64_t in_bytes(int64_t value) {
    return (int32_t)((uint32_t)(value & 255) * 0x01010101u);
}

static int64_t in_halves(int64_t value) {
    return (int32_t)((uint32_t)(value & 65535) * 0x00010001u);
}

static void head_widths(int64_t *head, int64_t value) {
    head[0] = in_bytes(value);
    head[1] = in_halves(value);
    head[2] = value;
}

/* Codes of a signed byte are kept as code + 128 while they are added. */
static int64_t unsigned_zero(int32_t zero, Format format) {
    return zero + (is_i8(format) ? 128 : 0);
}

/* Two operands of an add, as pairs of halves: multiplied by the high parts of their multipliers,
 * shifted by 11, and by the low ones. */
static void head_add(int64_t *head, const int32_t *multiplier, int64_t in_zero2,
                     int64_t out_zero) {
    int64_t m0 = multiplier ? multiplier[0] : 0, m1 = multiplier ? multiplier[1] : 0;
    head[HEAD_ADD_MULTIPLIER] = (m0 >> 11) + (m1 >> 11) * 65536;
    head[HEAD_ADD_MULTIPLIER + 1] = (m0 & 2047) + (m1 & 2047) * 65536;
    head[HEAD_ADD_IN] = in_halves(in_zero2);
    head[HEAD_ADD_ZERO] = out_zero;
    head[HEAD_ADD_ZERO_HALVES] = in_halves(out_zero);
}

static void head_fused_add(int64_t *head, const Step *step) {
    head[HEAD_ADD_LOW] = in_halves(step->add.low - step->add.zero);
    head[HEAD_ADD_HIGH] = in_halves(step->add.high - step->add.zero);
    head_add(head, step->add.multiplier, unsigned_zero(step->in_zero2, step->kernel.in2),
             step->out_zero);
}

/* The zero point of requantised codes; those that an add follows have none. */
static int64_t sum_zero(const Step *step) {
    return step->kernel.adds ? 0 : step->out_zero;
}

static void head_fill(const Vector *v, int64_t *head) {
    const Step *step = v->step;
    int64_t zero = sum_zero(step);
    int64_t fill = step->kernel.kind == OP_MAX_POOL ? (v->element == U8   ? 0
                                                       : v->element == I8 ? -128
                                                                          : INT16_MIN)
                                                    : step->in_zero + v->moved;
    if (step->shift > 32)
        head[HEAD_ROUND] =
            ((int64_t)1 << (step->shift - 33)) + zero * ((int64_t)1 << (step->shift - 32));
    head[HEAD_ZERO] = in_halves(zero);
    head[HEAD_FILL] = v->size == 1 ? in_bytes(fill) : in_halves(fill);
    head_widths(head + HEAD_LOW, step->low);
    head_widths(head + HEAD_HIGH, step->high);
    if (step->kernel.adds)
        head_fused_add(head, step);
    if (step->kernel.kind == OP_ADD) {
        head[HEAD_ZERO] = in_halves(unsigned_zero(step->in_zero, step->kernel.in));
        head_add(head, step->from->multiplier, unsigned_zero(step->in_zero2, step->kernel.in2),
                 step->out_zero);
    }
}

void vector_constants(Vector *v, int64_t count) {
    v->lowered->constants_type = I32;
    v->lowered->constants_count = HEAD_COUNT + count;
    v->constant = arena_array(v->arena, int64_t, HEAD_COUNT + count);
    head_fill(v, v->constant);
    v->lowered->constants = v->constant;
}

Reg vector_head(Vector *v, Type lane, int bits, int head) {
    return op_load_repeat(v->r, lane, bits, lane, ARG_CONSTANTS, 4 * head,
                          32 / type_bits(lane));
}

int64_t folded_bias(const Vector *v, int channel) {
    const Layer *layer = v->step->from;
    const int16_t *weight = layer->weight + (int64_t)channel * layer->row;
    int64_t sum = 0;
    for (int k = 0; k < layer->row; k++)
        sum += weight[k];
    int64_t bias = layer->bias[channel] - (v->step->in_zero + v->moved) * sum;
    return sums_are_wide(v) ? bias : (int32_t)bias; /* sums wrap */
}

bool sums_are_wide(const Vector *v) {
    return v->step->kernel.accumulator_bits == 64;
}

/* ---- the order of channels --------------------------------------------------------------- */

static bool stores_halves(const Vector *v) {
    return vector_type(v->step->kernel.out) == I16;
}

/* Packing takes blocks of 128 bits, that is of four lanes, from each vector in turn. */
int packed_channel(int vectors, int vector, int lane) {
    return lane / 4 * 4 * vectors + 4 * vector + lane % 4;
}

int lane_channel(const Vector *v, int vectors, int vector, int lane) {
    if (stores_halves(v) || vectors == 1 || (vectors == 3 && vector == 2))
        return vector * v->lanes + lane;
    return packed_channel(vectors == 3 ? 2 : vectors, vector, lane);
}

int vector_groups(const Vector *v, int vectors, int count, Group group[4]) {
    int groups = 0;
    for (int first = 0; first < vectors;) {
        int together = stores_halves(v) ? 1 : vectors - first == 3 ? 2 : vectors - first;
        int channel = first * v->lanes;
        int left = (int)min_i64(count - channel, (int64_t)together * v->lanes);
        group[groups++] = (Group){first, together, 1, left};
        first += together;
    }
    return groups;
}

/* ---- sums to codes ----------------------------------------------------------------------- */

Reg even_lanes(Vector *v, Reg a) {
    return op1(v->r, INSN_SHR, I64, op1(v->r, INSN_SHL, I64, a, 32), 32);
}

Reg odd_lanes(Vector *v, Reg a) {
    return op1(v->r, INSN_SHR, I64, a, 32);
}

static Reg requantised_wide(Vector *v, Reg sum, Reg multiplier) {
    const Step *step = v->step;
    Routine *r = v->r;
    int t = step->shift;
    int64_t zero = sum_zero(step);
    Reg product = op2(r, INSN_MUL, I64, sum, multiplier);
    Reg round =
        op_constant(r, I64, v->bits, ((int64_t)1 << (t - 1)) + zero * ((int64_t)1 << t));
    Reg code = op1(r, INSN_SHR, I64, op2(r, INSN_ADD, I64, product, round), t);
    code = op2(r, INSN_MAX, I64, code, op_constant(r, I64, v->bits, INT16_MIN));
    return op2(r, INSN_MIN, I64, code, op_constant(r, I64, v->bits, INT16_MAX));
}

/* Where the shift is below 33, products are summed in 64 bits; clamped to 16 bits, which no later
 * clamp is beyond. */
static Reg requantised_low(Vector *v, Reg sum, Reg multiplier) {
    return requantise_wide(v, even_lanes(v, sum), odd_lanes(v, sum), multiplier);
}

Reg requantise_wide(Vector *v, Reg even, Reg odd, Reg multiplier) {
    Routine *r = v->r;
    even = requantised_wide(v, even, even_lanes(v, multiplier));
    odd = requantised_wide(v, odd, odd_lanes(v, multiplier));
    even = op2(r, INSN_AND, I64, even, op_constant(r, I64, v->bits, 0xffffffff));
    return op2(r, INSN_XOR, I64, even, op1(r, INSN_SHL, I64, odd, 32));
}

/* Codes of bytes whose shift is small: the high words of products are packed to halves before they
 * are rounded. What packing saturates is at least 256 codes from the zero point, since
 * 2^15 >> 7 = 256, and is clamped either way. */
static bool rounds_halves(const Vector *v) {
    int shift = v->step->shift - 32;
    return shift >= 1 && shift <= 7 && !stores_halves(v) && !sums_are_wide(v);
}

void requantise_sums(Vector *v, bool packed, Reg *sums, int count, Reg multiplier) {
    Routine *r = v->r;
    int shift = v->step->shift - 32;
    bool later = packed && rounds_halves(v);
    Reg round = shift > 0 && !later ? vector_head(v, I32, v->bits, HEAD_ROUND) : NO_REG;
    for (int i = 0; i < count; i++) {
        if (shift <= 0) {
            sums[i] = requantised_low(v, sums[i], multiplier);
            continue;
        }
        sums[i] = op2(r, INSN_MULHI, I32, sums[i], multiplier);
        if (!later)
            sums[i] = op1(r, INSN_SHR, I32, op2(r, INSN_ADD, I32, sums[i], round), shift);
    }
}

/* Two vectors of a group to one of halves: codes, not yet clamped. */
static Reg packed_halves(Vector *v, Reg a, Reg b) {
    Routine *r = v->r;
    if (v->step->kernel.kind == OP_ADD)
        return packed_sums(v, a, b, v->step->shift);
    Reg halves = op2(r, INSN_PACK, I16, a, b);
    if (!rounds_halves(v))
        return halves;
    int64_t factor = (int64_t)1 << (15 - (v->step->shift - 32));
    halves = op2(r, INSN_MULROUND, I16, halves, op_constant(r, I16, v->bits, factor));
    if (sum_zero(v->step) == 0)
        return halves;
    return op2(r, INSN_ADD, I16, halves, vector_head(v, I16, v->bits, HEAD_ZERO));
}

/* ---- the add that may follow ------------------------------------------------------------- */

enum { HALVES_SHIFT = 17 }; /* sums below 2^31 are then below 2^14 */

static Reg add_zero(Vector *v, Type lane, Reg sum, int head) {
    if (v->step->out_zero == 0)
        return sum;
    return op2(v->r, INSN_ADD, lane, sum, vector_head(v, lane, v->bits, head));
}

/* Pairs of halves, the second operand in the upper ones, to sums at the result's scale. */
Reg add_pairs(Vector *v, Reg pairs, int shift) {
    Routine *r = v->r;
    Reg high = vector_head(v, I32, v->bits, HEAD_ADD_MULTIPLIER);
    Reg low = vector_head(v, I32, v->bits, HEAD_ADD_MULTIPLIER + 1);
    int64_t round = (int64_t)1 << (shift - 1);
    Reg sum = op_dot(r, INSN_DOT2, I16, pairs, high, op_constant(r, I32, v->bits, round >> 11));
    sum = op1(r, INSN_SHL, I32, sum, 11);
    op_dot_into(r, INSN_DOT2, I16, sum, pairs, low);
    if (round < 1 << 11)
        sum = op2(r, INSN_ADD, I32, sum, op_constant(r, I32, v->bits, round));
    sum = op1(r, INSN_SHR, I32, sum, shift);
    return shift >= HALVES_SHIFT ? sum : add_zero(v, I32, sum, HEAD_ADD_ZERO);
}

Reg packed_sums(Vector *v, Reg a, Reg b, int shift) {
    Reg halves = op2(v->r, INSN_PACK, I16, a, b);
    return shift >= HALVES_SHIFT ? add_zero(v, I16, halves, HEAD_ADD_ZERO_HALVES) : halves;
}

Reg load_unsigned(Vector *v, Type lane, Format format, Reg from, int64_t offset, int count) {
    Routine *r = v->r;
    Type type = vector_type(format);
    Reg x = op_load(r, lane, v->bits, type, from, offset, count);
    if (type == U8)
        return x;
    return op2(r, INSN_ADD, lane, x, op_constant(r, lane, v->bits, 128));
}

/* A lone vector's sums: its own code in the lower half, the other operand's in the upper. */
static Reg add_lone(Vector *v, const Group *group, Reg code, const Landing *landing) {
    Routine *r = v->r;
    Reg x = load_unsigned(v, I32, v->step->kernel.in2, landing->in2,
                          landing->offset2 + (int64_t)group->first * v->lanes, group->count);
    x = op2(r, INSN_SUB, I16, x, vector_head(v, I16, v->bits, HEAD_ADD_IN));
    code = op2(r, INSN_MAX, I32, code, op_constant(r, I32, v->bits, -256));
    code = op2(r, INSN_MIN, I32, code, op_constant(r, I32, v->bits, 256));
    Reg low = vector_head(v, I16, v->bits, HEAD_ADD_LOW);
    Reg high = vector_head(v, I16, v->bits, HEAD_ADD_HIGH);
    code = op2(r, INSN_MIN, I16, op2(r, INSN_MAX, I16, code, low), high);
    code = op2(r, INSN_AND, I32, code, op_constant(r, I32, v->bits, 65535));
    Reg pairs = op2(r, INSN_ADD, I32, code, op1(r, INSN_SHL, I32, x, 16));
    Reg sum = add_pairs(v, pairs, v->step->add.shift);
    return v->step->add.shift >= HALVES_SHIFT ? add_zero(v, I32, sum, HEAD_ADD_ZERO) : sum;
}

/* What a block of 128 bits holds of each pixel. */
static Type pixel_lane(const Group *group) {
    return group->pixels == 4 ? I32 : I64;
}

/* Codes of a group, packed to halves two vectors at a time, become sums again. */
static void add_operand(Vector *v, const Group *group, Reg *halves, Reg *sums,
                        const Landing *landing) {
    Routine *r = v->r;
    int64_t offset = landing->offset2 + (int64_t)group->first * v->lanes;
    bool four = group->vectors == 4;
    Reg x = load_unsigned(v, four ? U8 : I16, v->step->kernel.in2, landing->in2, offset,
                          group->count);
    if (group->pixels > 1)
        x = op1(r, INSN_TRANSPOSE, pixel_lane(group), x, 1);
    Reg low = vector_head(v, I16, v->bits, HEAD_ADD_LOW);
    Reg high = vector_head(v, I16, v->bits, HEAD_ADD_HIGH);
    for (int h = 0; h < group->vectors / 2; h++) {
        Reg other = four ? op_interleave(r, U8, x, op_constant(r, I32, v->bits, 0), h) : x;
        other = op2(r, INSN_SUB, I16, other, vector_head(v, I16, v->bits, HEAD_ADD_IN));
        Reg codes = op2(r, INSN_MAX, I16, halves[h], low);
        codes = op2(r, INSN_MIN, I16, codes, high);
        for (int i = 0; i < 2; i++)
            sums[2 * h + i] =
                add_pairs(v, op_interleave(r, I16, codes, other, i), v->step->add.shift);
    }
}

/* ---- codes to memory --------------------------------------------------------------------- */

/* A bound in all lanes; NO_REG where the lanes' type has none beyond it. Bounds of the output's
 * type are part of the code, others are constants of the layer. */
static Reg bound(Vector *v, Type lane, int head, int64_t value, int64_t limit) {
    int width = lane == I32 ? 2 : lane == I16 ? 1 : 0;
    if (value != limit)
        return vector_head(v, lane, v->bits, head + width);
    return width ? op_constant(v->r, lane, v->bits, limit) : NO_REG;
}

Reg clamp_codes(Vector *v, Type lane, Reg codes) {
    const Step *step = v->step;
    Type out = vector_type(step->kernel.out);
    int64_t lowest = out == U8 ? 0 : out == I8 ? -128 : -32768;
    int64_t highest = out == U8 ? 255 : out == I8 ? 127 : 32767;
    Reg low = bound(v, lane, HEAD_LOW, step->low, lowest);
    Reg high = bound(v, lane, HEAD_HIGH, step->high, highest);
    if (low != NO_REG)
        codes = op2(v->r, INSN_MAX, lane, codes, low);
    return high != NO_REG ? op2(v->r, INSN_MIN, lane, codes, high) : codes;
}

/* Sums to the group's codes: in bytes, halves or words, as many as are packed. */
static Reg group_codes(Vector *v, const Group *group, Reg *sums, const Landing *landing) {
    Routine *r = v->r;
    bool adds = v->step->kernel.adds;
    if (group->vectors == 1)
        return adds ? add_lone(v, group, sums[0], landing) : sums[0];
    Reg halves[2];
    for (int h = 0; h < group->vectors / 2; h++)
        halves[h] = packed_halves(v, sums[2 * h], sums[2 * h + 1]);
    if (adds)
        add_operand(v, group, halves, sums, landing);
    for (int h = 0; adds && h < group->vectors / 2; h++)
        halves[h] = packed_sums(v, sums[2 * h], sums[2 * h + 1], v->step->add.shift);
    Type out = vector_type(v->step->kernel.out);
    return group->vectors == 4 ? op2(r, INSN_PACK, out, halves[0], halves[1]) : halves[0];
}

void store_group(Vector *v, const Group *group, Reg *sums, const Landing *landing) {
    Type out = vector_type(v->step->kernel.out);
    int64_t offset = landing->offset + (int64_t)group->first * v->lanes * type_bits(out) / 8;
    Type lane = group->vectors == 4 ? out : group->vectors == 2 ? I16 : I32;
    Reg codes = clamp_codes(v, lane, group_codes(v, group, sums, landing));
    if (group->pixels > 1)
        codes = op1(v->r, INSN_TRANSPOSE, pixel_lane(group), codes, 0);
    op_store(v->r, lane, codes, out, landing->out, offset, group->count);
}
