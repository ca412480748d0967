/* precise.c: precision rules. After the graph stands, each operator that computes gets,
 * property by property, the last rule that matches it, evaluated afresh.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

typedef enum { WEIGHTS, ACTIVATIONS, MEMBRANE, PROPERTIES } Property;

/* What a rule may set. */
typedef struct PropertyFacts {
    const char *name, *words; /* of the formats, in messages */
    unsigned formats;         /* bit 1 << Format */
    Format initial;           /* where no rule names it */
} PropertyFacts;
#define F(NAME) (1u << FORMAT_##NAME)
static const PropertyFacts property_facts[PROPERTIES] = {
    {"weights", "i2, i3, i4, i5, i6, i7, i8, i16, f16 or f32",
     F(I2) | F(I3) | F(I4) | F(I5) | F(I6) | F(I7) | F(I8) | F(I16) | F(F16) | F(F32),
     FORMAT_I8},
    {"activations", "i4, i8, i16, f16 or f32", F(I4) | F(I8) | F(I16) | F(F16) | F(F32),
     FORMAT_I8},
    {"membrane", "i8, i16, f16 or f32", F(I8) | F(I16) | F(F16) | F(F32), FORMAT_I16},
};
#undef F

const char *precision_property(int index) {
    return index < PROPERTIES ? property_facts[index].name : NULL;
}

typedef struct Precise {
    Elab *elab;
    const Item *rules;
    bool *first, *last; /* (ops) weighted operators at the ends of the network */
    ExprId *passed;     /* (ops) the format that a batch norm takes from each select ... */
    int *passed_for;    /* (ops) ... and for which norm that was found */
} Precise;

/* ---- ends of the network ----------------------------------------------------------------- */

static bool is_weighted(const SpaceOp *op) {
    return op->kind != OP_SELECT && operator_facts[op->kind].weights == WEIGHTED;
}

/* first: reads the input through no other operator with weights, on some path of some
 * member; last: likewise towards the output. */
static void mark_ends(Precise *p) {
    const Space *space = p->elab->space;
    int count = space->ops.count;
    bool *fresh = arena_array(p->elab->arena, bool, count);
    bool *final = arena_array(p->elab->arena, bool, count);
    fresh[0] = true;
    for (int i = 1; i < count; i++) {
        bool reads = false;
        for (int k = 0; k < space->ops.at[i].inputs; k++)
            reads |= fresh[space->ops.at[i].input[k]];
        p->first[i] = reads && is_weighted(&space->ops.at[i]);
        fresh[i] = reads && !is_weighted(&space->ops.at[i]);
    }
    final[space->output] = true;
    for (int i = count - 1; i >= 0; i--) {
        p->last[i] = final[i] && is_weighted(&space->ops.at[i]);
        for (int k = 0; final[i] && !p->last[i] && k < space->ops.at[i].inputs; k++)
            final[space->ops.at[i].input[k]] = true;
    }
}

/* ---- selectors --------------------------------------------------------------------------- */

/* The next part of a path: its name and ordinal; returns what follows it. */
static Str path_part(Str path, Str *name, int *index) {
    int end = 0;
    while (end < path.length && path.at[end] != '.')
        end++;
    int bracket = 0;
    while (bracket < end && path.at[bracket] != '[')
        bracket++;
    *name = (Str){path.at, bracket};
    *index = 0;
    for (int i = bracket + 1; i < end && path.at[i] != ']'; i++)
        *index = *index * 10 + (path.at[i] - '0');
    int skip = end < path.length ? end + 1 : end;
    return (Str){path.at + skip, path.length - skip};
}

static bool segment_matches(Segment segment, Str name, int index) {
    bool any = str_equal(segment.name, STR("*"));
    return (any || str_equal(segment.name, name)) &&
           (segment.index < 0 || segment.index == index);
}

/* Which numbers of leading segments may have been matched before a part of the path, as
 * bits: after a part that is passed over, only those whose next segment may stand anywhere
 * remain. */
static uint64_t matches_after(const Selector *selector, uint64_t before, Str name, int index) {
    uint64_t after = 0;
    for (int s = 0; s < selector->segments.count; s++) {
        const Segment *segment = &selector->segments.at[s];
        bool anywhere = segment->index == -1 && !str_equal(segment->name, STR("*"));
        if (!(before >> s & 1))
            continue;
        if (segment_matches(*segment, name, index))
            after |= 2ull << s;
        if (anywhere)
            after |= 1ull << s;
    }
    return after;
}

/* A segment with a number (or `*`) follows directly where the one before ended; a bare name may
 * stand anywhere below. What is left of the path belongs to what was selected. */
static bool path_matches(const Selector *selector, Str path) {
    uint64_t matched = 1, all = 1ull << selector->segments.count;
    while (path.length && !(matched & all)) {
        Str name;
        int index;
        path = path_part(path, &name, &index);
        matched = matches_after(selector, matched, name, index);
    }
    return matched & all;
}

static bool selector_matches(const Precise *p, const Selector *selector, int op) {
    const Segment *only = &selector->segments.at[0];
    if (selector->segments.count == 1 && only->index == -1) {
        if (str_equal(only->name, STR("first")))
            return p->first[op];
        if (str_equal(only->name, STR("last")))
            return p->last[op];
    }
    return path_matches(selector, p->elab->space->ops.at[op].path);
}

static bool rule_matches(const Precise *p, const Rule *rule, int op) {
    for (int i = 0; i < rule->selectors.count; i++)
        if (selector_matches(p, &rule->selectors.at[i], op))
            return true;
    return false;
}

/* ---- properties -------------------------------------------------------------------------- */

static const Node *rule_property(const Rule *rule, Property property) {
    for (int i = 0; i < rule->properties.count; i++)
        if (str_equal(rule->properties.at[i].name, str_of(property_facts[property].name)))
            return rule->properties.at[i].value;
    return NULL;
}

/* The last rule that names the property for the operator; NULL: none does. */
static const Node *property_of(Precise *p, Property property, int op) {
    const Node *found = NULL;
    for (int i = 0; p->rules && i < p->rules->rules.count; i++) {
        const Rule *rule = &p->rules->rules.at[i];
        const Node *value = rule->is_statement ? NULL : rule_property(rule, property);
        if (value && rule_matches(p, rule, op))
            found = value;
    }
    return found;
}

/* Whether every value the expression can have is a format that fits the property. */
static bool formats_fit(Elab *elab, ExprId id, Property property, Span span) {
    const Expr *e = &elab->space->exprs.at[id];
    if (e->kind == EXPR_IF)
        return formats_fit(elab, e->b, property, span) &&
               formats_fit(elab, e->c, property, span);
    int count = e->kind == EXPR_CHOICE ? elab->space->choices.at[e->choice].count : 1;
    for (int v = 0; v < count; v++) {
        Rational value =
            e->kind == EXPR_CHOICE ? elab->space->choices.at[e->choice].values[v] : e->value;
        Format format = (Format)value.n;
        bool fits = property_facts[property].formats >> format & 1;
        if (fits)
            continue;
        elab_error(elab, span, "`%s` cannot be %s; they are %s", property_facts[property].name,
                   format_name(format), property_facts[property].words);
        return false;
    }
    return true;
}

/* A rule's expression, evaluated afresh. */
static ExprId property_value(Elab *elab, const Node *node, Property property, Str hint) {
    Value value = evaluate_as(elab, node, hint);
    if (value.kind == A_FORMAT && formats_fit(elab, value.expr, property, node->span))
        return value.expr;
    if (value.kind != A_FORMAT && value.kind != A_MISTAKE)
        elab_error(elab, node->span, "`%s` must be a format such as i8, and this is %.*s",
                   property_facts[property].name, STR_ARG(value_describe(elab, value)));
    return fold_integer(&elab->folder, property_facts[property].initial);
}

static ExprId format_value(Precise *p, Property property, int op) {
    Elab *elab = p->elab;
    const Node *node = property_of(p, property, op);
    if (!node)
        return fold_integer(&elab->folder, property_facts[property].initial);
    ExprId saved = elab->guard;
    elab->guard = elab->space->ops.at[op].active;
    Str hint = str_format(elab->arena, "%.*s.%s", STR_ARG(elab->space->ops.at[op].path),
                          property_facts[property].name);
    ExprId format = property_value(elab, node, property, hint);
    elab->guard = saved;
    return format;
}

/* The format of a batch norm that reads operator `in`: it folds into an operator with
 * weights and then has its format, in each member by itself where a decision selects what
 * it reads. Otherwise it has one of its own. */
static ExprId norm_format(Precise *p, int norm, int in, int depth, ExprId *own) {
    enum { MAX_SELECTS = 1000 };
    Folder *folder = &p->elab->folder;
    const SpaceOp *op = &p->elab->space->ops.at[in];
    if (op->kind != OP_SELECT && operator_absorbs_norm(op->kind))
        return op->output;
    if (op->kind != OP_SELECT)
        return *own ? *own : (*own = format_value(p, ACTIVATIONS, norm));
    if (p->passed_for[in] == norm)
        return p->passed[in];
    folder->why = "a batch norm reads through too many decisions";
    ExprId format = depth < MAX_SELECTS
                        ? norm_format(p, norm, op->input[op->inputs - 1], depth + 1, own)
                        : EXPR_NONE;
    for (int k = op->inputs - 2; k >= 0 && format; k--) {
        ExprId taken = fold(folder, EXPR_EQUAL, op->select, fold_integer(folder, k), EXPR_NONE);
        ExprId other = norm_format(p, norm, op->input[k], depth + 1, own);
        format = taken && other ? fold(folder, EXPR_IF, taken, other, format) : EXPR_NONE;
    }
    if (!format)
        elab_error(p->elab, op->span, "%s", folder->why);
    p->passed_for[in] = norm;
    return p->passed[in] = format;
}

static void apply_to(Precise *p, int i) {
    SpaceOp *op = &p->elab->space->ops.at[i];
    ExprId own = EXPR_NONE;
    if (op->kind == OP_SELECT || op->kind == OP_INPUT)
        return;
    if (is_weighted(op))
        op->weights = format_value(p, WEIGHTS, i);
    if (op->kind == OP_BATCH_NORM)
        op->output = norm_format(p, i, op->input[0], 0, &own);
    else if (operator_facts[op->kind].output == OWN)
        op->output = format_value(p, ACTIVATIONS, i);
    else if (operator_facts[op->kind].output == SPIKES) {
        op->output = fold_integer(&p->elab->folder, FORMAT_S1);
        op->membrane = format_value(p, MEMBRANE, i);
    }
}

/* ---- conditions -------------------------------------------------------------------------- */

/* `require weights <= activations` holds for each operator with weights. */
static void condition_apply(Precise *p, const Statement *condition) {
    Elab *elab = p->elab;
    Scope *outer = elab->scope;
    for (int i = 0; i < elab->space->ops.count; i++) {
        const SpaceOp *op = &elab->space->ops.at[i];
        if (!is_weighted(op))
            continue;
        scope_push(elab);
        Value weights = {.kind = A_FORMAT, .expr = op->weights, .span = op->span};
        Value activations = {.kind = A_FORMAT, .expr = op->output, .span = op->span};
        scope_bind(elab, STR("weights"), op->span, weights, true);
        scope_bind(elab, STR("activations"), op->span, activations, true);
        elab->guard = op->active;
        statement_run(elab, condition);
        elab->guard = EXPR_NONE;
        elab->scope = outer;
    }
}

/* ---- unknown names ----------------------------------------------------------------------- */

static void add_path_names(Arena *arena, Str path, Map *seen, Str **names, int *count) {
    while (path.length) {
        Str name;
        int index;
        path = path_part(path, &name, &index);
        if (map_get(seen, name, NULL))
            continue;
        map_put(seen, name, 1);
        (*names)[(*count)++] = name;
    }
    (void)arena;
}

static void report_unmatched(Precise *p, const Selector *selector) {
    Elab *elab = p->elab;
    Map *seen = map_new(elab->arena);
    int count = 2, parts = 2;
    for (int i = 0; i < elab->space->ops.count; i++) {
        Str path = elab->space->ops.at[i].path;
        for (int k = 0; k <= path.length; k++)
            parts += k == path.length || path.at[k] == '.';
    }
    Str *names = arena_array(elab->arena, Str, parts);
    names[0] = STR("first");
    names[1] = STR("last");
    for (int i = 1; i < elab->space->ops.count; i++)
        add_path_names(elab->arena, elab->space->ops.at[i].path, seen, &names, &count);
    OpKind kind;
    Str name = selector->segments.at[0].name;
    if (selector->segments.count == 1 && selector->segments.at[0].index == -1 &&
        operator_of(name, &kind)) {
        warn_at(elab->diagnostics, selector->span, "`%.*s` has no `%.*s`",
                STR_ARG(elab->space->name), STR_ARG(name));
        return;
    }
    elab_error(elab, selector->span, "nothing in `%.*s` is selected by this%.*s",
               STR_ARG(elab->space->name),
               STR_ARG(suggestion(elab->arena, name, names, count)));
}

static void check_selectors(Precise *p, const Rule *rule) {
    for (int i = 0; i < rule->selectors.count; i++) {
        bool matched = false;
        for (int op = 1; op < p->elab->space->ops.count && !matched; op++)
            matched = selector_matches(p, &rule->selectors.at[i], op);
        if (!matched)
            report_unmatched(p, &rule->selectors.at[i]);
    }
}

static void check_properties(Precise *p, const Rule *rule) {
    Str names[PROPERTIES];
    for (int i = 0; i < PROPERTIES; i++)
        names[i] = str_of(property_facts[i].name);
    for (int i = 0; i < rule->properties.count; i++) {
        const Argument *property = &rule->properties.at[i];
        bool known = false;
        for (int k = 0; k < PROPERTIES; k++)
            known |= str_equal(property->name, names[k]);
        if (known)
            continue;
        elab_error(p->elab, property->span,
                   "a precision sets `weights`, `activations` and `membrane`, not "
                   "`%.*s`%.*s",
                   STR_ARG(property->name),
                   STR_ARG(suggestion(p->elab->arena, property->name, names, PROPERTIES)));
    }
}

/* Each rule is held against each operator. */
static bool within_work(Elab *elab, const Item *network, const Item *precision) {
    enum { MAX_WORK = 20000000 };
    int64_t selectors = 1;
    for (int i = 0; precision && i < precision->rules.count; i++)
        selectors += 1 + precision->rules.at[i].selectors.count;
    if (selectors * elab->space->ops.count <= MAX_WORK)
        return true;
    elab_error(elab, precision->span, "there are too many rules for the %d operators of `%.*s`",
               elab->space->ops.count, STR_ARG(network->name));
    return false;
}

static void rules_begin(Elab *elab, const Source *source) {
    Frame frame = {.path = {"", 0}, .ordinals = map_new(elab->arena), .source = source};
    elab->frame = arena_copy(elab->arena, &frame, sizeof frame);
    elab->scope = NULL;
    scope_push(elab);
}

void precision_apply(Elab *elab, const Item *network, const Item *precision) {
    int count = elab->space->ops.count;
    Precise p = {.elab = elab,
                 .rules = precision,
                 .first = arena_array(elab->arena, bool, count),
                 .last = arena_array(elab->arena, bool, count),
                 .passed = arena_array(elab->arena, ExprId, count),
                 .passed_for = arena_array(elab->arena, int, count)};
    rules_begin(elab, precision ? precision->source : network->source);
    if (!within_work(elab, network, precision))
        return;
    mark_ends(&p);
    for (int i = 0; precision && i < precision->rules.count; i++) {
        const Rule *rule = &precision->rules.at[i];
        check_selectors(&p, rule);
        check_properties(&p, rule);
        if (rule->is_statement && rule->statement.kind == STATEMENT_LET)
            statement_run(elab, &rule->statement);
    }
    for (int i = 0; i < count && !elab->failed; i++)
        apply_to(&p, i);
    for (int i = 0; precision && i < precision->rules.count && !elab->failed; i++)
        if (precision->rules.at[i].is_statement &&
            precision->rules.at[i].statement.kind != STATEMENT_LET)
            condition_apply(&p, &precision->rules.at[i].statement);
}

const Space *precision_formats(Elab *elab, const Item *precision) {
    Precise p = {.elab = elab, .rules = precision};
    rules_begin(elab, precision->source);
    vec_push(elab->arena, &elab->space->ops, (SpaceOp){0});
    for (int i = 0; i < precision->rules.count; i++) {
        const Rule *rule = &precision->rules.at[i];
        ExprId formats[PROPERTIES] = {EXPR_NONE};
        check_properties(&p, rule);
        if (rule->is_statement && rule->statement.kind == STATEMENT_LET)
            statement_run(elab, &rule->statement);
        for (int k = 0; k < PROPERTIES && !rule->is_statement; k++) {
            const Node *node = rule_property(rule, (Property)k);
            if (node)
                formats[k] = property_value(elab, node, (Property)k,
                                            str_format(elab->arena, "rule[%d]", i));
        }
        vec_push(elab->arena, &elab->space->ops,
                 ((SpaceOp){.weights = formats[WEIGHTS],
                            .output = formats[ACTIVATIONS],
                            .membrane = formats[MEMBRANE]}));
    }
    return elab->failed ? NULL : elab->space;
}
