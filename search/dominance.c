/* dominance.c: non-dominated sorting and crowding distance (Deb et al. 2002, III-A and III-B)
 * under Deb's constrained dominance.
 *
 * Ranks are found by efficient non-dominated sort (Zhang et al. 2015) instead of counting all
 * pairs: in lexicographic order a design can be dominated by earlier ones only, so each goes to
 * the first rank where none does. The result is the same.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <math.h>
#include <stdlib.h>

bool design_dominates(const Design *a, const Design *b, int objectives) {
    if (a->violation != b->violation)
        return a->violation < b->violation;
    if (!a->worth.feasible)
        return false;
    bool better = false;
    for (int i = 0; i < objectives; i++) {
        if (a->worth.objective[i] > b->worth.objective[i])
            return false;
        better |= a->worth.objective[i] < b->worth.objective[i];
    }
    return better;
}

/* What is needed to sort, since qsort hands its comparison nothing else. */
typedef struct Entry {
    Ranked member;
    int objectives;
    int before; /* the previous entry of the same rank, -1: none */
} Entry;

static int sign(double x, double y) {
    return (x > y) - (x < y);
}

/* Whoever dominates comes first. */
static int lexicographic(const void *left, const void *right) {
    const Entry *a = left, *b = right;
    const Design *x = a->member.design, *y = b->member.design;
    int order = sign(x->violation, y->violation);
    if (x->worth.feasible)
        for (int i = 0; i < a->objectives && !order; i++)
            order = sign(x->worth.objective[i], y->worth.objective[i]);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Whether the rank whose latest entry is `last` has one that dominates. With up to two
 * objectives the latest is the best in the second, so if it does not dominate, none does. */
static bool rank_dominates(const Entry *entries, int last, const Entry *entry) {
    for (int i = last; i >= 0; i = entries[i].before) {
        if (design_dominates(entries[i].member.design, entry->member.design, entry->objectives))
            return true;
        if (entry->objectives <= 2)
            return false;
    }
    return false;
}

/* Sets the ranks of entries in lexicographic order. If rank r dominates a design then so do all
 * ranks before r, hence the binary search. last (count) holds the latest entry of each rank. */
static void ranks_set(Entry *entries, int count, int *last) {
    int ranks = 0;
    for (int i = 0; i < count; i++) {
        int low = 0, high = ranks;
        while (low < high) {
            int middle = low + (high - low) / 2;
            if (rank_dominates(entries, last[middle], &entries[i]))
                low = middle + 1;
            else
                high = middle;
        }
        entries[i].member.rank = low;
        entries[i].before = low < ranks ? last[low] : -1;
        last[low] = i;
        if (low == ranks)
            ranks++;
    }
}

typedef struct Coordinate {
    double value;
    Entry *entry;
} Coordinate;

static int coordinate_compare(const void *left, const void *right) {
    const Coordinate *a = left, *b = right;
    int order = sign(a->value, b->value);
    int first = a->entry->member.design->index, second = b->entry->member.design->index;
    return order ? order : (first > second) - (first < second);
}

/* Adds to each entry the distance between its neighbours in one objective, relative to the
 * range. */
static void crowding_add(Coordinate *line, int count) {
    qsort(line, (size_t)count, sizeof *line, coordinate_compare);
    double range = line[count - 1].value - line[0].value;
    if (range <= 0)
        return;
    line[0].entry->member.crowding = INFINITY;
    line[count - 1].entry->member.crowding = INFINITY;
    for (int i = 1; i < count - 1; i++)
        line[i].entry->member.crowding += (line[i + 1].value - line[i - 1].value) / range;
}

/* The crowding of one rank, whose latest entry is given. Among the infeasible there is none,
 * since their objectives may mean nothing. */
static void crowding_set(Entry *entries, int last, Coordinate *line) {
    if (!entries[last].member.design->worth.feasible)
        return;
    for (int k = 0; k < entries[last].objectives; k++) {
        int count = 0;
        for (int i = last; i >= 0; i = entries[i].before)
            line[count++] =
                (Coordinate){entries[i].member.design->worth.objective[k], &entries[i]};
        crowding_add(line, count);
        if (count <= 2)
            for (int i = 0; i < count; i++)
                line[i].entry->member.crowding = INFINITY;
    }
}

static int member_compare(const void *left, const void *right) {
    const Ranked *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->crowding != b->crowding)
        return a->crowding > b->crowding ? -1 : 1;
    if (a->lot != b->lot)
        return a->lot < b->lot ? -1 : 1;
    return (a->design->index > b->design->index) - (a->design->index < b->design->index);
}

void population_rank(Arena *scratch, Ranked *members, int count, int objectives) {
    if (!count)
        return;
    Entry *entries = arena_array(scratch, Entry, count);
    Coordinate *line = arena_array(scratch, Coordinate, count);
    int *last = arena_array(scratch, int, count);
    for (int i = 0; i < count; i++) {
        entries[i] = (Entry){members[i], objectives, -1};
        entries[i].member.crowding = 0;
        last[i] = -1;
    }
    qsort(entries, (size_t)count, sizeof *entries, lexicographic);
    ranks_set(entries, count, last);
    for (int rank = 0; rank < count && last[rank] >= 0; rank++)
        crowding_set(entries, last[rank], line);
    for (int i = 0; i < count; i++)
        members[i] = entries[i].member;
    qsort(members, (size_t)count, sizeof *members, member_compare);
}
