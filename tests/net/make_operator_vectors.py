#!/usr/bin/env python3
"""make_operator_vectors.py: vectors of the operators without weights, from doc/numerics.md alone.

Prints tests/net/operator_vectors.txt, one record a line, the same bytes on every machine: the inputs
of one operator, the constants that quantisation must give it, and codes in and out. Integers are
Python's, quotients are Fractions, and what is transcendental is computed to a hundred digits. Along
the way outputs are compared with the real function of the real inputs.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import decimal
import math
import struct
from decimal import Decimal
from fractions import Fraction

from make_vectors import (HALF, Draw, activation_range, any_code, any_tensor, clamp, constants, emit, floor,
                          half_even, half_up, requantise, single, window)

decimal.getcontext().prec = 110
LEAST_GAP = Decimal(10) ** -55  # no entry of a table lies nearer to a tie, but on it

# ---- real functions: Decimals where they are transcendental -------------------------------------


def decimal_of(x):
    return Decimal(x.numerator) / Decimal(x.denominator)


def pi():
    """Machin's formula."""
    def arc(n):
        total, term, k = Decimal(0), Decimal(1) / n, 1
        while abs(term) > Decimal(10) ** -115:
            total += term / k
            term, k = -term / (n * n), k + 2
        return total
    return 4 * (4 * arc(5) - arc(239))


PEAK = 1 / (2 * pi()).sqrt()


def normal(x):
    """The normal distribution's probability of less than x, by Mills' ratio as a continued fraction
    far out, and by its series near 0: other ways than net/real.c takes."""
    if abs(x) < 7:
        return series(x)
    return 1 - tail(x) if x > 0 else tail(-x)


def series(x):
    """1/2 + (x - x^3 / 6 + x^5 / 40 - ...) / sqrt(2 pi)"""
    total, power, n, square = Decimal(0), x, 0, x * x
    while True:
        term = power / (2 * n + 1)
        total += term
        if abs(term) < Decimal(10) ** -105:
            return Decimal(1) / 2 + total * PEAK
        n += 1
        power = -power * square / (2 * n)


def tail(x):
    ratio = x
    for k in range(300, 0, -1):
        ratio = x + k / ratio
    return (-x * x / 2).exp() * PEAK / ratio


def sigmoid(x):
    small = (-abs(x)).exp()
    return (1 if x > 0 else small) / (1 + small)


def hard(x):
    return clamp(x + 3, Fraction(0), Fraction(6)) / 6


def tangent(x):
    small = (-2 * abs(x)).exp()
    return (1 - small) / (1 + small) * (1 if x > 0 else -1)


CURVES = {
    "hard_sigmoid": hard,
    "hard_swish": lambda x: x * hard(x),
    "sigmoid": sigmoid,
    "tanh": tangent,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * normal(x),
}
SMOOTH = {"sigmoid": Fraction(97, 1000), "tanh": Fraction(77, 100), "silu": HALF, "gelu": Fraction(8, 10)}


def curve(name, x):
    """Of a Fraction: a Fraction or a Decimal."""
    return CURVES[name](x if name.startswith("hard") else decimal_of(x))


def rounded(value, unit):
    """value / unit, half up, having seen that the digits decide."""
    if isinstance(value, Fraction):
        return half_up(value / unit)
    shifted = value / decimal_of(unit) + Decimal(1) / 2
    whole = shifted.to_integral_value(decimal.ROUND_FLOOR)
    gap = abs(shifted - shifted.to_integral_value())
    assert gap == 0 or gap > LEAST_GAP
    return int(whole)


def exponential(x):
    return decimal_of(x).exp()


# ---- records -----------------------------------------------------------------------------------


class Record:
    """One operator: tensors are (shape, (format, scale, zero))."""

    def __init__(self, name, inputs, out, attributes=(), norm=None):
        self.name, self.inputs, self.out, self.attributes, self.norm = name, inputs, out, attributes, norm
        self.runs = []
        self.constants = None

    def emit(self):
        fields = [self.name, len(self.inputs)]
        for shape, codes in [*self.inputs, self.out]:
            fields += [len(shape), *shape, *codes]
        fields += [len(self.attributes), *self.attributes]
        for part in self.norm or []:
            fields += part
        if self.constants is None:
            emit("op", fields, "refused")
            return
        bits, t, multipliers, table, epsilon, bias = self.constants
        fields += [bits, t, len(multipliers), *multipliers, len(table), *table, epsilon, len(bias), *bias]
        fields.append(len(self.runs))
        for run in self.runs:
            for codes in run:
                fields += codes
        emit("op", fields)


def size(shape):
    return math.prod(shape)


def draw_codes(draw, tensor):
    shape, codes = tensor
    return [any_code(draw, codes) for _ in range(size(shape))]


def real(tensor, code):
    return Fraction(tensor[1][1]) * (code - tensor[1][2])


def one_constant(scale, wide):
    """t and m of one multiplier, or None."""
    t, m = constants([scale], 16 if wide else 31)
    return (64 if wide else 32, t, m) if t else None


def out_range(out):
    return activation_range(out[1][0])


def check_near(out, code, exact_value, slack):
    """The code against the exact value in steps of the output."""
    low, high = out_range(out)
    value = out[1][2] + exact_value / Fraction(out[1][1])  # exact, or to a hundred digits
    assert clamp(value - slack, low, high) <= code <= clamp(value + slack, low, high), (code, float(value))


# ---- mul, concat, matmul -----------------------------------------------------------------------


def records_mul(draw):
    shapes = [([3], [3]), ([2, 3, 4], [2, 3, 4]), ([2, 2, 5], [5]), ([4, 3], [3]), ([4, 3], [4, 3])]
    for i in range(50):
        formats = [["i8"], ["i8", "i4"], ["i16"], ["i16", "i8"], ["u8", "i8"]][i % 5]
        a, b = [(shape, any_tensor(draw, formats, -7, -4)) for shape in shapes[i // 5 % 5]]
        out = (a[0], any_tensor(draw, ["i8", "i4", "i16"], -8, -3))
        record = Record("mul", [a, b], out)
        got = one_constant(a[1][1] * b[1][1] / out[1][1], False)
        record.constants = (*got, [], 0, [])
        for _ in range(2):
            x, w = draw_codes(draw, a), draw_codes(draw, b)
            y = []
            for k, code in enumerate(x):
                other = w[k % len(w)]
                acc = (code - a[1][2]) * (other - b[1][2])
                assert abs(acc) < 2**31
                y.append(requantise(acc, got[2][0], got[1], out[1][2], *out_range(out)))
                slack = HALF + Fraction(abs(acc), 2**got[1]) + Fraction(1, 2**20)
                check_near(out, y[-1], real(a, code) * real(b, other), slack)
            record.runs.append((x, w, y))
        record.emit()
    small, large = ("i8", 2.0**-30, 0), ("i8", 2.0**20, 0)
    Record("mul", [([2], large), ([2], large)], ([2], small)).emit()  # M is out of reach


def records_concat(draw):
    for i in range(40):
        count, same = draw.between(2, 8), i % 4 == 0
        out_codes = any_tensor(draw, [["i8"], ["i4"], ["i16"]][i % 3], -6, -4)
        head = draw.of([[], [3], [2, 3]])
        inputs = []
        for _ in range(count):
            codes = out_codes if same else any_tensor(draw, ["i8", "i4", "i16", "u8"], -8, -3)
            inputs.append((head + [draw.between(1, 4)], codes))
        out = (head + [sum(shape[-1] for shape, _ in inputs)], out_codes)
        record = Record("concat", inputs, out)
        t, m = constants([x[1][1] / out[1][1] for x in inputs], 22)
        record.constants = (32, t, m, [], 0, [])
        codes, y = [draw_codes(draw, x) for x in inputs], []
        for pixel in range(size(head)):
            for k, tensor in enumerate(inputs):
                channels = tensor[0][-1]
                for code in codes[k][pixel * channels:(pixel + 1) * channels]:
                    acc = (code - tensor[1][2]) * m[k]
                    y.append(requantise(acc, 1, t, out[1][2], *out_range(out)))
                    slack = HALF + Fraction(abs(code - tensor[1][2]), 2**t) + Fraction(1, 2**20)
                    check_near(out, y[-1], real(tensor, code), slack)
                    assert not same or y[-1] == code  # what needs no rescaling is moved
        record.runs.append((*codes, y))
        record.emit()


def matmul_bound(a, b, n):
    (low_a, high_a), (low_b, high_b) = activation_range(a[1][0]), activation_range(b[1][0])
    za, zb = a[1][2], b[1][2]
    centred = max(abs(low_a - za), abs(high_a - za)) * max(abs(low_b - zb), abs(high_b - zb))
    folded = (max(abs(low_a), abs(high_a)) + abs(za)) * (max(abs(low_b), abs(high_b)) + abs(zb))
    return n * max(centred, folded)


def records_matmul(draw):
    for i in range(40):
        rows, depth, columns = (draw.between(1, 4) for _ in range(3))
        transposed = i % 2
        a = ([rows, depth], any_tensor(draw, [["i8", "i4"], ["i16"], ["i16", "i8"]][i % 3], -7, -4))
        shape = [columns, depth] if transposed else [depth, columns]
        b = (shape, any_tensor(draw, [["i8", "i4"], ["i16"], ["i8"]][i % 3], -7, -4))
        out = ([rows, columns], any_tensor(draw, ["i8", "i4", "i16"], -8, -3))
        record = Record("matmul", [a, b], out, [transposed])
        bound = matmul_bound(a, b, depth)
        got = one_constant(a[1][1] * b[1][1] / out[1][1], bound >= 2**31)
        assert bound < 2**31 or "i16" in (a[1][0], b[1][0])
        record.constants = (*got, [], 0, [])
        for _ in range(2):
            x, w, y = draw_codes(draw, a), draw_codes(draw, b), []
            for r in range(rows):
                for c in range(columns):
                    pairs = [(x[r * depth + k], w[c * depth + k if transposed else k * columns + c])
                             for k in range(depth)]
                    acc = sum((p - a[1][2]) * (q - b[1][2]) for p, q in pairs)
                    assert abs(acc) <= bound
                    y.append(requantise(acc, got[2][0], got[1], out[1][2], *out_range(out)))
                    total = sum(real(a, p) * real(b, q) for p, q in pairs)
                    check_near(out, y[-1], total, HALF + Fraction(abs(acc), 2**got[1]) + Fraction(1, 2**14))
            record.runs.append((x, w, y))
        record.emit()


# ---- mean --------------------------------------------------------------------------------------

AXES = {"tokens": 1, "height": 2, "width": 3, "channels": 4}


def records_mean(draw):
    """Each output by its coordinates: those of the input with any place in the axis."""
    for i in range(40):
        axis = ["tokens", "height", "width", "channels", "channels"][i % 5]
        rank = 2 if axis == "tokens" or i % 5 == 4 else 3
        shape = [draw.between(1, 5) for _ in range(rank)]
        at = {"tokens": 0, "height": 0, "width": 1, "channels": rank - 1}[axis]
        a = (shape, any_tensor(draw, [["i8", "i4"], ["i16"], ["u8"]][i % 3], -7, -4))
        kept = [1 if d == at else n for d, n in enumerate(shape)]
        out = (kept[1:] if axis == "tokens" else kept, any_tensor(draw, ["i8", "i4", "i16"], -8, -3))
        record = Record("mean", [a], out, [AXES[axis]])
        n = shape[at]
        got = one_constant(a[1][1] / (n * out[1][1]), False)
        record.constants = (*got, [], 0, [])
        for _ in range(2):
            x, groups = draw_codes(draw, a), {}
            for flat, code in enumerate(x):
                place, rest = [], flat
                for extent in reversed(shape):
                    place.insert(0, rest % extent)
                    rest //= extent
                place[at] = 0
                groups.setdefault(tuple(place), []).append(code)
            y = []
            for place in sorted(groups):
                acc = sum(code - a[1][2] for code in groups[place])
                y.append(requantise(acc, got[2][0], got[1], out[1][2], *out_range(out)))
                exact = sum(real(a, code) for code in groups[place]) / n
                check_near(out, y[-1], exact, HALF + Fraction(abs(acc), 2**got[1]) + Fraction(1, 2**14))
            record.runs.append((x, y))
        record.emit()


# ---- moves -------------------------------------------------------------------------------------


def index(shape, *at):
    flat = 0
    for extent, k in zip(shape, at):
        assert 0 <= k < extent
        flat = flat * extent + k
    return flat


def records_moves(draw):
    for i in range(12):
        codes = any_tensor(draw, ["i8", "i4", "i16", "u8"], -6, -4)
        h, w, c = draw.between(1, 3), draw.between(1, 3), 2 * draw.between(1, 3)
        x = [any_code(draw, codes) for _ in range(h * w * c)]
        tensor = ([h, w, c], codes)

        def at(y, z, k):
            return x[index([h, w, c], y, z, k)]

        def move(name, attributes, out, y):
            record = Record(name, [tensor], (out, codes), attributes)
            record.constants = (32, 0, [], [], 0, [])
            record.runs.append((x, y))
            record.emit()

        first, count = i % c, 1 + i % (c - i % c)
        move("slice", [count, first], [h, w, count],
             [at(p, q, first + k) for p in range(h) for q in range(w) for k in range(count)])
        top, bottom, left, right = (draw.between(0, 2) for _ in range(4))
        out = [h + top + bottom, w + left + right, c]
        move("pad", [top, bottom, left, right], out,
             [at(p - top, q - left, k) if top <= p < top + h and left <= q < left + w else codes[2]
              for p in range(out[0]) for q in range(out[1]) for k in range(c)])
        up, across = draw.between(1, 3), draw.between(1, 3)
        move("upsample", [up, across], [h * up, w * across, c],
             [at(p, q, k) for p in range(h) for _ in range(up) for q in range(w) for _ in range(across)
              for k in range(c)])
        for groups in {1, 2, c // 2, c}:
            move("channel_shuffle", [groups], [h, w, c],
                 [at(p, q, g * (c // groups) + k) for p in range(h) for q in range(w)
                  for k in range(c // groups) for g in range(groups)])
        move("flatten", [], [h * w * c], x)
        flat = Record("transpose", [([h * w, c], codes)], ([c, h * w], codes))
        flat.constants = (32, 0, [], [], 0, [])
        flat.runs.append((x, [x[p * c + k] for k in range(c) for p in range(h * w)]))
        flat.emit()
        move("reshape", [c, 0, h * w], [h * w, c], x)
        move("reshape", [2, w * c // 2, h], [w * c // 2, h, 2], x)


# ---- curves ------------------------------------------------------------------------------------


def narrow_curve(draw, name, x, out):
    low, high = activation_range(x[0])
    table = []
    for code in range(low, high + 1):
        entry = rounded(curve(name, Fraction(x[1]) * (code - x[2])), Fraction(out[1]))
        table.append(clamp(out[2] + entry, *activation_range(out[0])))
    record = Record(name, [([high - low + 1], x)], ([high - low + 1], out))
    record.constants = (32, 0, [], table, 0, [])
    record.runs.append((list(range(low, high + 1)), table))
    record.emit()


LEVEL = {"sigmoid": (12, Fraction(7, 10**6)), "tanh": (6, Fraction(13, 10**6))}


def smooth_curve(draw, name, x, out):
    table = []
    level, missing = LEVEL.get(name, (None, 0))
    j = next((j for j in range(7) if level and 2**(8 + j) * x[1] >= level), 7)
    for k in range(513):
        value = curve(name, Fraction(x[1]) * 2**j * (k - 256))
        table.append(clamp(rounded(value, Fraction(out[1]) / 64), -(2**23) + 1, 2**23 - 1))
    codes = [-32768, -32767, -129, -128, -1, 0, 1, 127, 128, 32639, 32640, 32767]
    codes += [draw.between(-32768, 32767) for _ in range(28)]
    record, y = Record(name, [([40], x)], ([40], out)), []
    record.constants = (32, j, [], table, 0, [])
    slack = (2**j * Fraction(x[1]))**2 * SMOOTH[name] / 8 + missing
    slack = HALF + Fraction(1, 128) + slack / Fraction(out[1])
    for code in codes:
        i, r = divmod(clamp(code, -(2**(8 + j)), 2**(8 + j) - 1) + 2**(8 + j), 2**j)
        value = Fraction(table[i] * (2**j - r) + table[i + 1] * r, 2**(6 + j))
        y.append(clamp(out[2] + half_up(value), *activation_range(out[0])))
        check_near(([], out), y[-1], Fraction(curve(name, Fraction(x[1]) * code)), slack)
    record.runs.append((codes, y))
    record.emit()


def hard_curve(draw, name, x, out):
    three, six = math.floor(3.0 / x[1] + 0.5), math.floor(6.0 / x[1] + 0.5)
    swish = name == "hard_swish"
    most = min(32767 + three, six)
    wide = swish and most * 2**15 >= 2**31
    got = one_constant((x[1] if swish else 1.0) / (six * out[1]), wide)
    codes = [-32768, -three - 1, -three, 1 - three, 0, 1, three - 1, three, three + 1, 32767]
    codes = [clamp(c, -32768, 32767) for c in codes] + [draw.between(-32768, 32767) for _ in range(30)]
    record, y = Record(name, [([40], x)], ([40], out)), []
    record.constants = (*got, [three, six], 0, [])
    for code in codes:
        u = clamp(code + three, 0, six)
        acc = code * u if swish else u
        assert abs(acc) < (2**46 if wide else 2**31)
        y.append(requantise(acc, got[2][0], got[1], out[2], *activation_range(out[0])))
        slack = HALF + Fraction(x[1]) / Fraction(out[1]) / (2 if swish else 6)
        slack += abs(acc) * Fraction(1, 2**got[1]) + Fraction(1, 2**10)
        check_near(([], out), y[-1], Fraction(curve(name, Fraction(x[1]) * code)), slack)
    record.runs.append((codes, y))
    record.emit()


def records_curves(draw):
    for name in CURVES:
        unit = name in ("sigmoid", "hard_sigmoid", "tanh")
        fine = {"i8": 1 / 127 if name == "tanh" else 1 / 256, "i4": 1 / 8, "i16": 1 / 32767}
        narrow_curve(draw, name, ("i8", 8 / 127, 0), ("i8", fine["i8"] if unit else 8 / 127, -128))
        narrow_curve(draw, name, ("i8", 0.0625, -5), ("i8", 0.0625, 3))  # rational curves meet ties
        narrow_curve(draw, name, ("i8", 0.25, 100), ("i16", 2.0**-15 if unit else 2.0**-9, 0))
        narrow_curve(draw, name, ("u8", draw.double(-6, -4), 117), ("i4", 0.5, -8))
        narrow_curve(draw, name, ("i4", 1.0, 1), ("i8", draw.double(-8, -5), draw.between(-128, 127)))
        narrow_curve(draw, name, ("i4", draw.double(-27, -20), -8), ("i4", draw.double(-27, -20), 0))
        narrow_curve(draw, name, ("i4", draw.double(20, 26), 2), ("i8", draw.double(20, 26), 0))
        for x in (8 / 32768, 2.0**-10, draw.double(-14, -9)):
            wide = hard_curve if name.startswith("hard") else smooth_curve
            wide(draw, name, ("i16", x, 0), ("i16", fine["i16"] if unit else x, 0))
        wide(draw, name, ("i16", 2.0**-12, 0), ("i8", 1 / 256 if unit else 0.0625, -128))
        wide(draw, name, ("i16", 2.0**-7, 0), ("i16", 2.0**-15 if unit else 2.0**-7, 0))
        wide(draw, name, ("i16", 2.0**-20, 0), ("i16", 2.0**-20 if not unit else 2.0**-15, 0))
        for bad in (2.0**-28, 2.0**28):
            Record(name, [([2], ("i8", bad, 0))], ([2], ("i8", 0.5, 0))).emit()
            Record(name, [([2], ("i16", 0.5, 0))], ([2], ("i8", bad, 0))).emit()


# ---- softmax -----------------------------------------------------------------------------------


def softmax_tables(x, n):
    bits = max(b for b in range(24) if n * 2**b <= 2**31)

    def entries(step, bits, count):
        return [rounded(exponential(-Fraction(x[1]) * step * k), Fraction(1, 2**bits)) for k in range(count)]

    if x[0] == "i16":
        return bits, entries(256, bits, 256), entries(1, 30, 256)
    low, high = activation_range(x[0])
    return bits, entries(1, bits, high - low + 1), None


def softmax_row(row, tables, got, out):
    bits, first, second = tables
    most = max(row)
    shares = []
    for code in row:
        d = most - code
        shares.append(half_up(Fraction(first[d >> 8] * second[d & 255], 2**30)) if second else first[d])
    total = sum(shares)
    assert 2**bits <= total <= 2**31
    e = 0
    while total * 2**e < 2**30:
        e += 1
    reciprocal = 2**61 // (total * 2**e)
    return [requantise(share * reciprocal >> (31 - e), got[2][0], got[1], out[1][2], *out_range(out))
            for share in shares]


def records_softmax(draw):
    for i in range(36):
        shape = [[10], [3, 7], [2, 2, 4], [1], [300]][i % 5]
        x = (shape, any_tensor(draw, [["i8"], ["i16"], ["i4", "u8"]][i % 3], -10 if i % 3 == 1 else -5, -1))
        scales = {"i8": 1 / 256, "i4": 1 / 16, "i16": 2.0**-15}
        name = draw.of(["i8", "i4", "i16"])
        out = (shape, (name, scales[name], 0 if name == "i16" else activation_range(name)[0]))
        record, tables = Record("softmax", [x], out), softmax_tables(x[1], shape[-1])
        got = one_constant(2.0**-30 / out[1][1], False)
        record.constants = (*got, tables[1] + (tables[2] or []), 0, [])
        codes, y = draw_codes(draw, x), []
        if i % 6 == 0:  # close to each other, so that every share counts
            codes = [clamp(x[1][2] + draw.between(-3, 3), *activation_range(x[1][0])) for _ in codes]
        for k in range(0, size(shape), shape[-1]):
            row = codes[k:k + shape[-1]]
            y += softmax_row(row, tables, got, out)
            parts = [exponential(real(x, code) - real(x, max(row))) for code in row]
            for code, part in zip(y[k:], parts):
                check_near(out, code, Fraction(part / sum(parts)), softmax_slack(len(row), tables[0], out))
        record.runs.append((codes, y))
        record.emit()


def softmax_slack(n, bits, out):
    """Each entry is off by at most 1.1, so the sum by 1.1 n; the rest is far less."""
    return HALF + (Fraction(11, 10) * (n + 1) / 2**bits + Fraction(1, 2**23)) / Fraction(out[1][1])


# ---- layer norm --------------------------------------------------------------------------------


def norm_bits(n, x):
    low, high = activation_range(x[0])
    return max(f for f in range(9) if (2**(n - 1).bit_length() * (high - low + 1) // 2 * 2**f) <= 2**30)


def norm_constants(n, x, out, gamma, beta):
    epsilon = clamp(half_even(n * float(n) * 1e-5 / (x[1] * x[1]) * 4.0**norm_bits(n, x)), 1, 2**60)
    largest = max(abs(g) for g in gamma) / out[1]
    t = 40 if largest == 0 else min(40, 30 - math.frexp(math.ldexp(largest, -20))[1])
    if t < 1:
        return None
    m = [half_even(Fraction(g / out[1]) * Fraction(2)**(t - 20)) for g in gamma]
    b = [half_even(Fraction(clamp(b / out[1], -(2.0**20), 2.0**20)) * 2**t) for b in beta]
    assert max(abs(k) for k in m) <= 2**30 and max(abs(k) for k in b) <= 2**60
    return (32, t, m, [], epsilon, b)


def norm_row(row, constants_of, x_codes, out):
    _, t, m, _, epsilon, b = constants_of
    n, total, f = len(row), sum(row), norm_bits(len(row), x_codes)
    variance = (n * sum(x * x for x in row) - total * total) * 4**f + epsilon
    assert 1 <= variance < 2**62
    k = 0
    while variance * 4**k < 2**60:
        k += 1
    reciprocal = 2**61 // math.isqrt(variance * 4**k)
    y = []
    for c, x in enumerate(row):
        normal_value = half_up(Fraction((n * x - total) * reciprocal, 2**(41 - k - f)))
        acc = normal_value * m[c] + b[c]
        assert abs((n * x - total) * reciprocal) < 2**62 and abs(acc) < 2**61
        y.append(requantise(acc, 1, t, out[2], *activation_range(out[0])))
    return y


def root(x):
    return Fraction((Decimal(x.numerator) / Decimal(x.denominator)).sqrt())


def check_norm(row, x, out, gamma, beta, y):
    n = len(row)
    values = [Fraction(x[1]) * code for code in row]
    mean = sum(values) / n
    deviation = root(sum((v - mean)**2 for v in values) / n + Fraction(1, 10**5))
    for c, v in enumerate(values):
        u = (v - mean) / deviation
        value = (u * Fraction(gamma[c]) + Fraction(beta[c])) / Fraction(out[1])
        slack = HALF + Fraction(1, 2**8) + (Fraction(1, 2**19) + abs(u) / 2**17) * abs(
            Fraction(gamma[c])) / Fraction(out[1])
        check_near(([], out), y[c], value * Fraction(out[1]), slack)


def records_norm(draw):
    for i in range(36):
        shape = [[8], [3, 5], [2, 2, 4], [1], [40]][i % 5]
        x = any_tensor(draw, [["i8"], ["i16"], ["i4", "u8"]][i % 3], -10 if i % 3 == 1 else -6, -3)
        out = any_tensor(draw, ["i8", "i4", "i16"], -7, -4)
        n = shape[-1]
        gamma = [draw.of([draw.real(2), draw.real(1), 0.0, 1.0]) for _ in range(n)]
        beta = [draw.of([draw.real(1), 0.0]) for _ in range(n)]
        gamma = [0.0] * n if i == 7 else gamma
        record = Record("layer_norm", [(shape, x)], (shape, out), norm=(gamma, beta))
        record.constants = norm_constants(n, x, out, gamma, beta)
        codes = draw_codes(draw, (shape, x))
        if i % 4 == 1:
            codes = [codes[0]] * len(codes)  # nothing but epsilon
        if i % 4 == 2:
            codes = [clamp(codes[0] + draw.between(0, 1), *activation_range(x[0])) for _ in codes]
        y = []
        for k in range(0, size(shape), n):
            y += norm_row(codes[k:k + n], record.constants, x, out)
            check_norm(codes[k:k + n], x, out, gamma, beta, y[k:])
        record.runs.append((codes, y))
        record.emit()
    for x, s, g in ((2.0**-200, 1.0, 1.0), (2.0**200, 1.0, 1.0), (1.0, 2.0**-60, 1.0), (1.0, 2.0**60, 1.0),
                    (1.0, 1e-4, 3e38), (1.0, 1.0, 0.0)):
        codes, out = ("i16", x, 0), ("i8", s, 5)
        record = Record("layer_norm", [([4], codes)], ([4], out), norm=([single(g)] * 4, [single(0.5)] * 4))
        record.constants = norm_constants(4, codes, out, *record.norm)
        if record.constants:
            row = [-32768, 32767, 32767, -32768]
            record.runs.append((row, norm_row(row, record.constants, codes, out)))
        record.emit()


# ---- floats: binary32 as binary64 rounded once more, which is exact for one operation ----------


def half(x):
    try:
        return struct.unpack("<e", struct.pack("<e", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def rounded_to(name, x):
    if math.isinf(x) or math.isnan(x):
        return x
    if name == "f16":
        return half(x)
    try:
        return single(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def f32(x):
    return rounded_to("f32", x)


def bits_of(name, x):
    return struct.unpack("<i", struct.pack("<f", x))[0] if name == "f32" else struct.unpack(
        "<H", struct.pack("<e", x))[0]


class Values:
    """A tensor of numbers, or of codes that stand for numbers."""

    def __init__(self, draw, shape, codes):
        self.shape, self.codes = shape, codes
        if codes[0] in ("f32", "f16"):
            self.values = [rounded_to(codes[0], draw.real(4) * 2.0**draw.between(-3, 0))
                           for _ in range(size(shape))]
            if draw.between(0, 3) == 0:
                self.values[0] = draw.of([0.0, -0.0, 60000.0, -1e-7 if codes[0] == "f32" else 2.0**-24])
            self.bits = [bits_of(codes[0], v) for v in self.values]
        else:
            self.bits = [any_code(draw, codes) for _ in range(size(shape))]
            self.values = [f32((q - codes[2]) * f32(codes[1])) for q in self.bits]


def float_tensor(draw):
    return draw.of([("f32", 1.0, 0), ("f32", 1.0, 0), ("f16", 1.0, 0),
                    any_tensor(draw, ["i8", "u8", "i16"], -7, -4)])


def real_record(name, inputs, shape, out, attributes, weights, y):
    """weights: (format, weights, biases, norm) of a weighted operator, (gamma, beta) of a layer norm."""
    fields = [name, len(inputs)]
    for x in inputs:
        fields += [len(x.shape), *x.shape, *x.codes]
    fields += [len(shape), *shape, out, 1.0, 0, len(attributes), *attributes]
    for part in weights:
        fields += part if isinstance(part, list) else [part]
    for x in inputs:
        fields += x.bits
    emit("real", fields, [bits_of(out, rounded_to(out, v)) for v in y])


def float_exp(x):
    if not x >= -87:
        return 0.0
    k = math.floor(f32(f32(x * f32(1.44269504)) + 0.5))
    r = f32(x - f32(k * f32(0.693359375)))
    r = f32(r - f32(k * f32(-2.12194440e-4)))
    total = f32(1 / 5040)
    for n in (720, 120, 24, 6, 2, 1, 1):
        total = f32(f32(total * r) + f32(1 / n))
    return math.ldexp(total, k)


def float_hard(x):
    return f32(clamp(f32(x + 3), 0.0, 6.0) / 6)


def float_sigmoid(x):
    e = float_exp(-abs(x))
    return f32((1.0 if x >= 0 else e) / f32(1 + e))


def float_tanh(x):
    e = float_exp(f32(-2 * abs(x)))
    return math.copysign(f32(f32(1 - e) / f32(1 + e)), -1 if x < 0 else 1)


def float_normal(x):
    v = f32(abs(x) * f32(0.70710678))
    t = f32(1 / f32(1 + f32(f32(0.3275911) * v)))
    total = f32(1.061405429)
    for a in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        total = f32(f32(total * t) + f32(a))
    q = f32(f32(f32(total * t) * float_exp(-f32(v * v))) * 0.5)
    return f32(1 - q) if x >= 0 else q


FLOAT_CURVES = {
    "relu": lambda x: x if x > 0 else 0.0,
    "relu6": lambda x: min(x, 6.0) if x > 0 else 0.0,
    "hard_sigmoid": float_hard,
    "hard_swish": lambda x: f32(x * float_hard(x)),
    "sigmoid": float_sigmoid,
    "tanh": float_tanh,
    "silu": lambda x: f32(x * float_sigmoid(x)),
    "gelu": lambda x: f32(x * float_normal(x)),
}


def float_norm(draw, channels):
    """None, or (gamma, beta, mean, variance) for each channel."""
    return draw.of([None, [[draw.real(2), draw.real(1), draw.real(1), abs(draw.real(2))]
                           for _ in range(channels)]])


def folded_floats(name, rows, bias, norm):
    """Weights and biases in one: the gain goes into the weights, which are rounded once."""
    weights, biases = [], []
    for c, row in enumerate(rows):
        gain, offset = 1.0, bias[c]
        if norm:
            gamma, beta, mean, variance = norm[c]
            gain = gamma / math.sqrt(variance + 0.001)
            offset = beta + gain * (offset - mean)
        weights.append([rounded_to(name, gain * w) for w in row])
        biases.append(f32(offset))
    return weights, biases


def records_float_weighted(draw):
    for i in range(36):
        name, out, weights = draw.of(["conv", "depthwise", "dense"]), draw.of(["f32", "f16"]), draw.of(["f32", "f16"])
        h, w, c = draw.between(1, 4), draw.between(1, 4), draw.between(1, 4)
        x = Values(draw, [h, w, c], float_tensor(draw))
        kernel, stride, same = draw.between(1, 3), draw.between(1, 2), 1
        groups = c if name == "depthwise" else draw.of([1, c]) if name == "conv" else 1
        channels = c if name == "depthwise" else groups * draw.between(1, 2)
        oh, top = window(h, kernel, stride, same)
        ow, left = window(w, kernel, stride, same)
        row = h * w * c if name == "dense" else kernel * kernel * (c // groups)
        rows = [[draw.real(0.5) for _ in range(row)] for _ in range(channels)]
        bias, norm = [draw.real(1) for _ in range(channels)], float_norm(draw, channels)
        attributes = {"conv": [channels, kernel, kernel, stride, stride, groups, same],
                      "depthwise": [kernel, kernel, stride, stride, same], "dense": [channels]}[name]
        real, biases = folded_floats(weights, rows, bias, norm)
        y = []
        if name == "dense":
            oh, ow, kernel, top, left = 1, 1, 0, 0, 0
        for py in range(oh):
            for px in range(ow):
                for k in range(channels):
                    acc, at = biases[k], 0
                    if name == "dense":
                        for v, r in zip(x.values, real[k]):
                            acc = f32(acc + f32(v * r))
                    for ky in range(kernel):
                        for kx in range(kernel):
                            iy, ix = py * stride - top + ky, px * stride - left + kx
                            for q in range(c // groups):
                                if 0 <= iy < h and 0 <= ix < w:
                                    first = k // (channels // groups) * (c // groups)
                                    v = x.values[index([h, w, c], iy, ix, first + q)]
                                    acc = f32(acc + f32(v * real[k][at]))
                                at += 1
                    y.append(acc)
        shape = [channels] if name == "dense" else [oh, ow, channels]
        parts = (weights, sum(rows, []), bias, int(bool(norm)), sum(norm or [], []))
        real_record(name, [x], shape, out, attributes, parts, y)


def records_floats(draw):
    for i in range(8):
        for name, function in FLOAT_CURVES.items():
            x = Values(draw, [20], float_tensor(draw))
            if name.startswith("relu"):  # keeps its input's format
                x = Values(draw, [20], draw.of([("f32", 1.0, 0), ("f16", 1.0, 0)]))
            out = x.codes[0] if name.startswith("relu") else draw.of(["f32", "f16"])
            real_record(name, [x], [20], out, [], [], [function(v) for v in x.values])
        out = draw.of(["f32", "f16"])
        for name in ("add", "mul"):
            a, b = Values(draw, [2, 5], float_tensor(draw)), Values(draw, [2, 5], float_tensor(draw))
            if name == "mul" and i % 2:
                b = Values(draw, [5], float_tensor(draw))
            pairs = [(v, b.values[k % len(b.values)]) for k, v in enumerate(a.values)]
            real_record(name, [a, b], [2, 5], out, [], [],
                        [f32(p + q) if name == "add" else f32(p * q) for p, q in pairs])
        a, b = Values(draw, [2, 3], float_tensor(draw)), Values(draw, [2, 2], float_tensor(draw))
        real_record("concat", [a, b], [2, 5], out, [], [],
                    a.values[:3] + b.values[:2] + a.values[3:] + b.values[2:])
        transposed = i % 2
        a = Values(draw, [3, 4], float_tensor(draw))
        b = Values(draw, [2, 4] if transposed else [4, 2], float_tensor(draw))
        y = []
        for r in range(3):
            for c in range(2):
                acc = 0.0
                for k in range(4):
                    acc = f32(acc + f32(a.values[r * 4 + k] * b.values[c * 4 + k if transposed else k * 2 + c]))
                y.append(acc)
        real_record("matmul", [a, b], [3, 2], out, [transposed], [], y)
        records_float_rows(draw, out)
        records_float_pools(draw)


def records_float_rows(draw, out):
    x, n = Values(draw, [2, 6], float_tensor(draw)), 6
    gamma, beta = ([draw.real(2) for _ in range(n)] for _ in range(2))
    shares, normal_values = [], []
    for row in (x.values[:n], x.values[n:]):
        parts = [float_exp(f32(v - max(row))) for v in row]
        total = squares = mean = 0.0
        for part in parts:
            total = f32(total + part)
        shares += [f32(part / total) for part in parts]
        for v in row:
            mean = f32(mean + v)
        mean = f32(mean / n)
        for v in row:
            squares = f32(squares + f32(f32(v - mean) * f32(v - mean)))
        deviation = f32(math.sqrt(f32(f32(squares / n) + f32(1e-5))))
        normal_values += [f32(f32(f32(f32(v - mean) / deviation) * g) + b)
                          for v, g, b in zip(row, gamma, beta)]
    real_record("softmax", [x], [2, n], out, [], [], shares)
    real_record("layer_norm", [x], [2, n], out, [], [gamma, beta], normal_values)


def records_float_pools(draw):
    x = Values(draw, [3, 4, 2], draw.of([("f32", 1.0, 0), ("f16", 1.0, 0)]))
    out = x.codes[0]

    def at(y, z, c):
        return x.values[index([3, 4, 2], y, z, c)]

    def mean(values):
        total = 0.0
        for v in values:
            total = f32(total + v)
        return f32(total / len(values))

    taps = {(p, q): [(i, j) for i in range(2 * p, 2 * p + 2) for j in range(2 * q, 2 * q + 2)
                     if i < 3 and j < 4] for p in range(2) for q in range(2)}
    for name, function in (("max_pool", max), ("average_pool", mean)):
        y = [function([at(i, j, c) for i, j in taps[p, q]]) for p in range(2) for q in range(2) for c in range(2)]
        real_record(name, [x], [2, 2, 2], out, [2, 2, 2, 2, 1], [], y)
    y = [mean([at(i, j, c) for i in range(3) for j in range(4)]) for c in range(2)]
    real_record("global_average", [x], [2], out, [], [], y)
    y = [mean([at(i, j, c) for i in range(3)]) for j in range(4) for c in range(2)]
    real_record("mean", [x], [1, 4, 2], out, [AXES["height"]], [], y)
    y = [at(i - 1, j, c) if i else 0.0 for i in range(4) for j in range(4) for c in range(2)]
    real_record("pad", [x], [4, 4, 2], out, [1, 0, 0, 0], [], y)


def main():
    print("# Vectors of operators without weights, made by make_operator_vectors.py.")
    print("# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0")
    for seed, records in enumerate((records_mul, records_concat, records_matmul, records_moves,
                                    records_curves, records_softmax, records_norm,
                                    records_float_weighted, records_floats, records_mean)):
        records(Draw(100 + seed))


if __name__ == "__main__":
    main()
