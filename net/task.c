/* What is learned, from which data.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <math.h>

double task_input_scale(const Task *task) {
    return 1.0 / (255.0 * task->deviation);
}

int task_input_zero(const Task *task) {
    double code = floor(255.0 * task->mean + 0.5);
    return code < 0 ? 0 : code > 255 ? 255 : (int)code;
}

/* Data is named by what it is, not where it lies: folders may move between runs. */
Key task_key(const Task *task) {
    Arena *arena = arena_new();
    Text text = text_new(arena);
    text_add(&text, "%.*s|%.*s|%.*s|%lld/%lld|%.17g|%.17g|%d|%d|%d|%d", STR_ARG(task->name),
             STR_ARG(task->train.images), STR_ARG(task->train.labels),
             (long long)task->validate_share.n, (long long)task->validate_share.d, task->mean,
             task->deviation, task->flip, task->shift, task->erase, task->classes);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}
