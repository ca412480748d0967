/* Random .nas texts. What is generated is kept with bounds on its values, so that a text can be
 * right by construction; where it may be wrong, a few draws ignore them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/lang/random_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a number: its values are multiples of `divisor` within low .. high, and it is
 * `first` in the member that takes the first value of every decision. */
typedef struct Number {
    Str text;
    int low, high, divisor, first;
    bool fresh; /* it holds a decision of its own: written twice, it is two numbers */
} Number;
typedef struct Truth {
    Str text;
    bool first;
} Truth;

typedef enum { CHANNELS, KERNELS, FACTORS, ROLES } Role;
typedef struct Variable {
    Number number;
    Role role;
} Variable;

/* An image. Those of one `extent` have the same height and width, whatever they are. */
typedef struct Image {
    Number channels;
    int low, high; /* of height and width */
    int extent;
} Image;

typedef struct Maker {
    Arena *arena;
    const SpecRecipe *recipe;
    int at;      /* on the tape */
    Text blocks; /* declarations before the network */
    Text body;   /* of the network, or of the block that is being written */
    VEC(Variable) variables;
    VEC(Str) flags; /* truths by name; each is true first */
    double total;   /* members so far */
    int times;      /* how often the place that is being written is elaborated */
    int depth;      /* of blocks and loops */
    int names, extents;
    double weighted, convs; /* operators with weights, as elaborated */
} Maker;

/* ---- draws ------------------------------------------------------------------------------- */

static int draw(Maker *m, int n) {
    return m->at < m->recipe->count ? m->recipe->tape[m->at++] % n : 0;
}

/* Rarely, and never where the text is to be right: the bounds may be ignored. */
static bool risk(Maker *m) {
    return !m->recipe->valid && draw(m, 4) == 3;
}

static int pick(Maker *m, const int *values, int count) {
    return values[draw(m, count)];
}

/* Room for a decision of so many values, which is then spent. */
static bool spend(Maker *m, int values) {
    double cost = pow(values, m->times);
    if (m->total * cost > m->recipe->members)
        return false;
    m->total *= cost;
    return true;
}

static Str fresh_name(Maker *m, const char *stem) {
    return str_format(m->arena, "%s%d", stem, m->names++);
}

static int divisor_of(int a, int b) {
    return b == 0 ? abs(a) : divisor_of(b, a % b);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static Number constant(Maker *m, int value) {
    return (Number){str_format(m->arena, "%d", value), value, value, value, value, false};
}

/* A decision between the values, in one of its forms; a constant where there is no room. */
static Number decide(Maker *m, const int *values, int count) {
    if (!spend(m, count))
        return constant(m, values[0]);
    Number n = constant(m, values[0]);
    Text text = text_new(m->arena);
    int step = values[1] - values[0];
    bool even = true;
    for (int i = 1; i < count; i++) {
        n.low = (int)min_i64(n.low, values[i]);
        n.high = (int)max_i64(n.high, values[i]);
        n.divisor = divisor_of(n.divisor, values[i]);
        even &= values[i] - values[i - 1] == step && step > 0;
    }
    if (even && draw(m, 2) == 0) {
        text_add(&text, "choice(%d..%d step %d)", values[0], values[count - 1], step);
    } else {
        for (int i = 0; i < count; i++)
            text_add(&text, "%s%d", i ? ", " : "choice(", values[i]);
        text_add(&text, ")");
    }
    if (draw(m, 6) == 5)
        text_add(&text, " named l%d", m->names++);
    n.text = text_str(&text);
    n.fresh = true;
    return n;
}

static Number decide_role(Maker *m, Role role) {
    static const int table[ROLES][4][4] = {
        [CHANNELS] = {{8, 16, 24, 32}, {4, 8, 12, 16}, {16, 8, 24, 12}, {6, 8, 10, 12}},
        [KERNELS] = {{1, 3, 5, 7}, {3, 1, 5, 2}, {3, 5, 1, 4}, {1, 2, 3, 4}},
        [FACTORS] = {{1, 2, 3, 4}, {2, 1, 3, 4}, {2, 4, 1, 3}, {1, 3, 2, 4}}};
    return decide(m, table[role][draw(m, 4)], 2 + draw(m, 3));
}

/* A variable of the role, or a constant where there is none. */
static Number variable(Maker *m, Role role) {
    static const int plain[ROLES][4] = {{8, 16, 4, 12}, {3, 1, 5, 3}, {2, 1, 3, 2}};
    int count = 0, skip;
    for (int i = 0; i < m->variables.count; i++)
        count += m->variables.at[i].role == role;
    if (count == 0)
        return constant(m, plain[role][draw(m, 4)]);
    skip = draw(m, count);
    for (int i = 0; i < m->variables.count; i++)
        if (m->variables.at[i].role == role && skip-- == 0)
            return m->variables.at[i].number;
    return constant(m, plain[role][0]);
}

static Truth comparison(Maker *m) {
    Role role = (Role)draw(m, ROLES);
    Number a = variable(m, role), b = variable(m, (Role)draw(m, ROLES));
    switch (draw(m, 5)) {
    case 0:
        return (Truth){str_format(m->arena, "%.*s < %.*s", STR_ARG(a.text), STR_ARG(b.text)),
                       a.first < b.first};
    case 1:
        return (Truth){str_format(m->arena, "%.*s == %d", STR_ARG(a.text), a.first), true};
    case 2:
        return (Truth){str_format(m->arena, "%.*s + %.*s <= %d", STR_ARG(a.text),
                                  STR_ARG(b.text), a.first + b.first + draw(m, 9)),
                       true};
    case 3:
        return (Truth){str_format(m->arena, "%.*s != %.*s", STR_ARG(a.text), STR_ARG(b.text)),
                       a.first != b.first};
    default:
        return (Truth){str_format(m->arena, "%.*s * %.*s >= %d", STR_ARG(a.text),
                                  STR_ARG(b.text), a.first * b.first + 1 + draw(m, 3)),
                       false};
    }
}

static Truth truth(Maker *m) {
    if (m->flags.count && draw(m, 3) == 0) {
        Str flag = m->flags.at[draw(m, m->flags.count)];
        bool negated = draw(m, 2);
        return (Truth){str_format(m->arena, "%s%.*s", negated ? "not " : "", STR_ARG(flag)),
                       !negated};
    }
    Truth a = comparison(m);
    if (draw(m, 4))
        return a;
    Truth b = comparison(m);
    static const char *const words[] = {"and", "or", "implies"};
    int word = draw(m, 3);
    bool first = word == 0   ? a.first && b.first
                 : word == 1 ? a.first || b.first
                             : !a.first || b.first;
    return (Truth){
        str_format(m->arena, "%.*s %s %.*s", STR_ARG(a.text), words[word], STR_ARG(b.text)),
        first};
}

static Number doubled(Maker *m, Number a, Number f) {
    return (Number){str_format(m->arena, "%.*s * %.*s", STR_ARG(a.text), STR_ARG(f.text)),
                    a.low * f.low,
                    a.high * f.high,
                    a.divisor * f.divisor,
                    a.first * f.first,
                    a.fresh || f.fresh};
}

static Number halved(Maker *m, Number a) {
    if (a.divisor % 2 && !risk(m))
        return a;
    return (Number){str_format(m->arena, "%.*s / 2", STR_ARG(a.text)),
                    a.low / 2,
                    a.high / 2,
                    a.divisor % 2 ? 1 : a.divisor / 2,
                    a.first / 2,
                    a.fresh};
}

static Number either(Maker *m, Number a, Number b) {
    Truth t = truth(m);
    return (Number){str_format(m->arena, "(if %.*s then %.*s else %.*s)", STR_ARG(t.text),
                               STR_ARG(a.text), STR_ARG(b.text)),
                    (int)min_i64(a.low, b.low),
                    (int)max_i64(a.high, b.high),
                    divisor_of(a.divisor, b.divisor),
                    t.first ? a.first : b.first,
                    a.fresh || b.fresh};
}

/* max(a, b), a + b. */
static Number joined(Maker *m, Number a, Number b) {
    static const char *const forms[] = {"max(%.*s, %.*s)", "min(%.*s, %.*s)", "(%.*s + %.*s)",
                                        "sum([%.*s, %.*s])"};
    int form = draw(m, 4);
    Number n = {.divisor = divisor_of(a.divisor, b.divisor), .fresh = a.fresh || b.fresh};
    char text[300];
    snprintf(text, sizeof text, forms[form], STR_ARG(a.text), STR_ARG(b.text));
    n.text = str_copy(m->arena, str_of(text));
    n.low = form == 0   ? (int)max_i64(a.low, b.low)
            : form == 1 ? (int)min_i64(a.low, b.low)
                        : a.low + b.low;
    n.high = form == 0   ? (int)max_i64(a.high, b.high)
             : form == 1 ? (int)min_i64(a.high, b.high)
                         : a.high + b.high;
    n.first = form == 0   ? (int)max_i64(a.first, b.first)
              : form == 1 ? (int)min_i64(a.first, b.first)
                          : a.first + b.first;
    return n;
}

/* round(a * 0.75), multiple_of(a * 1.5, 4), ceil(a / 3). */
static Number rounded(Maker *m, Number a) {
    int form = draw(m, 4);
    Number n = {.divisor = 1, .low = 1, .high = a.high * 3 / 2 + 8, .fresh = a.fresh};
    double x = a.first;
    switch (form) {
    case 0:
        n.text = str_format(m->arena, "round(%.*s * 0.75)", STR_ARG(a.text));
        n.first = (int)lround(x * 0.75);
        break;
    case 1:
        n.text = str_format(m->arena, "multiple_of(%.*s * 1.5, 4)", STR_ARG(a.text));
        n.first = (int)fmax(4, 4 * lround(x * 1.5 / 4));
        n.divisor = n.low = 4;
        break;
    case 2:
        n.text = str_format(m->arena, "ceil(%.*s / 3)", STR_ARG(a.text));
        n.first = (a.first + 2) / 3;
        break;
    default:
        n.text = str_format(m->arena, "%.*s * 0.75", STR_ARG(a.text));
        n.first = a.first * 3 / 4;
        if (a.divisor % 4 && !risk(m))
            return a;
        n.divisor = a.divisor % 4 ? 1 : a.divisor * 3 / 4;
    }
    return n;
}

static Number channels_compose(Maker *m) {
    Number a = variable(m, CHANNELS);
    switch (draw(m, 9)) {
    case 0:
        return constant(m, 4 + 4 * draw(m, 5));
    case 1:
        return decide_role(m, CHANNELS);
    case 2:
        return doubled(m, a, variable(m, FACTORS));
    case 3:
        return halved(m, a);
    case 4:
        return either(m, a, variable(m, CHANNELS));
    case 5:
        return joined(m, a, variable(m, CHANNELS));
    case 6:
        return rounded(m, a);
    default:
        return a;
    }
}

/* A number of channels for an operator. */
static Number channels(Maker *m) {
    enum { MOST = 200 };
    Number n = channels_compose(m);
    return n.high <= MOST ? n : constant(m, 8);
}

/* `kernel: e`; at most `limit` unless a risk is taken. */
static Str kernel(Maker *m, int limit) {
    static const int small[] = {3, 1, 5, 2};
    Number n = draw(m, 3) ? constant(m, pick(m, small, 4)) : variable(m, KERNELS);
    if (draw(m, 6) == 5)
        n = decide_role(m, KERNELS);
    bool large = limit < 100 && risk(m);
    if (large && draw(m, 2))
        n = decide(m, (int[]){1, 7, 12, 3}, 3);
    if (n.high > limit && !large)
        n = constant(m, limit < 3 ? 1 : 3);
    if (draw(m, 8) == 7 && !n.fresh)
        return str_format(m->arena, "kernel: [%.*s, 1]", STR_ARG(n.text));
    if (draw(m, 8) == 7 && limit > 0)
        return str_format(m->arena, "kernel: [min(%.*s, height(x)), min(%.*s, width(x))]",
                          STR_ARG(n.text), STR_ARG(n.text));
    return str_format(m->arena, "kernel: %.*s", STR_ARG(n.text));
}

/* ---- chains of operators ----------------------------------------------------------------- */

static void count_weighted(Maker *m, bool conv) {
    m->weighted += m->times;
    m->convs += conv ? m->times : 0;
}

/* Stride and padding of a window, and what becomes of the extents. */
static Str window(Maker *m, Image *x, bool keep) {
    enum { WIDE = 1000 };
    bool valid = !keep && draw(m, 3) == 2;
    int stride = !keep && draw(m, 3) == 2 ? 2 : 1;
    Str k = kernel(m, valid ? x->low : WIDE);
    if (valid) {
        x->low = 1;
        x->extent = ++m->extents;
    } else if (stride == 2) {
        x->low = (x->low + 1) / 2;
        x->high = (x->high + 1) / 2;
        x->extent = ++m->extents;
    }
    return str_format(m->arena, "%.*s%s%s", STR_ARG(k), stride == 2 ? ", stride: 2" : "",
                      valid ? ", padding: valid" : "");
}

static Str groups(Maker *m, Number in, Number out) {
    int most = divisor_of(in.divisor, out.divisor), g = (int[]){1, 2, 4, 3}[draw(m, 4)];
    if (draw(m, 3) || (most % g && !risk(m)))
        return (Str){"", 0};
    return str_format(m->arena, ", groups: %d", g);
}

/* `start` is a tensor with the channels that x has, so that they can be asked of it. */
static void add_conv(Maker *m, Text *text, Image *x, const char *start, bool keep) {
    Number n = keep && !risk(m) ? x->channels : channels(m);
    bool asked = keep && (n.fresh || draw(m, 3) == 0) && start;
    if (asked)
        n.text = str_format(m->arena, "channels(%s)", start);
    Str g = groups(m, x->channels, n), w = window(m, x, keep);
    text_add(text, " |> conv(%.*s, %.*s%.*s)", STR_ARG(n.text), STR_ARG(w), STR_ARG(g));
    x->channels = n;
    x->channels.fresh |= asked;
    count_weighted(m, true);
}

static void add_plain(Maker *m, Text *text) {
    static const char *const names[] = {"relu",    "batch_norm", "relu6",
                                        "sigmoid", "hard_swish", "batch_norm |> relu"};
    text_add(text, " |> %s", names[draw(m, 6)]);
}

static void add_shuffle(Maker *m, Text *text, const Image *x) {
    int g = (int[]){2, 4, 1, 3}[draw(m, 4)];
    if (x->channels.divisor % g && !risk(m))
        g = 1;
    text_add(text, " |> channel_shuffle(groups: %d)", g);
}

/* What changes the extents in ways of its own. */
static void add_reshaping(Maker *m, Text *text, Image *x) {
    int kind = draw(m, 3), from = draw(m, 3), count = 1 + draw(m, 6);
    if (kind == 0 && x->high <= 12) {
        text_add(text, " |> upsample(factor: 2)");
        x->low *= 2;
        x->high *= 2;
        x->extent = ++m->extents;
    } else if (kind == 1 && x->high <= 40) {
        text_add(text, " |> pad(top: %d, left: 1)", from);
        x->high += from > 1 ? from : 1;
        x->extent = ++m->extents;
    } else if (from + count <= x->channels.low || risk(m)) {
        text_add(text, " |> slice(%d, from: %d)", count, from);
        x->channels = constant(m, count);
    } else {
        text_add(text, " |> relu");
    }
}

static void add_link(Maker *m, Text *text, Image *x, const char *start, bool keep) {
    Str w;
    switch (draw(m, keep ? 5 : 7)) {
    case 1:
        add_plain(m, text);
        return;
    case 2:
        w = window(m, x, keep);
        text_add(text, " |> depthwise(%.*s)", STR_ARG(w));
        count_weighted(m, false);
        return;
    case 3:
        w = window(m, x, keep);
        text_add(text, " |> %s(%.*s)", draw(m, 2) ? "max_pool" : "average_pool", STR_ARG(w));
        return;
    case 4:
        add_shuffle(m, text, x);
        return;
    case 6:
        add_reshaping(m, text, x);
        return;
    default:
        add_conv(m, text, x, start, keep);
    }
}

/* One to three operators; `keep`: the shape stays what it was. */
static void add_chain(Maker *m, Text *text, Image *x, const char *start, bool keep) {
    int links = 1 + draw(m, 3);
    for (int i = 0; i < links; i++)
        add_link(m, text, x, i == 0 || keep ? start : NULL, keep);
}

/* ---- statements on the current tensor ---------------------------------------------------- */

/* The member count of alternatives is the sum of theirs. */
static double share(const Maker *m, double before) {
    return pow(m->total / before, 1.0 / m->times);
}

static Image image_join(Maker *m, Image a, Image b) {
    Image x = a;
    x.low = (int)min_i64(a.low, b.low);
    x.high = (int)max_i64(a.high, b.high);
    x.extent = a.extent == b.extent ? a.extent : ++m->extents;
    x.channels.low = (int)min_i64(a.channels.low, b.channels.low);
    x.channels.high = (int)max_i64(a.channels.high, b.channels.high);
    x.channels.divisor = divisor_of(a.channels.divisor, b.channels.divisor);
    x.channels.fresh |= b.channels.fresh || !str_equal(a.channels.text, b.channels.text);
    return x;
}

static void write_chain(Maker *m, Image *x, bool keep) {
    Text text = text_new(m->arena);
    add_chain(m, &text, x, "x", keep);
    text_add(&m->body, "x = x%.*s\n", text.length, text.at);
}

static void write_choice(Maker *m, Image *x, bool keep) {
    int count = 2 + draw(m, 2);
    double before = m->total, shares = 0;
    keep |= draw(m, 2);
    if (before * pow(count, m->times) > m->recipe->members)
        return;
    Text text = text_new(m->arena);
    Image joint = *x;
    for (int i = 0; i < count; i++) {
        Image y = *x;
        m->total = before;
        text_add(&text, "%s", i ? ", " : "x = choice(");
        text_add(&text, "x");
        if (i < 2 || draw(m, 2))
            add_chain(m, &text, &y, "x", keep);
        joint = i ? image_join(m, joint, y) : y;
        shares += share(m, before);
    }
    m->total = before * pow(shares, m->times);
    text_add(&m->body, "%.*s)\n", text.length, text.at);
    *x = joint;
}

static void write_optional(Maker *m, Image *x, bool keep) {
    double before = m->total;
    Text text = text_new(m->arena);
    Image y = *x;
    if (before * pow(2, m->times) > m->recipe->members)
        return;
    add_chain(m, &text, &y, "x", keep || draw(m, 3));
    m->total = before * pow(1 + share(m, before), m->times);
    text_add(&m->body, "x = optional(x%.*s)\n", text.length, text.at);
    *x = image_join(m, y, *x);
}

static void write_if(Maker *m, Image *x, bool keep) {
    Truth t = truth(m);
    Text yes = text_new(m->arena), no = text_new(m->arena);
    Image a = *x, b = *x;
    keep |= draw(m, 2);
    add_chain(m, &yes, &a, "x", keep);
    if (draw(m, 2))
        add_chain(m, &no, &b, "x", keep);
    text_add(&m->body, "x = if %.*s then x%.*s else x%.*s\n", STR_ARG(t.text), yes.length,
             yes.at, no.length, no.at);
    *x = image_join(m, a, b);
}

/* y = x |> ...; x = add(x, y): the branch keeps the shape, or may not. */
static void write_residual(Maker *m, Image *x) {
    static const char *const joins[] = {"add(x, %s)", "add(%s, x)", "mul(x, %s)"};
    Text text = text_new(m->arena);
    Image y = *x;
    add_chain(m, &text, &y, "x", !risk(m));
    const char *name = fresh_name(m, "y").at;
    char sum[40];
    snprintf(sum, sizeof sum, joins[draw(m, 3)], name);
    text_add(&m->body, "let %s = x%.*s\nx = %s\n", name, text.length, text.at, sum);
}

/* Two branches of one width: add, or concat. */
static void write_branches(Maker *m, Image *x) {
    Number n = channels(m), other = n;
    bool join = draw(m, 2);
    if (n.fresh)
        n = other = constant(m, 12);
    if (join || risk(m))
        other = channels(m);
    text_add(&m->body, "x = %s(x |> conv(%.*s, kernel: 1), x |> conv(%.*s, kernel: 3))\n",
             join ? "concat" : "add", STR_ARG(n.text), STR_ARG(other.text));
    count_weighted(m, true);
    count_weighted(m, true);
    x->channels = n;
    if (join) {
        x->channels.low += other.low;
        x->channels.high += other.high;
        x->channels.divisor = divisor_of(n.divisor, other.divisor);
        x->channels.fresh = true;
    }
}

static void write_gate(Maker *m, Image *x) {
    Number n = risk(m) ? channels(m) : x->channels;
    Str text = n.fresh ? STR("channels(x)") : n.text;
    text_add(&m->body, "x = mul(x, x |> global_average |> dense(%.*s) |> sigmoid)\n",
             STR_ARG(text));
    count_weighted(m, false);
}

static void write_let(Maker *m) {
    Role role = (Role)draw(m, ROLES);
    Str name = fresh_name(m, "v");
    if (draw(m, 6) == 5 && spend(m, 2)) {
        text_add(&m->body, "let %.*s = choice(true, false)\n", STR_ARG(name));
        vec_push(m->arena, &m->flags, name);
        return;
    }
    Number n = role == CHANNELS && draw(m, 2) ? channels(m) : decide_role(m, role);
    text_add(&m->body, "let %.*s = %.*s\n", STR_ARG(name), STR_ARG(n.text));
    n.text = name;
    n.fresh = false;
    vec_push(m->arena, &m->variables, ((Variable){n, role}));
}

/* A list of some of three: two variables. */
static void write_subset(Maker *m) {
    Str name = fresh_name(m, "p");
    if (!spend(m, 3))
        return;
    text_add(&m->body, "let %.*s = subset(2 of [4, 8, 24])\n", STR_ARG(name));
    for (int i = 0; i < 2; i++) {
        Number n = {str_format(m->arena, "%.*s[%d]", STR_ARG(name), i),
                    i ? 8 : 4,
                    i ? 24 : 8,
                    4,
                    i ? 8 : 4,
                    false};
        vec_push(m->arena, &m->variables, ((Variable){n, CHANNELS}));
    }
}

/* A condition that the first member satisfies, or perhaps none. */
static void write_condition(Maker *m) {
    Truth t = truth(m);
    Number a = variable(m, CHANNELS), b = variable(m, KERNELS);
    switch (draw(m, 3)) {
    case 0:
        text_add(&m->body, "legal (%.*s, %.*s) in [(%d, %d), (%d, %d), (%d, %d)]\n",
                 STR_ARG(a.text), STR_ARG(b.text), a.first, b.first, a.high, b.first, a.first,
                 b.low);
        return;
    default:
        text_add(&m->body, "%s %.*s\n", t.first != risk(m) ? "require" : "forbid",
                 STR_ARG(t.text));
    }
}

/* ---- bodies ------------------------------------------------------------------------------ */

static void write_statements(Maker *m, Image *x, int count, bool keep);

/* The body keeps the shape, since an iteration may be skipped. */
static void write_repeat(Maker *m, Image *x) {
    static const int counts[] = {1, 2, 3};
    int variables = m->variables.count, flags = m->flags.count;
    Number n = draw(m, 2) ? decide(m, counts, 2 + draw(m, 2)) : variable(m, FACTORS);
    int times = m->times;
    if (n.high > 4 || m->depth > 1)
        return;
    text_add(&m->body, "repeat %.*s%s {\n", STR_ARG(n.text), draw(m, 2) ? " as i" : "");
    m->times *= n.high;
    m->depth++;
    write_statements(m, x, 1 + draw(m, 2), !risk(m));
    m->depth--;
    m->times = times;
    m->variables.count = variables;
    m->flags.count = flags;
    text_add(&m->body, "}\n");
    x->channels.fresh = true;
    if (!m->recipe->valid) /* the shape may have changed after all */
        x->low = 1;
}

/* A compile-time loop over widths. */
static void write_for(Maker *m, Image *x) {
    int first = 4 + 4 * draw(m, 3);
    text_add(&m->body, "for s in [%d, %d] { x = x |> conv(s * 2, kernel: 3) |> relu }\n", first,
             first + 4);
    count_weighted(m, true);
    count_weighted(m, true);
    x->channels = constant(m, 2 * (first + 4));
}

static void write_recursion(Maker *m, Str name) {
    text_add(&m->blocks,
             "block %.*s(x, n) { return if n == 0 then x else "
             "%.*s(x |> depthwise(kernel: 3) |> relu, n - 1) }\n",
             STR_ARG(name), STR_ARG(name));
    text_add(&m->body, "x = x |> %.*s(%d)\n", STR_ARG(name), 1 + draw(m, 3));
    m->weighted += 3.0 * m->times;
}

/* Within a block only its parameters are known. */
static Str write_block_body(Maker *m, Image *x, Number n, Number k, bool keep) {
    Maker inner = *m;
    n.text = STR("n");
    k.text = STR("k");
    n.fresh = k.fresh = false;
    inner.variables.at = NULL;
    inner.variables.count = inner.variables.capacity = inner.flags.count = 0;
    inner.flags.at = NULL;
    inner.flags.capacity = 0;
    vec_push(m->arena, &inner.variables, ((Variable){n, CHANNELS}));
    vec_push(m->arena, &inner.variables, ((Variable){k, KERNELS}));
    inner.body = text_new(m->arena);
    inner.depth++;
    write_statements(&inner, x, 1 + draw(&inner, 2), keep);
    m->at = inner.at;
    m->blocks = inner.blocks;
    m->total = inner.total;
    m->names = inner.names;
    m->extents = inner.extents;
    m->weighted = inner.weighted;
    m->convs = inner.convs;
    return text_str(&inner.body);
}

/* A call of a block of its own, whose body is written for what it is given; or of one that calls
 * itself. */
static void write_block(Maker *m, Image *x, bool keep) {
    Str name = fresh_name(m, "b");
    if (m->depth > 1)
        return;
    if (draw(m, 4) == 3) {
        write_recursion(m, name);
        return;
    }
    Number n = channels(m), k = variable(m, KERNELS);
    x->channels.fresh = true;
    Str body = write_block_body(m, x, n, k, keep);
    x->channels.fresh = true;
    text_add(&m->blocks, "block %.*s(x, n, k: 3) {\n%.*sreturn x\n}\n", STR_ARG(name),
             STR_ARG(body));
    text_add(&m->body, "x = x |> %.*s(%.*s, k: %.*s)\n", STR_ARG(name), STR_ARG(n.text),
             STR_ARG(k.text));
}

/* A decision between operators of one signature. */
static void write_operator_choice(Maker *m) {
    Str name = fresh_name(m, "f");
    if (!spend(m, 3))
        return;
    text_add(&m->body, "let %.*s = choice(relu, sigmoid, relu6)\nx = x |> %.*s\n",
             STR_ARG(name), STR_ARG(name));
}

/* Channels as tokens and back: the sizes must agree. */
static void write_reshape(Maker *m, const Image *x) {
    int d = x->channels.divisor % 2 == 0 || risk(m) ? 2 : 1;
    const char *to = risk(m) ? "height(x)" : "width(x)";
    text_add(&m->body,
             "x = x |> reshape(channels(x) / %d, height: height(x) * %d, width: %s)\n"
             "x = x |> reshape(channels(x) * %d, height: height(x) / %d, width: width(x))\n",
             d, d, to, d, d);
}

/* What is right only because of a condition that ties two decisions. */
static void write_tied(Maker *m, Image *x) {
    Str a = fresh_name(m, "t"), b = fresh_name(m, "t");
    if (m->depth > 0 || !spend(m, 4))
        return;
    text_add(&m->body, "let %.*s = choice(8, 12)\nlet %.*s = choice(1, 2)\n", STR_ARG(a),
             STR_ARG(b));
    text_add(&m->body, "require %.*s + %.*s * 4 <= %d\n", STR_ARG(a), STR_ARG(b),
             risk(m) ? 16 : 12);
    text_add(&m->body, "x = x |> conv(%.*s, kernel: 1) |> channel_shuffle(groups: 4 * %.*s)\n",
             STR_ARG(a), STR_ARG(b));
    text_add(&m->body, "x = x |> conv(8, kernel: 1, groups: %.*s / 2)\n", STR_ARG(a));
    count_weighted(m, true);
    count_weighted(m, true);
    x->channels = constant(m, 8);
}

/* Half of the channels through an operator, beside the others. */
static void write_split(Maker *m, Image *x) {
    Str name = fresh_name(m, "s");
    if (x->channels.divisor % 2 && !risk(m))
        return;
    text_add(&m->body,
             "let %.*s = split(x, 2)\nx = concat(%.*s[0] |> depthwise(kernel: 3), %.*s[1])\n",
             STR_ARG(name), STR_ARG(name), STR_ARG(name));
    count_weighted(m, false);
}

static void write_shaping(Maker *m, Image *x, bool keep) {
    switch (draw(m, keep ? 10 : 13)) {
    case 0:
        write_chain(m, x, keep);
        return;
    case 1:
        write_residual(m, x);
        return;
    case 2:
        write_choice(m, x, keep);
        return;
    case 3:
        write_optional(m, x, keep);
        return;
    case 4:
        write_if(m, x, keep);
        return;
    case 5:
        write_block(m, x, keep);
        return;
    case 6:
        write_gate(m, x);
        return;
    case 7:
        write_operator_choice(m);
        return;
    case 8:
        write_reshape(m, x);
        return;
    case 9:
        write_split(m, x);
        return;
    case 10:
        write_branches(m, x);
        return;
    case 11:
        write_tied(m, x);
        return;
    default:
        write_for(m, x);
    }
}

static void write_statements(Maker *m, Image *x, int count, bool keep) {
    for (int i = 0; i < count; i++)
        switch (draw(m, 10)) {
        case 0:
        case 1:
            write_let(m);
            break;
        case 2:
            write_repeat(m, x);
            break;
        case 3:
            if (m->variables.count)
                write_condition(m);
            break;
        case 4:
            write_subset(m);
            break;
        default:
            write_shaping(m, x, keep);
        }
}

/* ---- whole texts ------------------------------------------------------------------------- */

/* Down to a list of numbers. */
static void write_end(Maker *m, const Image *x, int classes) {
    int returned = classes + (risk(m) ? 1 : 0);
    enum { MOST_FLAT = 65536 };
    bool flat = (int64_t)x->high * x->high * x->channels.high <= MOST_FLAT;
    switch (flat ? draw(m, 4) : 2) {
    case 0:
        text_add(&m->body, "return x |> flatten |> dense(%d)\n", returned);
        break;
    case 1: {
        Number n = channels(m);
        text_add(&m->body, "x = x |> global_average |> dense(%.*s) |> relu\n", STR_ARG(n.text));
        text_add(&m->body, "return x |> dense(%d)\n", returned);
        break;
    }
    default:
        text_add(&m->body, "return x |> global_average |> dense(%d)\n", returned);
    }
    m->weighted += 2;
}

/* Where mistakes are allowed, floats may meet integers. */
static void write_rule(Maker *m, Text *text) {
    static const char *const formats[] = {"i8", "choice(i4, i8)", "choice(i4, i5, i6)", "i2"};
    static const char *const selectors[] = {"*", "first", "last", "dense"};
    static const char *const outputs[] = {"", "", ", activations = i8", ", activations = f32",
                                          ", activations = choice(f16, i8)"};
    int format = draw(m, 4), selector = draw(m, 4), output = draw(m, 3);
    if (output == 2 && risk(m))
        output += draw(m, 3);
    double operators = selector ? 4 : m->weighted + 1;
    double values = (int[]){1, 2, 3, 1}[format] * (output == 4 ? 2 : 1);
    if (m->total * pow(values, operators) > m->recipe->members)
        format = output = 0;
    else
        m->total *= pow(values, operators);
    text_add(text, "%s: weights = %s%s\n", selectors[selector],
             output == 3 && draw(m, 3) ? "f32" : formats[format], outputs[output]);
}

static void write_precision(Maker *m, Text *text) {
    m->variables.count = (int)min_i64(m->variables.count, 1);
    text_add(text, "precision of n {\n");
    if (draw(m, 2) && spend(m, 2)) {
        text_add(text, "let tied = choice(%s)\n", draw(m, 2) ? "i8, i16" : "i4, i8");
        text_add(text, "*: weights = %s, activations = tied\n", draw(m, 2) ? "tied" : "i4");
    }
    for (int i = draw(m, 3); i > 0; i--)
        write_rule(m, text);
    if (!m->recipe->valid && draw(m, 3) == 2)
        text_add(text, "require weights <= activations\n");
    Number shared = variable(m, CHANNELS);
    if (str_equal(shared.text, STR("shared")) && draw(m, 2))
        text_add(text, "require shared == %d\n", risk(m) ? 5 : shared.first);
    text_add(text, "}\n");
}

Str spec_recipe_text(Arena *arena, const SpecRecipe *recipe) {
    enum { MOST_STATEMENTS = 9 };
    Maker m = {.arena = arena,
               .recipe = recipe,
               .blocks = text_new(arena),
               .body = text_new(arena),
               .total = 1,
               .times = 1};
    Text text = text_new(arena);
    int side = 3 + draw(&m, 16), planes = 1 + draw(&m, 4), classes = 2 + draw(&m, 4);
    if (draw(&m, 3) == 2) {
        Number n = decide_role(&m, CHANNELS);
        text_add(&text, "let shared = %.*s\n", STR_ARG(n.text));
        n.text = STR("shared");
        n.fresh = false;
        vec_push(arena, &m.variables, ((Variable){n, CHANNELS}));
    }
    Image x = {.channels = constant(&m, planes), .low = side, .high = side};
    text_add(&m.body, "x = image |> conv(8, kernel: 3)\n");
    x.channels = constant(&m, 8);
    for (int i = draw(&m, 4); i > 0; i--)
        write_let(&m);
    write_statements(&m, &x, 1 + draw(&m, MOST_STATEMENTS), false);
    for (int i = draw(&m, 4); i > 0 && m.variables.count; i--)
        write_condition(&m);
    write_end(&m, &x, classes);
    text_add_str(&text, text_str(&m.blocks));
    text_add(&text, "network n(image: [%d, %d, %d]) -> [%d] {\n%.*s}\n", side, side, planes,
             classes, m.body.length, m.body.at);
    if (draw(&m, 2))
        write_precision(&m, &text);
    return text_str(&text);
}

SpecRecipe spec_recipe_of(const uint8_t *bytes, size_t count, bool valid, double members) {
    SpecRecipe recipe = {
        .count = (int)min_i64((int64_t)count, SPEC_TAPE), .valid = valid, .members = members};
    if (recipe.count)
        memcpy(recipe.tape, bytes, (size_t)recipe.count);
    return recipe;
}

SpecRecipe spec_recipe_draw(uint64_t seed, int length, bool valid, double members) {
    Random random = {.seed = seed};
    SpecRecipe recipe = {
        .count = (int)min_i64(length, SPEC_TAPE), .valid = valid, .members = members};
    for (int i = 0; i < recipe.count; i++)
        recipe.tape[i] = (uint8_t)random_below(&random, 256);
    return recipe;
}

/* ---- shrinking --------------------------------------------------------------------------- */

static SpecRecipe without(SpecRecipe recipe, int from, int count) {
    memmove(recipe.tape + from, recipe.tape + from + count,
            (size_t)(recipe.count - from - count));
    recipe.count -= count;
    return recipe;
}

SpecRecipe spec_recipe_shrink(SpecRecipe recipe,
                              bool (*holds)(void *context, const SpecRecipe *recipe),
                              void *context) {
    for (int size = recipe.count; size > 0; size /= 2)
        for (int from = 0; from + size <= recipe.count;) {
            SpecRecipe smaller = without(recipe, from, size);
            if (holds(context, &smaller))
                recipe = smaller;
            else
                from += size;
        }
    for (int i = 0; i < recipe.count; i++)
        for (int value = 0; value < recipe.tape[i] && value < 16; value++) {
            SpecRecipe simpler = recipe;
            simpler.tape[i] = (uint8_t)value;
            if (holds(context, &simpler))
                recipe = simpler;
        }
    return recipe;
}
