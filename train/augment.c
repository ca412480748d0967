/* augment.c: images as floats, shifted, mirrored and partly erased: a pure function of the
 * seed, the epoch and the image's index.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/train.h"

#include <string.h>

static const uint64_t AUGMENT_STREAM = (uint64_t)0xa6 << 56;

static const uint8_t *image_of(const Dataset *data, int index) {
    return data->image +
           (size_t)index * (size_t)data->height * (size_t)data->width * (size_t)data->channels;
}

/* Output pixel x comes from column from + x * step of the input. */
typedef struct Columns {
    int from, step;
} Columns;

static void row_fill(const Dataset *data, const uint8_t *row, Columns columns, int zero,
                     float scale, float *out) {
    for (int x = 0; x < data->width; x++) {
        int at = columns.from + x * columns.step;
        bool inside = row && at >= 0 && at < data->width;
        for (int c = 0; c < data->channels; c++, out++)
            *out = inside ? (float)(row[at * data->channels + c] - zero) * scale : 0;
    }
}

/* A square of a random side is set to the mean, which is 0. */
static void erase(const Dataset *data, int most, Random *random, float *out) {
    int side = random_below(random, most + 1);
    int top = random_below(random, data->height), left = random_below(random, data->width);
    int bottom = top + side < data->height ? top + side : data->height;
    int right = left + side < data->width ? left + side : data->width;
    for (int y = top; y < bottom && right > left; y++)
        memset(out + (size_t)(y * data->width + left) * (size_t)data->channels, 0,
               (size_t)((right - left) * data->channels) * sizeof(float));
}

void augment(const Task *task, const Dataset *data, uint64_t seed, int epoch, int index,
             float *out) {
    const uint8_t *image = image_of(data, index);
    float scale = (float)task_input_scale(task);
    int zero = task_input_zero(task), down = 0;
    Columns columns = {0, 1};
    Random random = {seed, AUGMENT_STREAM | (uint64_t)(uint32_t)epoch << 32 | (uint32_t)index,
                     0};
    if (epoch >= 0 && task->shift > 0) {
        down = random_below(&random, 2 * task->shift + 1) - task->shift;
        columns.from = random_below(&random, 2 * task->shift + 1) - task->shift;
    }
    if (epoch >= 0 && task->flip && random_below(&random, 2))
        columns = (Columns){data->width - 1 + columns.from, -1};
    size_t row = (size_t)data->width * (size_t)data->channels;
    for (int y = 0; y < data->height; y++) {
        int at = y + down;
        row_fill(data, at >= 0 && at < data->height ? image + (size_t)at * row : NULL, columns,
                 zero, scale, out + (size_t)y * row);
    }
    if (epoch >= 0 && task->erase > 0)
        erase(data, task->erase, &random, out);
}
