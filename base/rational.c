/* rational.c: exact arithmetic in 64 bits, worked out in 128.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <math.h>

typedef __int128 Wide;
typedef unsigned __int128 UWide;

static UWide magnitude(Wide value) {
    return value < 0 ? -(UWide)value : (UWide)value;
}

static UWide divisor(UWide a, UWide b) {
    while (b) {
        UWide rest = a % b;
        a = b, b = rest;
    }
    return a;
}

static bool reduce(Wide n, Wide d, Rational *out) {
    if (d == 0)
        return false;
    UWide over = magnitude(n), under = magnitude(d), common = divisor(over, under);
    over /= common, under /= common;
    bool negative = (n < 0) != (d < 0);
    if (under > INT64_MAX || over > (UWide)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = (Rational){(int64_t)(negative ? -(Wide)over : (Wide)over), (int64_t)under};
    return true;
}

bool rational_make(int64_t n, int64_t d, Rational *out) {
    return reduce(n, d, out);
}

/* The products are below 2^126 in magnitude, so their sum fits. */
bool rational_add(Rational a, Rational b, Rational *out) {
    return reduce((Wide)a.n * b.d + (Wide)b.n * a.d, (Wide)a.d * b.d, out);
}

bool rational_sub(Rational a, Rational b, Rational *out) {
    return reduce((Wide)a.n * b.d - (Wide)b.n * a.d, (Wide)a.d * b.d, out);
}

bool rational_mul(Rational a, Rational b, Rational *out) {
    return reduce((Wide)a.n * b.n, (Wide)a.d * b.d, out);
}

bool rational_div(Rational a, Rational b, Rational *out) {
    return reduce((Wide)a.n * b.d, (Wide)a.d * b.n, out);
}

int rational_compare(Rational a, Rational b) {
    Wide left = (Wide)a.n * b.d, right = (Wide)b.n * a.d;
    return (left > right) - (left < right);
}

bool rational_is_integer(Rational a) {
    return a.d == 1;
}

int64_t rational_floor(Rational a) {
    return a.n / a.d - (a.n % a.d < 0);
}

/* Rounded once: the quotient is taken to 63 bits and more, with the lowest set where something
 * was left over, so that the one conversion to double sees on which side of a tie it is. */
double rational_double(Rational a) {
    UWide n = magnitude(a.n);
    int shift = 0;
    while (n && !(n >> 126))
        n <<= 1, shift++;
    UWide quotient = n / (UWide)a.d;
    if (n % (UWide)a.d)
        quotient |= 1;
    double value = ldexp((double)quotient, -shift);
    return a.n < 0 ? -value : value;
}

/* How many decimals the number has: the more numerous of the twos and fives in its denominator;
 * -1 where another prime is left, or where there would be more than can be read back. */
static int decimals_of(Rational a) {
    enum { MOST = 18 };
    int twos = 0, fives = 0;
    int64_t d = a.d;
    for (; d % 2 == 0; d /= 2)
        twos++;
    for (; d % 5 == 0; d /= 5)
        fives++;
    int decimals = twos > fives ? twos : fives;
    return d == 1 && decimals <= MOST ? decimals : -1;
}

Str rational_print(Arena *arena, Rational a) {
    if (a.d == 1)
        return str_format(arena, "%lld", (long long)a.n);
    int decimals = decimals_of(a);
    if (decimals < 0)
        return str_format(arena, "%lld/%lld", (long long)a.n, (long long)a.d);
    UWide n = magnitude(a.n), d = (UWide)a.d, rest = n % d;
    Text text = text_new(arena);
    text_add(&text, "%s%llu.", a.n < 0 ? "-" : "", (unsigned long long)(n / d));
    for (int i = 0; i < decimals; i++, rest %= d) {
        rest *= 10;
        text_add(&text, "%d", (int)(rest / d));
    }
    return text_str(&text);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Reads digits from *at on, as long as the value stays below 10^37. */
static bool read_digits(Str s, int *at, UWide *value, int *count) {
    UWide limit = 1;
    for (int i = 0; i < 36; i++)
        limit *= 10;
    for (*count = 0; *at < s.length && is_digit(s.at[*at]); ++*at, ++*count) {
        if (*value >= limit)
            return false;
        *value = *value * 10 + (UWide)(s.at[*at] - '0');
    }
    return true;
}

/* "e-3" at *at; nothing there is an exponent of 0. */
static bool read_exponent(Str s, int *at, int *exponent) {
    *exponent = 0;
    if (*at == s.length || (s.at[*at] != 'e' && s.at[*at] != 'E'))
        return true;
    ++*at;
    bool negative = *at < s.length && s.at[*at] == '-';
    if (*at < s.length && (s.at[*at] == '-' || s.at[*at] == '+'))
        ++*at;
    UWide value = 0;
    int count;
    if (!read_digits(s, at, &value, &count) || count == 0 || value > 1000)
        return false;
    *exponent = negative ? -(int)value : (int)value;
    return true;
}

/* mantissa * 10^exponent, reduced as it goes so that only the result need fit. */
static bool scale_by_ten(UWide mantissa, int exponent, Rational *out) {
    UWide d = 1;
    if (mantissa == 0)
        exponent = 0;
    for (; exponent < 0; exponent++) {
        if (mantissa % 10 == 0)
            mantissa /= 10;
        else if (d > (UWide)1 << 123)
            return false;
        else
            d *= 10;
    }
    for (; exponent > 0; exponent--) {
        if (mantissa > INT64_MAX)
            return false;
        mantissa *= 10;
    }
    return reduce((Wide)mantissa, (Wide)d, out);
}

bool rational_parse(Str digits, Rational *out) {
    int at = digits.length && digits.at[0] == '-', whole, fraction = 0, exponent;
    bool negative = at == 1;
    UWide mantissa = 0;
    if (!read_digits(digits, &at, &mantissa, &whole) || whole == 0)
        return false;
    if (at < digits.length && digits.at[at] == '.') {
        at++;
        if (!read_digits(digits, &at, &mantissa, &fraction) || fraction == 0)
            return false;
    }
    Rational value;
    if (!read_exponent(digits, &at, &exponent) || at != digits.length ||
        !scale_by_ten(mantissa, exponent - fraction, &value))
        return false;
    *out = (Rational){negative ? -value.n : value.n, value.d};
    return true;
}
