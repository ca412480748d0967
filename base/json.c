/* json.c: writing JSON without a tree.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <math.h>
#include <stdlib.h>

/* The length of the UTF-8 sequence at `at`, 0 where there is no valid one: too long a form,
 * surrogates and what is past U+10FFFF are refused. */
static int utf8_length(const unsigned char *at, int left) {
    static const struct {
        unsigned char low, high;   /* the first byte */
        unsigned char least, most; /* the second byte */
        int length;
    } forms[] = {
        {0x00, 0x7f, 0x80, 0xbf, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (int i = 0; i < COUNT(forms); i++) {
        if (at[0] < forms[i].low || at[0] > forms[i].high)
            continue;
        int length = forms[i].length;
        if (length > left || (length > 1 && (at[1] < forms[i].least || at[1] > forms[i].most)))
            return 0;
        for (int k = 2; k < length; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

static const char *short_escape(unsigned char byte) {
    static const char *const escapes[] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r",
        ['\t'] = "\\t", ['"'] = "\\\"", ['\\'] = "\\\\"};
    return byte < COUNT(escapes) ? escapes[byte] : NULL;
}

void json_add_string(Text *text, Str s) {
    text_add_str(text, STR("\""));
    for (int i = 0; i < s.length;) {
        const unsigned char *at = (const unsigned char *)s.at + i;
        int length = utf8_length(at, s.length - i);
        const char *escape = short_escape(*at);
        if (escape)
            text_add_str(text, str_of(escape));
        else if (*at < ' ' || *at == 127)
            text_add(text, "\\u%04x", *at);
        else if (length)
            text_add_str(text, (Str){s.at + i, length});
        else
            text_add_str(text, STR("\\ufffd"));
        i += length ? length : 1;
    }
    text_add_str(text, STR("\""));
}

void json_add_number(Text *text, double value) {
    enum { ENOUGH = 17 };
    if (!isfinite(value)) {
        text_add_str(text, STR("null"));
        return;
    }
    char digits[40];
    bool whole = value == floor(value) && fabs(value) < 1e15;
    if (whole) { /* %g would write 7840 as 7.84e+03 */
        snprintf(digits, sizeof digits, "%.0f", value);
        text_add_str(text, str_of(digits));
        return;
    }
    for (int precision = 1; precision <= ENOUGH; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    text_add_str(text, str_of(digits));
}
