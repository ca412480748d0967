/* prove.c: what must hold for every legal member. Most conditions fold away when they are
 * built; the others are decided by enumerating the joint values of the decisions that they
 * mention.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

Check *check_add(Elab *elab, ExprId condition, Span span, ExprId a, ExprId b,
                 const char *format, ...) {
    if (is_true(&elab->folder, condition) || is_false(&elab->folder, elab->guard))
        return NULL;
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    Check check = {elab->guard, condition, span,        str_copy(elab->arena, str_of(message)),
                   a,           b,         elab->frame, {-1, -1}};
    vec_push(elab->arena, &elab->checks, check);
    return &elab->checks.at[elab->checks.count - 1];
}

void check_between(Check *check, int left, int right) {
    if (check) {
        check->of[0] = left;
        check->of[1] = right;
    }
}

/* ---- verdicts ---------------------------------------------------------------------------- */

typedef enum { HOLDS, VIOLATED, UNDECIDED } Verdict;

static bool violates(const Joint *joint, const Check *check) {
    Rational value;
    if (!expr_true(joint->space, check->guard, joint->gene))
        return false;
    return !check->condition ||
           !expr_value(joint->space, check->condition, joint->gene, &value) || value.n == 0;
}

/* Files that ask for more than this in all are told to tie decisions, rather than kept
 * waiting. */
static bool affordable(Elab *elab, const Joint *joint) {
    enum { TOTAL_LIMIT = 1 << 24 };
    int64_t count = joint_count(joint);
    return count <= JOINT_LIMIT && elab->tried + count <= TOTAL_LIMIT;
}

static Verdict search(Elab *elab, Joint *joint, const Check *check, bool among_legal) {
    joint_first(joint);
    do {
        elab->tried++;
        if (violates(joint, check) && (!among_legal || joint_legal(joint)))
            return VIOLATED;
    } while (joint_next(joint));
    return HOLDS;
}

/* First without constraints: what then holds, holds. Else again with all that bears on it. */
static Verdict decide(Elab *elab, const Check *check, Joint *joint) {
    joint_mention(joint, check->condition);
    joint_mention(joint, check->guard);
    if (affordable(elab, joint) && search(elab, joint, check, false) == HOLDS)
        return HOLDS;
    if (!joint_close(joint) || !affordable(elab, joint))
        return UNDECIDED;
    return search(elab, joint, check, true);
}

/* ---- reports ----------------------------------------------------------------------------- */

/* "8", and where it depends on decisions "8 (width)". */
static void operand_print(Elab *elab, Text *text, const Joint *joint, ExprId id) {
    Rational value;
    bool known = id && expr_value(elab->space, id, joint->gene, &value);
    if (known)
        text_add_str(text, rational_print(elab->arena, value));
    Rational constant;
    if (id && !is_constant(&elab->folder, id, &constant))
        text_add(text, known ? " (`%.*s`)" : "`%.*s`", STR_ARG(expr_describe(elab, id)));
}

static void format_print(Elab *elab, Text *text, const Joint *joint, ExprId id) {
    Rational value;
    if (expr_value(elab->space, id, joint->gene, &value))
        text_add(text, "%s", format_name((Format)value.n));
}

static Str message_print(Elab *elab, const Check *check, const Joint *joint) {
    Text text = text_new(elab->arena);
    for (int i = 0; i < check->message.length; i++) {
        char at = check->message.at[i];
        char which = at == '$' && i + 1 < check->message.length ? check->message.at[i + 1] : 0;
        if (which == 'f' || which == 'g') {
            format_print(elab, &text, joint, which == 'f' ? check->a : check->b);
            i++;
        } else if (which == 'a' || which == 'b') {
            operand_print(elab, &text, joint, which == 'a' ? check->a : check->b);
            i++;
        } else {
            text_add(&text, "%c", at);
        }
    }
    return text_str(&text);
}

/* The reason chain: what each decision is in the member that fails. */
static void note_decisions(Elab *elab, const Joint *joint, bool valued) {
    enum { MAX_NOTES = 6 };
    int notes = 0;
    for (int c = 0; c < elab->space->choices.count && notes < MAX_NOTES; c++) {
        const Choice *choice = &elab->space->choices.at[c];
        if (!joint->mentioned[c])
            continue;
        Str values = choice_values(elab->arena, choice);
        if (valued)
            note_at(elab->diagnostics, choice->span, "`%.*s` is %.*s (it may be %.*s)",
                    STR_ARG(choice->name),
                    STR_ARG(choice_value(elab->arena, choice, joint->gene[c])),
                    STR_ARG(values));
        else
            note_at(elab->diagnostics, choice->span, "it depends on `%.*s`",
                    STR_ARG(choice->name));
        notes++;
    }
}

/* The operator that first had this extent, going up from op through those that keep it. */
static int origin_of(const Elab *elab, int op, ExprId extent) {
    for (;;) {
        const SpaceOp *at = &elab->space->ops.at[op];
        if (at->inputs == 0)
            return op;
        const SpaceOp *in = &elab->space->ops.at[at->input[0]];
        bool kept = false;
        for (int d = 0; d < in->rank; d++)
            kept |= in->shape[d] == extent;
        if (!kept)
            return op;
        op = at->input[0];
    }
}

/* Where an extent that no decision explains comes from. */
static void note_origins(Elab *elab, const Check *check) {
    ExprId sides[2] = {check->a, check->b};
    Rational value;
    for (int k = 0; k < 2; k++) {
        if (check->of[k] < 0 || !is_constant(&elab->folder, sides[k], &value))
            continue;
        const SpaceOp *from = &elab->space->ops.at[origin_of(elab, check->of[k], sides[k])];
        note_at(elab->diagnostics, from->span, "%.*s comes from here",
                STR_ARG(rational_print(elab->arena, value)));
    }
}

static void report(Elab *elab, const Check *check, Joint *joint, Verdict verdict) {
    /* Only what the failing condition and its sides mention belongs in the chain. */
    memset(joint->mentioned, 0, sizeof(bool) * (size_t)elab->space->choices.count);
    joint_mention(joint, check->condition);
    joint_mention(joint, check->guard);
    joint_mention(joint, check->a);
    joint_mention(joint, check->b);
    elab->failed = true;
    if (verdict == VIOLATED)
        error_at(elab->diagnostics, check->span, "%.*s",
                 STR_ARG(message_print(elab, check, joint)));
    else
        error_at(
            elab->diagnostics, check->span,
            "whether this fits in every member depends on more than 2^20 joint values; tie "
            "some decisions with `let`");
    note_decisions(elab, joint, verdict == VIOLATED);
    note_origins(elab, check);
    note_calls(elab, check->frame);
}

static bool contains(const Space *space, ExprId id, ExprId part) {
    const Expr *e = &space->exprs.at[id];
    return id == part || (e->a && contains(space, e->a, part)) ||
           (e->b && contains(space, e->b, part)) || (e->c && contains(space, e->c, part));
}

/* Whether a number that failed a check of its own takes part: what follows from it is no
 * news. */
static bool is_consequence(Elab *elab, const Check *check, const ExprId *failed, int count) {
    for (int i = 0; i < count; i++)
        if (contains(elab->space, check->condition, failed[i]) ||
            contains(elab->space, check->a, failed[i]) ||
            contains(elab->space, check->b, failed[i]))
            return true;
    return false;
}

static bool is_repeated(const Elab *elab, int number) {
    enum { BACK = 8 };
    const Check *checks = elab->checks.at, *check = &checks[number];
    for (int k = number - 1; k >= 0 && k >= number - BACK; k--)
        if (check->span.start == checks[k].span.start &&
            check->condition == checks[k].condition && check->guard == checks[k].guard)
            return true;
    return false;
}

/* Of the conditions that leave nothing, as few as do so together. */
static void report_empty(Elab *elab, Arena *scratch, Span span) {
    const int *conditions;
    Members *members = members_new(scratch, elab->space, NULL, 0);
    int count = members_conflict(members, -1, 0, &conditions);
    if (count)
        span = elab->space->constraints.at[conditions[0]].span;
    error_at(elab->diagnostics, span,
             "no member satisfies this together with the other conditions");
    for (int i = 1; i < count; i++)
        note_at(elab->diagnostics, elab->space->constraints.at[conditions[i]].span,
                "this is one of them; without it there would be members");
}

/* Where the constraints leave nothing, every check would hold, and a search would find
 * nothing. */
static void check_satisfiable(Elab *elab, Arena *scratch) {
    ExprId never = fold_integer(&elab->folder, 0);
    for (int i = elab->satisfied; i < elab->space->constraints.count; i++) {
        const Constraint *constraint = &elab->space->constraints.at[i];
        elab->satisfied = i + 1;
        Check check = {.condition = never};
        Joint joint = joint_new(scratch, elab->space);
        joint_mention(&joint, constraint->condition);
        if (joint_close(&joint) && affordable(elab, &joint) &&
            search(elab, &joint, &check, true) == HOLDS) {
            report_empty(elab, scratch, constraint->span);
            elab->failed = true;
            return;
        }
        arena_reset(scratch);
    }
}

void checks_run(Elab *elab) {
    enum { MAX_REPORTS = 30 };
    VEC(ExprId) failed = {0};
    Arena *scratch = arena_new();
    int reports = 0;
    check_satisfiable(elab, scratch);
    for (int i = elab->proven; i < elab->checks.count && reports < MAX_REPORTS;
         i++, arena_reset(scratch)) {
        elab->proven = i + 1;
        const Check *check = &elab->checks.at[i];
        if (is_repeated(elab, i) || is_consequence(elab, check, failed.at, failed.count))
            continue;
        Joint joint = joint_new(scratch, elab->space);
        Verdict verdict = decide(elab, check, &joint);
        if (verdict == HOLDS)
            continue;
        report(elab, check, &joint, verdict);
        reports++;
        if (check->b == EXPR_NONE)
            vec_push(elab->arena, &failed, check->a);
    }
    arena_free(scratch);
}

/* ---- values of expressions --------------------------------------------------------------- */

static bool largest_tried(Elab *elab, Joint *joint, ExprId guard, ExprId id, Rational *best) {
    enum { ENUMERATED = 1 << 14 };
    Rational value;
    joint_mention(joint, id);
    joint_mention(joint, guard);
    if (joint_count(joint) > ENUMERATED || !affordable(elab, joint))
        return false;
    joint_first(joint);
    do {
        elab->tried++;
        if (expr_true(elab->space, guard, joint->gene) &&
            expr_value(elab->space, id, joint->gene, &value) &&
            rational_compare(value, *best) > 0)
            *best = value;
    } while (joint_next(joint));
    return true;
}

/* Exact where few decisions take part, else the upper bound that is known. */
Rational expr_largest(Elab *elab, ExprId guard, ExprId id) {
    Rational best = RATIONAL(1);
    if (is_constant(&elab->folder, id, &best))
        return best;
    Arena *scratch = arena_new();
    Joint joint = joint_new(scratch, elab->space);
    if (!largest_tried(elab, &joint, guard, id, &best))
        best = facts_of(&elab->folder, id)->high;
    arena_free(scratch);
    return best;
}
