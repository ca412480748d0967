#!/usr/bin/env python3
"""make_vectors.py: vectors of the arithmetic contract, written from doc/numerics.md alone.

Prints tests/net/vectors.txt, one record a line, the same bytes on every machine. Integers are
Python's, quotients are Fractions; floats appear only where the contract says binary64, in its order
of operations. Along the way the errors that the contract claims are checked against exact reals.

Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
"""
import math
import struct
from fractions import Fraction

SIGNED = {"i2": 2, "i3": 3, "i4": 4, "i5": 5, "i6": 6, "i7": 7, "i8": 8, "i16": 16}
SHIFT_LIMIT = {31: 45, 16: 45, 22: 24}
ACCUMULATORS = {32: (31, 29, 2**31), 64: (16, 44, 2**46)}  # multiplier bits, B, limit of |acc|
HALF = Fraction(1, 2)


def activation_range(name):
    return (0, 255) if name == "u8" else (-(2 ** (SIGNED[name] - 1)), 2 ** (SIGNED[name] - 1) - 1)


def weight_limit(name):
    return 2 ** (SIGNED[name] - 1) - 1


class Draw:
    """SplitMix64: the same numbers under every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def between(self, low, high):
        return low + self.bits() % (high - low + 1)

    def of(self, items):
        return items[self.between(0, len(items) - 1)]

    def double(self, least, most):
        """Positive, with an exponent of 2 between the two."""
        return math.ldexp(1 + (self.bits() >> 12) / 2**52, self.between(least, most))

    def real(self, size):
        """A binary32 in (-size, size) with few digits, so that the file stays small."""
        return single(self.between(-999, 999) / 1000 * size)


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def clamp(x, low, high):
    return max(low, min(high, x))


def floor(x):
    return x.numerator // x.denominator


def half_up(x):
    return floor(Fraction(x) + HALF)


def half_even(x):
    return round(Fraction(x))


def emit(kind, *fields):
    words = [kind]
    for field in fields:
        for x in field if isinstance(field, (list, tuple)) else [field]:
            words.append(x.hex() if isinstance(x, float) else str(x))
    print(" ".join(words))


# ---- the formulas ------------------------------------------------------------------------------


def requantise(acc, m, t, z, low, high):
    return clamp(z + half_up(Fraction(acc * m, 2**t)), low, high)


def constants(scales, bits):
    """The largest shift under which the largest multiplier has at most `bits` bits, and all of the
    multipliers; a shift of 0 where there is none."""
    largest = Fraction(max(scales))
    for t in range(SHIFT_LIMIT[bits], 0, -1):
        if half_even(largest * 2**t) < 2**bits:
            multipliers = [max(1, half_even(Fraction(s) * 2**t)) for s in scales]
            assert t == SHIFT_LIMIT[bits] or max(multipliers) >= 2 ** (bits - 1)
            for s, m in zip(scales, multipliers):
                assert abs(m - Fraction(s) * 2**t) <= HALF or m == 1
            return t, multipliers
    return 0, []


def bound_of(low, high, z, biases, codes):
    bound = 0
    for bias, row in zip(biases, codes):
        sizes = sum(abs(w) for w in row)
        centred = abs(bias) + max(abs(low - z), abs(high - z)) * sizes
        folded = abs(bias - z * sum(row)) + max(abs(low), abs(high)) * sizes
        bound = max(bound, centred, folded)
        check_partial_sums(low, high, z, bias, row, bound)
    return bound


def check_partial_sums(low, high, z, bias, row, bound):
    """The most extreme partial sum there is, in any order, taps left out or not."""
    for shift, start in ((z, bias), (0, bias - z * sum(row))):
        ends = [sorted([(low - shift) * w, (high - shift) * w, 0]) for w in row]
        most, least = sum(e[2] for e in ends), sum(e[0] for e in ends)
        for first in (0, start):
            assert abs(most + first) <= bound and abs(least + first) <= bound


def window(size, kernel, stride, same):
    """By laying windows: same padding covers the input from its first element on."""
    if not same:
        return max(0, len(range(0, size - kernel + 1, stride))), 0
    outputs = len(range(0, size, stride))
    return outputs, max(0, (outputs - 1) * stride + kernel - size) // 2


class Layer:
    """A dense layer (or a lone batch norm) as trained. Channels are rows of `weights`."""

    def __init__(self, weights_format, x, y, weights, steps=None, bias=None, norm=None):
        self.weights_format, self.x, self.y = weights_format, x, y  # (format, scale, zero)
        self.weights = weights and [[single(w) for w in row] for row in weights]
        self.steps, self.bias = (part and [single(v) for v in part] for part in (steps, bias))
        self.norm = norm and [[single(v) for v in channel] for channel in norm]
        self.lone = weights_format == "norm"
        self.limit = 1 if self.lone else weight_limit(weights_format)
        self.channels = len(norm) if self.lone else len(weights)

    def step(self, c):
        if self.lone:
            return 1.0
        if self.steps:
            return self.steps[c]
        largest = max(abs(w) for w in self.weights[c])
        return largest / self.limit if largest > 0 else 1.0

    def row(self, c):
        return [1.0] if self.lone else self.weights[c]

    def gain_offset(self, c):
        bias = self.bias[c] if self.bias else 0.0
        if not self.norm:
            return 1.0, bias
        gamma, beta, mean, variance = self.norm[c]
        gain = gamma / math.sqrt(variance + 0.001)
        return gain, beta + gain * (bias - mean)


def sign(x):
    return (x > 0) - (x < 0)


def fold_channel(layer, c, width):
    """Codes, bias, accumulator scale, all in binary64 as the contract writes them."""
    gain, offset = layer.gain_offset(c)
    scale_x, step = layer.x[1], layer.step(c)
    size = step * abs(gain)
    least = abs(offset) / (scale_x * 2.0 ** ACCUMULATORS[width][1])
    raised = size < least or size < 2.0**-1000
    size = max(size, least, 2.0**-1000)
    values = [gain * w / size if raised else sign(gain) * w / step for w in layer.row(c)]
    codes = [clamp(half_even(v), -layer.limit, layer.limit) for v in values]
    bias = half_even(offset / (scale_x * size))
    assert abs(bias) <= 2 ** ACCUMULATORS[width][1]
    return codes, bias, scale_x * size, raised


def fold_width(layer, width):
    """The constants for one width of accumulator, or None where the proof fails."""
    bits, _, limit = ACCUMULATORS[width]
    channels = [fold_channel(layer, c, width) for c in range(layer.channels)]
    scale_y, zero_y = layer.y[1:]
    low, high = activation_range(layer.y[0])
    t, multipliers = constants([ch[2] / scale_y if any(ch[0]) else 0.0 for ch in channels], bits)
    if t < 1:
        return None
    codes, biases = [ch[0] for ch in channels], [ch[1] for ch in channels]
    for c, row in enumerate(codes):
        if not any(row):
            constant = math.floor(layer.gain_offset(c)[1] / scale_y + 0.5)
            p = min(t, bits - 1)
            multipliers[c] = 2**p
            biases[c] = (clamp(zero_y + constant, low, high) - zero_y) * 2 ** (t - p)
    bound = bound_of(*activation_range(layer.x[0]), layer.x[2], biases, codes)
    return (width, t, bound, multipliers, biases, codes) if bound < limit else None


def fold(layer):
    wide = "i16" in (layer.weights_format, layer.x[0])
    return fold_width(layer, 32) or (fold_width(layer, 64) if wide else None)


def run(layer, folded, x):
    width, t, bound, multipliers, biases, codes = folded
    low, high = activation_range(layer.y[0])
    y = []
    for c, row in enumerate(codes):
        taps = [x[c]] if layer.lone else x
        acc = biases[c] + sum((q - layer.x[2]) * w for q, w in zip(taps, row))
        assert abs(acc) <= bound
        y.append(requantise(acc, multipliers[c], t, layer.y[2], low, high))
        check_real(layer, folded, c, taps, acc, y[-1])
    return y


def root(x):
    """The square root of a Fraction, to far more digits than binary64 has."""
    return Fraction(math.isqrt(floor(x * 4**200)), 2**200)


def check_real(layer, folded, c, taps, acc, y):
    """The output against the batch norm of the quantised weights in exact arithmetic."""
    _, t, _, multipliers, _, codes = folded
    _, _, scale, raised = fold_channel(layer, c, folded[0])
    scale_y, zero_y = Fraction(layer.y[1]), layer.y[2]
    low, high = activation_range(layer.y[0])
    gain, offset = layer.gain_offset(c)
    if not any(codes[c]):
        error, real = HALF, Fraction(offset)
    else:
        m = multipliers[c]
        error = HALF + abs(acc) * Fraction(1, 2 ** (t + 1) if m > 1 else 2**t)
        error += Fraction(scale) / scale_y / 2  # the bias is rounded to one step
        total = sum((q - layer.x[2]) * w for q, w in zip(taps, codes[c]))
        real = exact_norm(layer, c, total, sign(gain)) if not raised else None
        if real is None:
            real = Fraction(scale) * total + Fraction(offset)
    exact = zero_y + real / scale_y
    slack = (abs(exact) + abs(Fraction(offset) / scale_y) + 1) / 2**45  # binary64 along the way
    assert clamp(exact - error - slack, low, high) <= y <= clamp(exact + error + slack, low, high)


def exact_norm(layer, c, total, flip):
    """gamma * (w . x + b - mean) / sqrt(variance + 0.001) + beta, in reals."""
    real = Fraction(layer.x[1]) * Fraction(layer.step(c)) * total * flip
    real += Fraction(layer.bias[c]) if layer.bias else 0
    if not layer.norm:
        return real
    gamma, beta, mean, variance = map(Fraction, layer.norm[c])
    cancelled = abs(mean) * abs(gamma) / Fraction(layer.y[1])
    if cancelled > 2**40:
        return None  # so large a mean that binary64's own rounding of the offset shows
    return gamma * (real - mean) / root(variance + Fraction(1, 1000)) + beta


# ---- the records -------------------------------------------------------------------------------


def records_requantise(draw):
    corners = [(a, m, t) for t in (1, 2, 31, 32, 33, 44, 45)
               for a in (-(2**31) + 1, -1, 0, 1, 2**31 - 1) for m in (1, 2**30, 2**31 - 1)]
    corners += [(a, m, t) for t in (1, 32, 33, 45, 46, 61, 62)
                for a in (-(2**46) + 1, 0, 2**46 - 1) for m in (1, 2**15, 2**16 - 1)]
    for acc, m, t in corners:
        emit("requantise", acc, m, t, 0, -32768, 32767, requantise(acc, m, t, 0, -32768, 32767))
    for i in range(500):
        wide = i % 4 == 0
        t = draw.of([1, 32, 33, 45, 62]) if wide else draw.of([1, 32, 33, 45])
        t = draw.between(1, 62 if wide else 45) if i % 2 else t
        m = draw.between(2**15, 2**16 - 1) if wide else draw.between(2**30, 2**31 - 1)
        m >>= draw.of([0, 0, 0, 7, 14])
        name = draw.of(["i4", "i8", "i16", "u8"])
        low, high = activation_range(name)
        z = 0 if name == "i16" else draw.of([low, high, draw.between(low, high)])
        least = draw.of([low, z]) if z < high else low
        # An accumulator whose output is near the range, on a tie where one exists.
        target = Fraction(2 * draw.between(low - z - 2, high - z + 2) + draw.of([1, 1, 0]), 2)
        acc = half_even(target * 2**t / m) + draw.of([-1, 0, 0, 1])
        limit = (2**46 if wide else 2**31) - 1
        acc = clamp(acc, -limit, limit)
        emit("requantise", acc, m, t, z, least, high, requantise(acc, m, t, z, least, high))
    for t in (1, 2, 5, 14):  # exact ties of both signs: m is a power of two
        for k in range(-6, 7):
            acc, m = (2 * k + 1) << (14 - t if t < 14 else 0), 2 ** (13 if t == 14 else 0)
            acc = acc * 2 ** (t - 1) if t < 14 else acc
            for z in (-128, 0, 127):
                emit("requantise", acc, m, t, z, -128, 127, requantise(acc, m, t, z, -128, 127))


def records_constants(draw):
    below = math.nextafter
    for bits, limit in SHIFT_LIMIT.items():
        last = bits - limit  # scales of this exponent are the first to meet the limit of t
        cases = [[2.0**e] for e in (-70, -limit, last - 1, -1, 0, 1, bits - 2, bits - 1, bits, 90)]
        cases += [[below(2.0**e, 0.0)] for e in (-20, last, last + 1, 0, 5, bits - 1, bits)]
        cases += [[1 - 2.0 ** -(bits + k), 0.25] for k in (-1, 0, 1, 2)]
        cases += [[1e-12, 1e-9, 1e-3, 1.0], [1e6, 1e-12], [2.0**-1000], [2.0**-1060, 2.0**-1070],
                  [1.0, 2.0**-1074], [1.5 * 2.0**-bits, 2.0**-bits, 1.0]]
        # Multipliers that are ties: half to even.
        cases += [[1.0] + [(2 * k + 1) * 2.0**-bits for k in range(6)]]
        for _ in range(40):
            cases.append([draw.double(-40, 19) for _ in range(draw.between(1, 4))])
        for _ in range(15):
            middle = draw.between(-12, 0)
            cases.append([draw.double(middle - 2, middle) for _ in range(draw.between(2, 4))])
        for scales in cases:
            t, multipliers = constants(scales, bits)
            emit("constants", bits, len(scales), scales, t, multipliers)


def records_average(draw):
    for n in (1, 2, 3, 4, 9, 49, 64, 65025):
        for s in list(range(-9, 10)) + [draw.between(-(2**15) * n, 2**15 * n) for _ in range(6)]:
            y = half_up(Fraction(s, n))
            assert y == (2 * s + n) // (2 * n)
            emit("average", s, n, y)


def records_window():
    for same in (0, 1):
        for size in (1, 2, 3, 5, 7, 8, 28):
            for kernel in (1, 2, 3, 4, 5, 7):
                for stride in (1, 2, 3, 5):
                    emit("window", size, kernel, stride, same, window(size, kernel, stride, same))


def records_input(draw):
    for mean in [0.0, 1.0, 0.2860, 0.5, 0.1307, 127.5 / 255, 0.5 / 255] + [
            draw.between(0, 10000) / 10000 for _ in range(30)]:
        deviation = draw.between(1, 20000) / 10000
        zero = math.floor(255.0 * mean + 0.5)
        assert abs(zero - 255 * Fraction(mean)) <= HALF + Fraction(1, 2**40)
        emit("input", mean, deviation, 1.0 / (255.0 * deviation), zero)


def records_clamp(draw):
    for kind in ("relu", "relu6"):
        for name in ("u8", "i4", "i8", "i16"):
            low, high = activation_range(name)
            for z in [0] if name == "i16" else [low, 0, high, draw.between(low, high)]:
                for s in (6 / 127, 6.0, 12.0, 12.5, 1e-9, 1e9, draw.double(-8, 0)):
                    top = high if kind == "relu" else min(high, z + math.floor(6.0 / s + 0.5))
                    emit("clamp", kind, name, s, z, z, top)


def any_tensor(draw, formats, least=-8, most=2):
    name = draw.of(formats)
    low, high = activation_range(name)
    z = 0 if name == "i16" else draw.of([low, high, draw.between(low, high)])
    return name, draw.double(least, most), z


def any_code(draw, tensor):
    low, high = activation_range(tensor[0])
    return draw.of([low, high, tensor[2], draw.between(low, high), draw.between(low, high)])


def records_add(draw):
    shapes = [(["i8"], 0), (["i8", "i4"], 0), (["i16"], 0), (["i16", "i8"], 0), (["i8"], 12),
              (["i8"], -25)]
    for i in range(90):
        formats, skew = shapes[i % len(shapes)]
        a, b = any_tensor(draw, formats, -6, -4), any_tensor(draw, formats, -6 + skew, -4 + skew)
        y = any_tensor(draw, formats, -6 + max(skew, 0), -4 + max(skew, 0))
        t, m = constants([a[1] / y[1], b[1] / y[1]], 22)
        low, high = activation_range(y[0])
        pairs = []
        for _ in range(8):
            p, q = any_code(draw, a), any_code(draw, b)
            total = (p - a[2]) * m[0] + (q - b[2]) * m[1]
            assert "i16" in (a[0], b[0]) or abs(total) + 2 ** (t - 1) < 2**31
            pairs += [p, q, requantise(total, 1, t, y[2], low, high)]
            exact = y[2] + Fraction(p - a[2]) * Fraction(a[1]) / Fraction(y[1])
            exact += Fraction(q - b[2]) * Fraction(b[1]) / Fraction(y[1])
            error = HALF + Fraction(abs(p - a[2]) + abs(q - b[2]), 2**t) + Fraction(1, 2**30)
            assert clamp(exact - error, low, high) <= pairs[-1] <= clamp(exact + error, low, high)
        emit("add", a, b, y, t, m, 8, pairs)


def records_bound(draw):
    for name in ("u8", "i4", "i8", "i16"):
        low, high = activation_range(name)
        for z in {low, high, 0} if name != "i16" else [0]:
            for _ in range(6):
                size = draw.of([1, 7, 127, 32767])
                rows = draw.between(1, 3)
                codes = [[draw.between(-size, size) for _ in range(4)] for _ in range(rows)]
                biases = [draw.between(-(10**6), 10**6) for _ in range(rows)]
                emit("bound", name, z, rows, 4, biases, sum(codes, []),
                     bound_of(low, high, z, biases, codes))


def emit_fold(draw, layer, runs=3):
    folded = fold(layer)
    row = 1 if layer.lone else len(layer.weights[0])
    fields = [layer.weights_format, *layer.x, *layer.y, layer.channels, row]
    fields += [int(bool(f)) for f in (layer.steps, layer.bias, layer.norm)]
    for part in ([] if layer.lone else sum(layer.weights, []), layer.steps, layer.bias):
        fields += part or []
    fields += [value for channel in layer.norm or [] for value in channel]
    if not folded:
        emit("fold", fields, "refused")
        return None
    width, t, bound, multipliers, biases, codes = folded
    fields += [width, t, bound, *multipliers, *biases, *sum(codes, []), runs]
    for _ in range(runs):
        x = [any_code(draw, layer.x) for _ in range(layer.channels if layer.lone else row)]
        fields += x + run(layer, folded, x)
    emit("fold", fields)
    return folded


def any_norm(draw, channels):
    def channel():
        gamma = draw.of([draw.real(2), draw.real(2), -1.0, 0.0, single(1e-9), single(-1e-9)])
        variance = draw.of([abs(draw.real(4)), abs(draw.real(4)), 0.0, single(1e-12), 1e6])
        beta = draw.of([draw.real(3), draw.real(3), 0.0, single(draw.real(1) * 1e6)])
        return [gamma, beta, draw.of([draw.real(2), 0.0]), variance]

    return [channel() for _ in range(channels)]


def any_layer(draw, weights_format, x, y, norm):
    channels, row = draw.between(1, 3), draw.between(1, 4)
    weights = [[draw.real(0.5) for _ in range(row)] for _ in range(channels)]
    size = 0.5 / weight_limit(weights_format)
    steps = [size * draw.of([1, 1, 0.5, 3]) for _ in range(channels)]
    bias = [draw.real(1) for _ in range(channels)]
    steps, bias = draw.of([steps, steps, None]), draw.of([bias, None])
    return Layer(weights_format, x, y, weights, steps, bias, norm and any_norm(draw, channels))


def records_fold(draw):
    for name in SIGNED:
        for i in range(14):
            inputs = ["u8", "i8", "i4"] if i % 3 else ["i16"]
            x = any_tensor(draw, inputs, -9, -5)
            y = any_tensor(draw, ["i8", "i4", "i16"], -7, -3)
            emit_fold(draw, any_layer(draw, name, x, y, i % 2))
    for i in range(24):
        x = any_tensor(draw, ["i8", "u8", "i16"], -7, -3)
        y = any_tensor(draw, ["i8", "i4", "i16"], -6, -4)
        emit_fold(draw, Layer("norm", x, y, None, norm=any_norm(draw, draw.between(1, 4))))
    records_corners(draw)
    records_edges(draw)


def records_corners(draw):
    x, y = ("i8", 0.02, -5), ("i8", 0.05, 3)
    ones = [[0.5, -0.25, 0.125]]
    cases = [[[g, b, m, v]] for g in (0.0, -1.0, 1e-9, -1e-9, 1e-30, 1e30) for b, m, v in
             ((0.5, 0.1, 1.0), (0.0, 0.0, 0.0), (1e30, 0.0, 1.0), (-1e30, 0.0, 0.0),
              (1e-30, 0.0, 1.0), (-0.5, 1e20, 0.0), (0.0, 0.0, 1e30))]
    for case in cases:
        emit_fold(draw, Layer("i8", x, y, ones, [single(0.5 / 127)], [0.25], case), 2)
        emit_fold(draw, Layer("norm", x, y, None, norm=case), 2)
    # A channel of no weight, among others and alone; the constant at both clamps and between.
    for b in (0.0, 0.024999, 0.025, -0.025, -0.075, 1.0, 1e3, -1e3, 1e30, -1e30):
        emit_fold(draw, Layer("i4", x, y, [[0.0, 0.0], [1.0, -1.0]], None, [b] * 2), 1)
        emit_fold(draw, Layer("i8", x, y, [[0.0, 0.0]], [0.01], [b]), 1)
        emit_fold(draw, Layer("i8", x, y, [[1e-6, -1e-6]], [0.01], [b]), 1)
        for z in (-128, 127):
            emit_fold(draw, Layer("i2", x, ("i8", 0.05, z), [[0.0]], [0.5], [b]), 1)
    # Weights at ties, on both sides of zero, beyond the limit.
    for name in ("i2", "i4", "i8", "i16"):
        ties = [(k + 0.5) * 0.125 for k in range(-9, 9)]
        emit_fold(draw, Layer(name, x, y, [ties], [0.125], [0.0]))
        emit_fold(draw, Layer(name, x, y, [ties], [0.125], [0.0], [[-1.0, 0.5, 0.1, 1.0]]))
    # Scales at both ends: the limits of t, layers that no shift can represent.
    for s in (1e-12, 1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9, 1e12):
        for name in ("i8", "i16"):
            step = [0.5 / weight_limit(name)]
            emit_fold(draw, Layer(name, ("i8", s, 7), y, ones, step, None, [[-0.5, 0.5, 0, 1]]), 2)
            emit_fold(draw, Layer(name, x, ("i8", s, -7), ones, step, [0.5]), 2)
            emit_fold(draw, Layer(name, ("i16", s, 0), ("i16", s, 0), ones, step, [0.5]), 2)
            emit_fold(draw, Layer(name, x, y, ones, [s], [0.5], [[1.0, 0.5, 0.1, 1.0]]), 2)
    # Channels that differ by many orders of magnitude under one shift.
    steps = [10.0**-k / 127 for k in range(0, 12, 2)]
    rows = [[10.0**-k, -(10.0**-k) / 3] for k in range(0, 12, 2)]
    emit_fold(draw, Layer("i8", x, y, rows, steps))


def records_edges(draw):
    """Accumulators one below the limit of 32 bits and at it, where 64 bits take over."""
    one, top = 2.0**-15, 32767 * 2.0**-15
    x, y = ("i16", one, 0), ("i16", 2.0, 0)
    for bias in (65535, 65536, -65535, -65536):
        layer = Layer("i16", x, y, [[top, -top]], [one], [bias * 2.0**-30])
        folded = emit_fold(draw, layer)
        assert folded[0] == (32 if abs(bias) == 65535 else 64)
        assert folded[0] == 64 or folded[2] == 2**31 - 1
    # Constants under the widest shifts: raising the step is what keeps their biases below 2^46.
    for size, count in ((20, 2**10), (40, 2**10), (20, 0.5), (0, 32767)):
        zeros = Layer("i16", ("i16", 2.0**-10, 0), ("i16", 2.0**size, 0), [[top] * 4, [0.0] * 4],
                      [2.0**-15, 2.0**-20], [0.0, 2.0**size * count])
        assert emit_fold(draw, zeros, 1)[0] == 64
    # So much offset that nothing is left of the weights.
    emit_fold(draw, Layer("i16", x, y, [[top] * 5], [one], [2.0**20]))


def main():
    print("# Vectors of doc/numerics.md, made by make_vectors.py.")
    print("# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0")
    for seed, records in enumerate((records_requantise, records_constants, records_average,
                                    lambda _: records_window(), records_input, records_clamp,
                                    records_add, records_bound, records_fold)):
        records(Draw(seed))


if __name__ == "__main__":
    main()
