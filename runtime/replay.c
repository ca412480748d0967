/* Runs an emitted network over a file of inputs and writes a file of outputs. Compiled with a
 * replay.h that names the files and the network.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#include "harness.h"
#include "replay.h"

static uint8_t arena[REPLAY_ARENA_BYTES] REPLAY_ALIGNED;
static uint8_t input[REPLAY_IN_BYTES] REPLAY_ALIGNED, output[REPLAY_OUT_BYTES] REPLAY_ALIGNED;

static int complain(const char *what) {
    harness_print(what);
    return 1;
}

int harness_main(void) {
    int in = harness_open(REPLAY_INPUTS, 0);
    int out = harness_open(REPLAY_OUTPUTS, 1);
    if (in < 0 || out < 0)
        return complain("cannot open the file of inputs or outputs\n");
    for (uint32_t i = 0; i < REPLAY_COUNT; i++) {
        if (!harness_read(in, input, REPLAY_IN_BYTES))
            return complain("the file of inputs is short\n");
        if (REPLAY_RUN((const void *)input, (void *)output, arena) != 0)
            return complain("the network refused to run\n");
        if (!harness_write(out, output, REPLAY_OUT_BYTES))
            return complain("the outputs cannot be written\n");
    }
    harness_close(in);
    return harness_close(out) ? 0 : complain("the outputs cannot be written\n");
}
