/* joint.c: the joint values of some decisions, one after another.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

Joint joint_new(Arena *arena, const Space *space) {
    int count = space->choices.count + 1;
    return (Joint){.arena = arena,
                   .space = space,
                   .mentioned = arena_array(arena, bool, count),
                   .gene = arena_array(arena, Gene, count)};
}

void joint_mention(Joint *joint, ExprId id) {
    expr_mentions(joint->space, id, joint->mentioned);
}

/* Saturates just above JOINT_LIMIT. */
int64_t joint_count(const Joint *joint) {
    int64_t count = 1;
    for (int c = 0; c < joint->space->choices.count && count <= JOINT_LIMIT; c++)
        if (joint->mentioned[c])
            count *= joint->space->choices.at[c].count;
    return count;
}

/* Adds the decisions of one constraint where it touches those mentioned; true where that
 * is news. */
static bool tie(Joint *joint, ExprId condition, bool *tied) {
    int choices = joint->space->choices.count;
    bool touches = false, adds = false;
    memset(tied, 0, sizeof(bool) * (size_t)choices);
    expr_mentions(joint->space, condition, tied);
    for (int c = 0; c < choices; c++) {
        touches |= tied[c] && joint->mentioned[c];
        adds |= tied[c] && !joint->mentioned[c];
    }
    for (int c = 0; touches && adds && c < choices; c++)
        joint->mentioned[c] |= tied[c];
    return touches && adds;
}

/* A condition under which a decision is reached mentions only earlier ones: one pass
 * downwards. */
static void mention_conditions(Joint *joint) {
    for (int c = joint->space->choices.count - 1; c >= 0; c--)
        if (joint->mentioned[c])
            joint_mention(joint, joint->space->choices.at[c].active);
}

bool joint_close(Joint *joint) {
    const Space *space = joint->space;
    bool *tied = arena_array(joint->arena, bool, space->choices.count + 1), changed = true;
    while (changed && joint_count(joint) <= JOINT_LIMIT) {
        changed = false;
        mention_conditions(joint);
        for (int i = 0; i < space->constraints.count; i++)
            changed |= tie(joint, space->constraints.at[i].condition, tied);
    }
    joint->constraint = arena_array(joint->arena, ExprId, space->constraints.count + 1);
    for (int i = 0; i < space->constraints.count; i++) {
        ExprId condition = space->constraints.at[i].condition;
        bool all = true;
        memset(tied, 0, sizeof(bool) * (size_t)space->choices.count);
        expr_mentions(space, condition, tied);
        for (int c = 0; c < space->choices.count; c++)
            all &= !tied[c] || joint->mentioned[c];
        if (all)
            joint->constraint[joint->constraints++] = condition;
    }
    return joint_count(joint) <= JOINT_LIMIT;
}

void joint_first(Joint *joint) {
    joint->count = 0;
    joint->which = arena_array(joint->arena, int, joint->space->choices.count + 1);
    memset(joint->gene, 0, (size_t)joint->space->choices.count);
    for (int c = 0; c < joint->space->choices.count; c++)
        if (joint->mentioned[c])
            joint->which[joint->count++] = c;
}

bool joint_next(Joint *joint) {
    for (int i = joint->count - 1; i >= 0; i--) {
        int c = joint->which[i];
        if (++joint->gene[c] < joint->space->choices.at[c].count)
            return true;
        joint->gene[c] = 0;
    }
    return false;
}

bool joint_legal(const Joint *joint) {
    for (int i = 0; i < joint->count; i++) {
        int c = joint->which[i];
        if (joint->gene[c] &&
            !expr_true(joint->space, joint->space->choices.at[c].active, joint->gene))
            return false;
    }
    for (int i = 0; i < joint->constraints; i++)
        if (!expr_true(joint->space, joint->constraint[i], joint->gene))
            return false;
    return true;
}
