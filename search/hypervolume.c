/* hypervolume.c: how much of the objective space a front dominates, exactly.
 *
 * Two objectives are a staircase, three a stack of staircases. For more, the volume is the sum
 * of what each point adds to the points after it: its own box less the part of it that they
 * dominate (While, Bradstreet, Barone 2012: WFG).
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <stdlib.h>
#include <string.h>

/* Distances below the reference point, all positive: the volume is that of the union of the
 * boxes from the origin to each point, and larger is better. */
typedef struct Box {
    double side[MAX_OBJECTIVES];
} Box;

/* By falling last sides, so that each box meets only the lower ones; sides that a front has no
 * use for are 0. */
static int box_compare(const void *left, const void *right) {
    const Box *a = left, *b = right;
    for (int i = MAX_OBJECTIVES - 1; i >= 0; i--)
        if (a->side[i] != b->side[i])
            return a->side[i] > b->side[i] ? -1 : 1;
    return 0;
}

static void boxes_sort(Box *boxes, int count) {
    if (count)
        qsort(boxes, (size_t)count, sizeof *boxes, box_compare);
}

/* Of boxes sorted by falling side 1. */
static double area(const Box *boxes, int count) {
    double sum = 0, widest = 0;
    for (int i = 0; i < count; i++)
        if (boxes[i].side[0] > widest) {
            sum += (boxes[i].side[0] - widest) * boxes[i].side[1];
            widest = boxes[i].side[0];
        }
    return sum;
}

/* Puts a box into a staircase (side 0 rises, side 1 falls strictly) and returns the new count.
 */
static int stairs_add(Box *stairs, int count, Box box) {
    int at = 0;
    while (at < count && stairs[at].side[1] > box.side[1])
        at++;
    if ((at > 0 && stairs[at - 1].side[0] >= box.side[0]) ||
        (at < count && stairs[at].side[1] == box.side[1] && stairs[at].side[0] >= box.side[0]))
        return count;
    int end = at;
    while (end < count && stairs[end].side[0] <= box.side[0])
        end++;
    memmove(stairs + at + 1, stairs + end, sizeof *stairs * (size_t)(count - end));
    stairs[at] = box;
    return count - (end - at) + 1;
}

/* Of boxes sorted by falling side 2: between two heights lies the staircase of all that reach
 * up. */
static double stack(Arena *arena, const Box *boxes, int count) {
    Box *stairs = arena_array(arena, Box, count + 1);
    double sum = 0;
    int steps = 0;
    for (int i = 0; i < count; i++) {
        steps = stairs_add(stairs, steps, boxes[i]);
        double floor = i + 1 < count ? boxes[i + 1].side[2] : 0;
        if (boxes[i].side[2] > floor)
            sum += (boxes[i].side[2] - floor) * area(stairs, steps);
    }
    return sum;
}

static bool box_within(const Box *inner, const Box *outer, int objectives) {
    for (int i = 0; i < objectives; i++)
        if (inner->side[i] > outer->side[i])
            return false;
    return true;
}

/* Keeps the boxes that lie in no other. */
static int boxes_prune(Box *boxes, int count, int objectives) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        Box box = boxes[i];
        bool inside = false;
        for (int j = 0; j < kept && !inside; j++)
            inside = box_within(&box, &boxes[j], objectives);
        if (inside)
            continue;
        int rest = 0;
        for (int j = 0; j < kept; j++)
            if (!box_within(&boxes[j], &box, objectives))
                boxes[rest++] = boxes[j];
        boxes[rest] = box;
        kept = rest + 1;
    }
    return kept;
}

static double volume(Box *boxes, int count, int objectives);

/* What box `first` has that none after it has: its volume less that of their parts within it.
 */
static double exclusive(Arena *arena, const Box *boxes, int first, int count, int objectives) {
    const Box *box = &boxes[first];
    double whole = 1;
    for (int i = 0; i < objectives; i++)
        whole *= box->side[i];
    int rest = count - first - 1;
    Box *parts = arena_array(arena, Box, rest + 1);
    for (int j = 0; j < rest; j++)
        for (int i = 0; i < objectives; i++) {
            double side = boxes[first + 1 + j].side[i];
            parts[j].side[i] = side < box->side[i] ? side : box->side[i];
        }
    return whole - volume(parts, boxes_prune(parts, rest, objectives), objectives);
}

static double volume(Box *boxes, int count, int objectives) {
    if (count == 0)
        return 0;
    boxes_sort(boxes, count);
    if (objectives == 1)
        return boxes[0].side[0];
    if (objectives == 2)
        return area(boxes, count);
    Arena *scratch = arena_new();
    double sum = 0;
    if (objectives == 3)
        sum = stack(scratch, boxes, count);
    for (int i = count - 1; objectives > 3 && i >= 0; i--) {
        sum += exclusive(scratch, boxes, i, count, objectives);
        arena_reset(scratch);
    }
    arena_free(scratch);
    return sum;
}

double hypervolume(Arena *arena, const double *points, int count, int objectives,
                   const double *reference) {
    Box *boxes = arena_array(arena, Box, count + 1);
    int inside = 0;
    for (int p = 0; p < count; p++) {
        Box box = {0};
        bool better = true;
        for (int i = 0; i < objectives; i++) {
            box.side[i] = reference[i] - points[p * objectives + i];
            better = better && box.side[i] > 0;
        }
        if (better)
            boxes[inside++] = box;
    }
    return volume(boxes, boxes_prune(boxes, inside, objectives), objectives);
}
