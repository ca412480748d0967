/* The order of steps: one that keeps the fewest bytes alive at once, for some networks need less
 * memory when one branch runs before the other.
 *
 * A state is the set of steps done; what is alive follows from it. States are taken by the peak
 * that led to them, least first, so the first complete one has the least peak of all orders, and
 * until then no order beats the peak of the state at hand: that is the bound where the states run
 * out. A step that frees as much as it makes, within the peak so far, is done at once: whatever
 * comes later finds no more alive than without it. Where the order as written needs no more than
 * some single step does, nothing is searched.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <string.h>

enum { WORDS = 8, MAX_ITEMS = 64 * WORDS };

typedef struct Set {
    uint64_t word[WORDS];
} Set;

typedef struct State {
    Set done;
    int count;  /* of those done */
    int item;   /* done last; -1 at the start */
    int before; /* the state that it was done in */
    int64_t live, peak;
} State;

typedef struct Search {
    Arena *arena;
    const OrderItem *items;
    int count;
    Set *readers; /* (count) */
    VEC(State) states;
    int *heap; /* states yet to be taken, the least first */
    int heap_count;
    Map *known;    /* set -> state of the least peak */
    int64_t limit; /* states of this peak are of no use */
} Search;

/* ---- sets -------------------------------------------------------------------------------- */

static bool set_has(const Set *set, int i) {
    return set->word[i / 64] >> i % 64 & 1;
}

static void set_add(Set *set, int i) {
    set->word[i / 64] |= (uint64_t)1 << i % 64;
}

static bool set_holds(const Set *set, const Set *part) {
    for (int w = 0; w < WORDS; w++)
        if (part->word[w] & ~set->word[w])
            return false;
    return true;
}

/* ---- what is alive ----------------------------------------------------------------------- */

/* Does operand k of item i die there? */
static bool dies(const Search *search, const Set *done, int i, int k) {
    int operand = search->items[i].input[k];
    Set after = *done;
    set_add(&after, i);
    for (int before = 0; before < k; before++)
        if (search->items[i].input[before] == operand)
            return false; /* counted already */
    return operand >= 0 && set_holds(&after, &search->readers[operand]);
}

static bool reads_once(const OrderItem *item, int k) {
    for (int other = 0; other < item->inputs; other++)
        if (other != k && item->input[other] == item->input[k])
            return false;
    return true;
}

/* Bytes alive while item i runs, which takes the place of an operand where it may. */
static int64_t bytes_during(const Search *search, const Set *done, int64_t live, int i) {
    const OrderItem *item = &search->items[i];
    int64_t shared = 0;
    for (int k = 0; k < item->inputs; k++)
        if (item->overwrites >> k & 1 && reads_once(item, k) && dies(search, done, i, k))
            shared = max_i64(shared, min_i64(item->bytes, search->items[item->input[k]].bytes));
    return live + item->bytes + item->scratch_bytes - shared;
}

static int64_t live_after(const Search *search, const Set *done, int64_t live, int i) {
    const OrderItem *item = &search->items[i];
    live += item->bytes;
    for (int k = 0; k < item->inputs; k++)
        if (dies(search, done, i, k))
            live -= search->items[item->input[k]].bytes;
    return live;
}

static bool is_ready(const Search *search, const Set *done, int i) {
    const OrderItem *item = &search->items[i];
    if (set_has(done, i))
        return false;
    for (int k = 0; k < item->inputs; k++)
        if (item->input[k] >= 0 && !set_has(done, item->input[k]))
            return false;
    return true;
}

static State state_after(const Search *search, int before, int i) {
    const State *from = &search->states.at[before];
    State state = *from;
    int64_t during = bytes_during(search, &from->done, from->live, i);
    state.peak = max_i64(from->peak, during);
    state.live = live_after(search, &from->done, from->live, i);
    set_add(&state.done, i);
    state.count = from->count + 1;
    state.item = i;
    state.before = before;
    return state;
}

/* What item i needs whenever it runs: itself and its operands. */
static int64_t own_need(const Search *search, int i) {
    const OrderItem *item = &search->items[i];
    Set all = {{0}};
    int64_t operands = 0;
    for (int other = 0; other < search->count; other++)
        set_add(&all, other);
    for (int k = 0; k < item->inputs; k++)
        if (item->input[k] >= 0 && dies(search, &all, i, k))
            operands += search->items[item->input[k]].bytes;
    return bytes_during(search, &all, operands, i);
}

/* ---- the states yet to be taken ---------------------------------------------------------- */

/* Less peak first, then more done, then the older. */
static bool comes_first(const Search *search, int a, int b) {
    const State *left = &search->states.at[a], *right = &search->states.at[b];
    if (left->peak != right->peak)
        return left->peak < right->peak;
    return left->count != right->count ? left->count > right->count : a < b;
}

static void heap_push(Search *search, int state) {
    int at = search->heap_count++;
    for (; at > 0 && comes_first(search, state, search->heap[(at - 1) / 2]); at = (at - 1) / 2)
        search->heap[at] = search->heap[(at - 1) / 2];
    search->heap[at] = state;
}

static int heap_pop(Search *search) {
    int top = search->heap[0], moved = search->heap[--search->heap_count], at = 0;
    for (;;) {
        int child = 2 * at + 1;
        if (child + 1 < search->heap_count &&
            comes_first(search, search->heap[child + 1], search->heap[child]))
            child++;
        if (child >= search->heap_count || !comes_first(search, search->heap[child], moved))
            break;
        search->heap[at] = search->heap[child];
        at = child;
    }
    search->heap[at] = moved;
    return top;
}

/* A state is worth taking unless it was reached with no more peak. */
static void state_add(Search *search, State state) {
    int known;
    if (state.peak >= search->limit)
        return;
    Str key = {(const char *)state.done.word, sizeof state.done.word};
    if (map_get(search->known, key, &known) && search->states.at[known].peak <= state.peak)
        return;
    vec_push(search->arena, &search->states, state);
    int at = search->states.count - 1;
    map_put(search->known, str_copy(search->arena, key), at);
    heap_push(search, at);
}

/* A ready item that costs nothing, or -1. */
static int free_item(const Search *search, int state) {
    const State *from = &search->states.at[state];
    for (int i = 0; i < search->count; i++) {
        if (!is_ready(search, &from->done, i))
            continue;
        State after = state_after(search, state, i);
        if (after.peak == from->peak && after.live <= from->live)
            return i;
    }
    return -1;
}

static void state_expand(Search *search, int state) {
    int single = free_item(search, state);
    for (int i = 0; i < search->count; i++)
        if (is_ready(search, &search->states.at[state].done, i) && (single < 0 || single == i))
            state_add(search, state_after(search, state, i));
}

/* ---- orders ------------------------------------------------------------------------------ */

static int64_t peak_as_written(const Search *search) {
    Set done = {{0}};
    int64_t live = 0, peak = 0;
    for (int i = 0; i < search->count; i++) {
        peak = max_i64(peak, bytes_during(search, &done, live, i));
        live = live_after(search, &done, live, i);
        set_add(&done, i);
    }
    return peak;
}

static void find_readers(Search *search) {
    search->readers = arena_array(search->arena, Set, search->count);
    for (int i = 0; i < search->count; i++)
        for (int k = 0; k < search->items[i].inputs; k++)
            if (search->items[i].input[k] >= 0)
                set_add(&search->readers[search->items[i].input[k]], i);
}

/* The first item at every turn that leaves the least peak, then the least alive: an order where
 * the search finds none in time. */
static void order_greedily(Search *search, Order *order) {
    int state = 0;
    while (search->states.at[state].count < search->count) {
        State best = {.item = -1};
        for (int i = 0; i < search->count; i++) {
            if (!is_ready(search, &search->states.at[state].done, i))
                continue;
            State after = state_after(search, state, i);
            bool better =
                after.peak != best.peak ? after.peak < best.peak : after.live < best.live;
            if (best.item < 0 || better)
                best = after;
        }
        vec_push(search->arena, &search->states, best);
        state = search->states.count - 1;
    }
    if (search->states.at[state].peak >= order->peak)
        return;
    order->peak = search->states.at[state].peak;
    for (int at = state; search->states.at[at].item >= 0; at = search->states.at[at].before)
        order->sequence[search->states.at[at].count - 1] = search->states.at[at].item;
}

static void order_search(Search *search, int states, Order *order) {
    search->heap = arena_array(search->arena, int, states + search->count + 1);
    search->limit = order->peak;
    heap_push(search, 0);
    while (search->heap_count > 0 && search->states.count < states) {
        int state = heap_pop(search);
        const State *at = &search->states.at[state];
        order->least = max_i64(order->least, at->peak);
        if (at->count < search->count) {
            state_expand(search, state);
            continue;
        }
        order->peak = at->peak;
        for (; at->item >= 0; at = &search->states.at[at->before])
            order->sequence[at->count - 1] = at->item;
        return;
    }
    if (search->heap_count == 0)
        order->least = order->peak; /* no order is below the best known */
}

Order order_find(Arena *arena, const OrderItem *items, int count, int states) {
    Order order = {.sequence = arena_array(arena, int, count)};
    Search search = {.arena = arena_new(), .items = items, .count = count};
    for (int i = 0; i < count; i++)
        order.sequence[i] = i;
    if (count <= MAX_ITEMS) {
        find_readers(&search);
        order.written = order.peak = peak_as_written(&search);
        for (int i = 0; i < count; i++)
            order.least = max_i64(order.least, own_need(&search, i));
    }
    if (order.least < order.peak) {
        search.known = map_new(search.arena);
        vec_push(search.arena, &search.states, ((State){.item = -1, .before = -1}));
        order_greedily(&search, &order);
        search.states.count = 1;
        order_search(&search, states, &order);
    }
    arena_free(search.arena);
    return order;
}

/* ---- programs ---------------------------------------------------------------------------- */

/* The operand that a result takes the place of at turn t: the largest that may be, or -1. */
static int overwritten(const OrderItem *items, const OrderItem *item, const int *last, int t) {
    int best = -1;
    for (int k = 0; k < item->inputs; k++) {
        int operand = item->input[k];
        if (!(item->overwrites >> k & 1) || operand < 0 || last[operand] != t ||
            !reads_once(item, k))
            continue;
        if (best < 0 || items[operand].bytes > items[item->input[best]].bytes)
            best = k;
    }
    return best;
}

int order_buffers(Arena *arena, const OrderItem *items, const int *sequence, int count,
                  Buffer *buffers) {
    int *turn = arena_array(arena, int, count), *last = arena_array(arena, int, count);
    int *buffer_of = arena_array(arena, int, count), made = 0;
    for (int t = 0; t < count; t++)
        turn[sequence[t]] = last[sequence[t]] = t;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < items[i].inputs; k++)
            if (items[i].input[k] >= 0)
                last[items[i].input[k]] = (int)max_i64(last[items[i].input[k]], turn[i]);
    for (int t = 0; t < count; t++) {
        const OrderItem *item = &items[sequence[t]];
        int same = -1, k = overwritten(items, item, last, t);
        if (k >= 0)
            same = buffer_of[item->input[k]];
        buffer_of[sequence[t]] = made;
        buffers[made++] = (Buffer){item->bytes, t, last[sequence[t]], 0, same};
        if (item->scratch_bytes)
            buffers[made++] = (Buffer){item->scratch_bytes, t, t, 0, -1};
    }
    return made;
}

/* The steps of a program as items; false where some are parts of layers. */
static bool program_items(const Program *program, int *step_of, OrderItem *items) {
    for (int i = 0; i < program->model->count; i++)
        step_of[i] = -1;
    for (int i = 0; i < program->count; i++) {
        const Step *step = &program->steps[i];
        items[i] = (OrderItem){.inputs = step->inputs};
        if (step->slice || !step->lowered)
            return false;
        items[i].overwrites = step->lowered->overwrites;
        if (step->output >= 0)
            items[i].bytes = program->buffers[step->output].bytes;
        if (step->scratch >= 0)
            items[i].scratch_bytes = program->buffers[step->scratch].bytes;
        for (int k = 0; k < step->inputs; k++)
            items[i].input[k] = step->reads[k] ? step_of[step->reads[k]] : -1;
        if (step_of[step->layer] >= 0) { /* adds to what the step before it began */
            items[i].input[items[i].inputs] = step_of[step->layer];
            items[i].overwrites |= 1u << items[i].inputs++;
        }
        step_of[step->layer] = i;
    }
    return true;
}

bool program_reorder(Arena *arena, const Program *program, Step *steps, Order *order) {
    enum { STATES = 20000, NODES = 20000 };
    OrderItem *items = arena_array(arena, OrderItem, program->count);
    int *step_of = arena_array(arena, int, program->model->count);
    *order = (Order){0};
    if (!program_items(program, step_of, items))
        return false;
    *order = order_find(arena, items, program->count, STATES);
    if (order->peak >= order->written)
        return false;
    Order better = *order;
    order->peak = order->written; /* until the places are known to be fewer too */
    Buffer *buffers = arena_array(arena, Buffer, 2 * program->count);
    int count = order_buffers(arena, items, order->sequence, program->count, buffers);
    int64_t bound;
    if (plan_memory(arena, buffers, count, program->isa->alignment, NODES, &bound) >=
        program->arena_bytes)
        return false;
    Step *written = arena_copy(arena, steps, sizeof(Step) * (size_t)program->count);
    for (int t = 0; t < program->count; t++)
        steps[t] = written[order->sequence[t]];
    *order = better;
    return true;
}
