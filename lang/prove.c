/* prove.c: what must hold for every legal member. Most conditions fold away when they are
 * built; the others are decided by enumerating the joint values of the decisions that they
 * mention.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

void check_add(Elab *elab, ExprId condition, Span span, ExprId a, ExprId b, const char *format,
               ...) {
    if (is_true(&elab->folder, condition) || is_false(&elab->folder, elab->guard))
        return;
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    Check check = {elab->guard, condition, span,       str_copy(elab->arena, str_of(message)),
                   a,           b,         elab->frame};
    vec_push(elab->arena, &elab->checks, check);
}

/* ---- enumeration ------------------------------------------------------------------------- */

/* Joint values of some decisions; the others stay at their first. */
typedef struct Joint {
    const Space *space;
    bool *mentioned; /* (choices) */
    Gene *gene;      /* (choices) */
} Joint;

static Joint joint_new(Elab *elab) {
    int count = elab->space->choices.count + 1;
    return (Joint){elab->space, arena_array(elab->arena, bool, count),
                   arena_array(elab->arena, Gene, count)};
}

static bool joint_small(const Joint *joint, int64_t limit) {
    int64_t count = 1;
    for (int c = 0; c < joint->space->choices.count; c++)
        if (joint->mentioned[c] && (count *= joint->space->choices.at[c].count) > limit)
            return false;
    return true;
}

static bool joint_next(Joint *joint) {
    for (int c = joint->space->choices.count - 1; c >= 0; c--) {
        if (!joint->mentioned[c])
            continue;
        if (++joint->gene[c] < joint->space->choices.at[c].count)
            return true;
        joint->gene[c] = 0;
    }
    return false;
}

/* Adds the decisions that decide whether those mentioned are reached, and the constraints
 * that tie them to others, until nothing is added. */
static void joint_close(Joint *joint, Arena *arena) {
    const Space *space = joint->space;
    int choices = space->choices.count;
    bool *tied = arena_array(arena, bool, choices + 1), changed = true;
    while (changed) {
        changed = false;
        for (int c = choices - 1; c >= 0; c--)
            if (joint->mentioned[c])
                expr_mentions(space, space->choices.at[c].active, joint->mentioned);
        for (int i = 0; i < space->constraints.count; i++) {
            memset(tied, 0, sizeof(bool) * (size_t)choices);
            expr_mentions(space, space->constraints.at[i].condition, tied);
            bool touches = false, adds = false;
            for (int c = 0; c < choices; c++) {
                touches |= tied[c] && joint->mentioned[c];
                adds |= tied[c] && !joint->mentioned[c];
            }
            for (int c = 0; touches && adds && c < choices; c++)
                joint->mentioned[c] |= tied[c];
            changed |= touches && adds;
        }
    }
}

static bool canonical(const Joint *joint) {
    const Space *space = joint->space;
    for (int c = 0; c < space->choices.count; c++)
        if (joint->mentioned[c] && joint->gene[c] &&
            !expr_true(space, space->choices.at[c].active, joint->gene))
            return false;
    return true;
}

/* Whether the constraints that only mention enumerated decisions are satisfied. */
static bool legal(const Joint *joint, const bool *decides) {
    for (int i = 0; i < joint->space->constraints.count; i++)
        if (decides[i] &&
            !expr_true(joint->space, joint->space->constraints.at[i].condition, joint->gene))
            return false;
    return true;
}

static bool *deciding(Elab *elab, const Joint *joint) {
    const Space *space = joint->space;
    bool *decides = arena_array(elab->arena, bool, space->constraints.count + 1);
    bool *tied = arena_array(elab->arena, bool, space->choices.count + 1);
    for (int i = 0; i < space->constraints.count; i++) {
        memset(tied, 0, sizeof(bool) * (size_t)space->choices.count);
        expr_mentions(space, space->constraints.at[i].condition, tied);
        decides[i] = true;
        for (int c = 0; c < space->choices.count; c++)
            decides[i] &= !tied[c] || joint->mentioned[c];
    }
    return decides;
}

static bool violates(const Joint *joint, const Check *check) {
    Rational value;
    if (!expr_true(joint->space, check->guard, joint->gene))
        return false;
    return !check->condition ||
           !expr_value(joint->space, check->condition, joint->gene, &value) || value.n == 0;
}

typedef enum { HOLDS, VIOLATED, UNDECIDED } Verdict;

static Verdict search(Joint *joint, const Check *check, const bool *decides) {
    do {
        if (violates(joint, check) && (!decides || (canonical(joint) && legal(joint, decides))))
            return VIOLATED;
    } while (joint_next(joint));
    return HOLDS;
}

/* First without constraints: what then holds, holds. Else again with all that bears on it. */
static Verdict decide(Elab *elab, const Check *check, Joint *joint) {
    *joint = joint_new(elab);
    expr_mentions(elab->space, check->condition, joint->mentioned);
    expr_mentions(elab->space, check->guard, joint->mentioned);
    if (joint_small(joint, JOINT_LIMIT) && search(joint, check, NULL) == HOLDS)
        return HOLDS;
    memset(joint->gene, 0, (size_t)elab->space->choices.count);
    joint_close(joint, elab->arena);
    if (!joint_small(joint, JOINT_LIMIT))
        return UNDECIDED;
    return search(joint, check, deciding(elab, joint));
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

static Str message_print(Elab *elab, const Check *check, const Joint *joint) {
    Text text = text_new(elab->arena);
    for (int i = 0; i < check->message.length; i++) {
        char at = check->message.at[i];
        char which = at == '$' && i + 1 < check->message.length ? check->message.at[i + 1] : 0;
        if (which == 'a' || which == 'b') {
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

static void report(Elab *elab, const Check *check, Joint *joint, Verdict verdict) {
    /* Only what the failing condition itself mentions belongs in the chain. */
    bool *mentioned = arena_array(elab->arena, bool, elab->space->choices.count + 1);
    expr_mentions(elab->space, check->condition, mentioned);
    expr_mentions(elab->space, check->guard, mentioned);
    joint->mentioned = mentioned;
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

void checks_run(Elab *elab) {
    Joint joint;
    VEC(ExprId) failed = {0};
    for (int i = 0; i < elab->checks.count; i++) {
        const Check *check = &elab->checks.at[i];
        bool repeated = false;
        for (int k = i - 1; k >= 0 && k >= i - 8 && !repeated; k--)
            repeated = check->span.start == elab->checks.at[k].span.start &&
                       check->condition == elab->checks.at[k].condition &&
                       check->guard == elab->checks.at[k].guard;
        if (repeated || is_consequence(elab, check, failed.at, failed.count))
            continue;
        Verdict verdict = decide(elab, check, &joint);
        if (verdict == HOLDS)
            continue;
        report(elab, check, &joint, verdict);
        if (check->b == EXPR_NONE)
            vec_push(elab->arena, &failed, check->a);
    }
}

/* ---- values of expressions --------------------------------------------------------------- */

Rational expr_largest(Elab *elab, ExprId guard, ExprId id) {
    enum { ENUMERATED = 1 << 14 };
    Rational value, best = RATIONAL(1);
    const ExprFacts *facts = facts_of(&elab->folder, id);
    if (is_constant(&elab->folder, id, &value))
        return value;
    Joint joint = joint_new(elab);
    expr_mentions(elab->space, id, joint.mentioned);
    expr_mentions(elab->space, guard, joint.mentioned);
    if (!joint_small(&joint, ENUMERATED))
        return facts->bounded ? facts->high : best;
    do {
        if (expr_true(elab->space, guard, joint.gene) &&
            expr_value(elab->space, id, joint.gene, &value) &&
            rational_compare(value, best) > 0)
            best = value;
    } while (joint_next(&joint));
    return best;
}
