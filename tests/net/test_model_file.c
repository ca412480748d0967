/* test_model_file.c: weights files read back as they were written, and files that are not
 * what was written are refused, or hold a sound model all the same.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/nets.h"

/* A random network with its model; NULL where its weights were refused. */
typedef struct Sample {
    Net net;
    Model model;
    Str bytes;
} Sample;

static Sample *sample_try(Arena *arena, Random *random) {
    Sample *sample = arena_new_of(arena, Sample);
    int operators = random_between(random, 1, 7);
    sample->net = random_below(random, 3) ? random_net(arena, random, operators)
                                          : random_mixed_net(arena, random, operators);
    FloatModel from = random_weights(arena, random, &sample->net);
    Span span;
    Str why;
    if (!model_quantise(arena, &from, &sample->model, &span, &why))
        return NULL;
    sample->bytes = model_write(arena, &sample->model);
    return sample;
}

static Sample *sample_of(Arena *arena, Random *random) {
    Sample *sample;
    while (!(sample = sample_try(arena, random)))
        ;
    return sample;
}

/* input (2, 2, 3) -> conv 4 -> relu; conv again of the input; their sum; dense 2. */
static Sample *sample_fixed(Arena *arena) {
    Random random = {61, 0, 0};
    Maker maker = maker_begin(arena, (Shape){3, {2, 2, 3}}, FORMAT_U8);
    maker_add(&maker, op_window(OP_CONV, 0, 4, 1, 1));
    maker_add(&maker, op_of(OP_RELU, 1));
    maker_add(&maker, op_window(OP_CONV, 0, 4, 1, 1));
    maker_add(&maker, op_add(2, 3, FORMAT_I8));
    maker_dense(&maker, 4, 2, FORMAT_I4, FORMAT_I8);
    Sample *sample = arena_new_of(arena, Sample);
    sample->net = maker_end(&maker);
    FloatModel from = random_weights(arena, &random, &sample->net);
    sample->model = model_of(arena, &from);
    sample->bytes = model_write(arena, &sample->model);
    return sample;
}

static void assert_same_layer(const Layer *a, const Layer *b) {
    assert_int_equal(a->kind, b->kind);
    assert_true(str_equal(a->path, b->path));
    assert_int_equal(a->inputs, b->inputs);
    assert_memory_equal(a->input, b->input, sizeof a->input);
    assert_memory_equal(a->attribute, b->attribute, sizeof a->attribute);
    assert_true(shape_equal(a->out.shape, b->out.shape));
    assert_true(a->out.scale == b->out.scale && a->out.zero == b->out.zero);
    assert_int_equal(a->out.format, b->out.format);
    assert_int_equal(a->shift, b->shift);
    assert_int_equal(a->low, b->low);
    assert_int_equal(a->high, b->high);
    assert_int_equal(a->bound, b->bound);
    assert_int_equal(a->accumulator_bits, b->accumulator_bits);
    size_t channels = (size_t)a->out_channels, row = (size_t)a->row;
    assert_int_equal(channels, b->out_channels);
    assert_int_equal(row, b->row);
    if (channels) {
        assert_memory_equal(a->weight, b->weight, channels * row * sizeof *a->weight);
        assert_memory_equal(a->bias, b->bias, channels * sizeof *a->bias);
        assert_memory_equal(a->multiplier, b->multiplier, channels * sizeof *a->multiplier);
    }
    if (a->kind == OP_ADD)
        assert_memory_equal(a->multiplier, b->multiplier, 2 * sizeof *a->multiplier);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    Random random = {62, 0, 0};
    Arena *arena = arena_new();
    for (int n = 0; n < 300; n++, arena_reset(arena)) {
        Sample *sample = sample_of(arena, &random);
        Model back;
        Str why;
        assert_true(model_read(arena, sample->bytes, &sample->net, &back, &why));
        assert_int_equal(back.count, sample->model.count);
        assert_int_equal(back.output, sample->model.output);
        for (int i = 0; i < back.count; i++)
            assert_same_layer(&sample->model.layers[i], &back.layers[i]);
        Str again = model_write(arena, &back);
        assert_true(str_equal(again, sample->bytes));
        assert_true(key_equal(model_key(&back), model_key(&sample->model)));
    }
    arena_free(arena);
}

/* ---- hostile bytes ----------------------------------------------------------------------- */

/* Bytes in a block of exactly their length, so that the sanitiser sees a read past them. */
static Str exact_copy(Str bytes) {
    char *copy = malloc((size_t)bytes.length + !bytes.length);
    memcpy(copy, bytes.at, (size_t)bytes.length);
    return (Str){copy, bytes.length};
}

static void seal(Str bytes) {
    uint64_t sum = key_of(bytes.at, (size_t)bytes.length - 8).lo;
    for (int i = 0; i < 8; i++)
        ((char *)bytes.at)[bytes.length - 8 + i] = (char)(sum >> (8 * i));
}

/* Reads; what is accepted must be sound and run. Frees the bytes. Returns whether it was
 * accepted. */
static bool read_hostile(Arena *arena, Random *random, const Net *net, Str bytes) {
    Model model;
    Str why = {0};
    bool read = model_read(arena, bytes, net, &model, &why);
    if (read) {
        assert_null(model_check(&model));
        const Tensor *in = &model.layers[0].out;
        int32_t **tensors = arena_array(arena, int32_t *, model.count);
        model_run(arena, &model, random_input(arena, random, in->shape, in->format), tensors);
    } else {
        assert_true(why.length > 0 && why.length < 300);
    }
    free((char *)bytes.at);
    return read;
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    Random random = {63, 0, 0};
    Arena *arena = arena_new(), *scratch = arena_new();
    for (int n = 0; n < 4; n++, arena_reset(arena)) {
        Sample *sample = n ? sample_of(arena, &random) : sample_fixed(arena);
        for (int length = 0; length < sample->bytes.length; length++, arena_reset(scratch)) {
            Str cut = exact_copy((Str){sample->bytes.at, length});
            assert_false(read_hostile(scratch, &random, &sample->net, cut));
            if (length < 28)
                continue;
            cut = exact_copy((Str){sample->bytes.at, length});
            seal(cut);
            assert_false(read_hostile(scratch, &random, &sample->net, cut));
        }
    }
    arena_free(scratch);
    arena_free(arena);
}

/* A byte anywhere but in the checksum; every fourth time to an extreme, else any. */
static void flip(Random *random, Str bytes) {
    char *at = (char *)bytes.at + random_below(random, bytes.length - 8);
    static const char extremes[] = {0, 1, 0x7f, (char)0x80, (char)0xff};
    if (random_below(random, 4) == 0)
        *at = extremes[random_below(random, COUNT(extremes))];
    else
        *at = (char)(*at ^ (1 << random_below(random, 8)));
}

static void flipped_bytes_are_refused_or_sound(void **state) {
    (void)state;
    Random random = {64, 0, 0};
    Arena *arena = arena_new(), *scratch = arena_new();
    Sample *sample = NULL;
    int accepted = 0, refused = 0;
    for (int n = 0; n < 6000; n++, arena_reset(scratch)) {
        if (n % 20 == 0) {
            arena_reset(arena);
            sample = n % 3 ? sample_of(arena, &random) : sample_fixed(arena);
        }
        Str bytes = exact_copy(sample->bytes);
        for (int flips = random_below(&random, 3) ? 1 : 4; flips > 0; flips--)
            flip(&random, bytes);
        if (!str_equal(bytes, sample->bytes)) {
            Str unsealed = exact_copy(bytes);
            assert_false(read_hostile(scratch, &random, &sample->net, unsealed));
        }
        seal(bytes);
        if (read_hostile(scratch, &random, &sample->net, bytes))
            accepted++;
        else
            refused++;
    }
    assert_true(accepted > 500 && refused > 500); /* both happen, or the test tests nothing */
    arena_free(scratch);
    arena_free(arena);
}

/* Any bytes, with or without the head of a weights file. */
static void noise_is_refused(void **state) {
    (void)state;
    Random random = {65, 0, 0};
    Arena *arena = arena_new(), *scratch = arena_new();
    Sample *sample = sample_fixed(arena);
    for (int n = 0; n < 2000; n++, arena_reset(scratch)) {
        char noise[200];
        for (int i = 0; i < COUNT(noise); i++)
            noise[i] = (char)random_next(&random);
        memcpy(noise, sample->bytes.at, (size_t)random_below(&random, 60));
        Str bytes = exact_copy((Str){noise, random_between(&random, 30, COUNT(noise))});
        seal(bytes);
        assert_false(read_hostile(scratch, &random, &sample->net, bytes));
    }
    arena_free(scratch);
    arena_free(arena);
}

/* ---- messages ---------------------------------------------------------------------------- */

/* A change of the fixed sample's file: `count` bytes at `at` (from the end where negative). */
typedef struct Change {
    int at;
    const char *bytes;
    int count;
    bool sealed;
    const char *why;
} Change;

static void check_message(Arena *arena, const Sample *sample, const Change *change) {
    Str bytes = exact_copy(sample->bytes);
    int at = change->at < 0 ? bytes.length + change->at : change->at;
    memcpy((char *)bytes.at + at, change->bytes, (size_t)change->count);
    if (change->sealed)
        seal(bytes);
    Model model;
    Str why;
    assert_false(model_read(arena, bytes, &sample->net, &model, &why));
    assert_string_equal(str_terminated(arena, why), change->why);
    free((char *)bytes.at);
}

/* Where things lie: the head has 20 bytes; the input's layer 9 for its path (input_0), 3 for
 * kind and formats, 13 for its shape, then scale (at 45), zero, low and high; the first conv
 * begins at 65: path (conv_1, 8), kind and formats at 73, shape at 76, scale at 89, zero,
 * low, high, at 109 the channels, weights per channel, bits and shift, at 119 multipliers,
 * at 135 biases, at 167 codes. */
static void messages_say_what_is_wrong(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Sample *sample = sample_fixed(arena);
    static const Change changes[] = {
        {0, "PK\3\4", 4, true, "at byte 0: this is not a weights file of nasc"},
        {8, "\7", 1, true, "it is of file version 7; this nasc reads version 1"},
        {12, "\2", 1, true, "it is of arithmetic version 2; this nasc has version 1"},
        {200, "\125\252", 2, false, "it is damaged: its checksum does not match"},
        {-1, "!", 1, false, "it is damaged: its checksum does not match"},
        {16, "\11", 1, true, "it has 9 layers; the network has 6"},
        {67, "convex", 6, true, "the file has convex where the network has conv_1"},
        {65, "\377\377", 2, true, "conv_1, at byte 67: the file ends early"},
        {73, "\2", 1, true, "conv_1: the file's kind of operator is 2, the network's 1"},
        {74, "\2", 1, true, "conv_1: the file's weights format is 2, the network's 6"},
        {75, "\7", 1, true, "conv_1: the file's output format is 7, the network's 6"},
        {76, "\1", 1, true, "conv_1: the file's rank is 1, the network's 3"},
        {77, "\5", 1, true, "conv_1: the file's dimension is 5, the network's 2"},
        {89, "\0\0\0\0\0\0\0\0", 8, true,
         "conv_1, at byte 97: a scale is not a positive number"},
        {89, "\0\0\0\0\0\0\360\177", 8, true,
         "conv_1, at byte 97: a scale is not a positive number"},
        {89, "\1\0\0\0\0\0\370\177", 8, true,
         "conv_1, at byte 97: a scale is not a positive number"},
        {109, "\5", 1, true,
         "conv_1: the file's number of output channels is 5, the network's 4"},
        {113, "\4", 1, true,
         "conv_1: the file's number of weights per channel is 4, the network's 3"},
        {117, "\41", 1, true, "conv_1, at byte 119: accumulators are of 32 or 64 bits"},
        {142, "\100", 1, true, "conv_1, at byte 143: a bias is out of range"},
    };
    for (int i = 0; i < COUNT(changes); i++)
        check_message(arena, sample, &changes[i]);
    arena_free(arena);
}

/* What only the model as a whole shows. */
static void models_that_are_not_sound_are_refused(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Sample *sample = sample_fixed(arena);
    static const struct {
        int at, count;
        const char *bytes, *why;
    } changes[] = {
        {97, 4, "\200\0\0\0", "a zero point outside its format"},
        {101, 4, "\177\377\377\377", "a clamp outside its format"},
        {105, 4, "\200\0\0\0", "a clamp outside its format"},
        {118, 1, "\0", "a shift outside its range"},
        {118, 1, "\56", "a shift outside its range"},
        {119, 4, "\0\0\0\0", "a multiplier outside its range"},
        {119, 4, "\377\377\377\377", "a multiplier outside its range"},
        {135, 8, "\0\0\0\200\0\0\0\0", "an accumulator that may not hold its sum"},
        {167, 2, "\200\0", "a weight code outside its format"},
        {167, 2, "\200\377", "a weight code outside its format"},
    };
    for (int i = 0; i < COUNT(changes); i++) {
        Str bytes = exact_copy(sample->bytes), why;
        memcpy((char *)bytes.at + changes[i].at, changes[i].bytes, (size_t)changes[i].count);
        seal(bytes);
        Model model;
        assert_false(model_read(arena, bytes, &sample->net, &model, &why));
        Str expected = str_format(arena, "it has %s", changes[i].why);
        assert_string_equal(str_terminated(arena, why), expected.at);
        free((char *)bytes.at);
    }
    arena_free(arena);
}

static void a_file_of_another_network_is_refused(void **state) {
    (void)state;
    Random random = {66, 0, 0};
    Arena *arena = arena_new();
    for (int n = 0; n < 100; n++, arena_reset(arena)) {
        Sample *a = sample_of(arena, &random), *b = sample_of(arena, &random);
        Model model;
        Str why;
        bool same = key_equal(net_key(&a->net), net_key(&b->net));
        assert_true(same || !model_read(arena, a->bytes, &b->net, &model, &why));
    }
    Sample *sample = sample_fixed(arena);
    Text longer = text_new(arena);
    text_add_str(&longer, (Str){sample->bytes.at, sample->bytes.length - 8});
    text_add(&longer, "once more");
    text_add(&longer, "checksum");
    Model model;
    Str why, bytes = text_str(&longer);
    seal(bytes);
    assert_false(model_read(arena, bytes, &sample->net, &model, &why));
    assert_true(str_ends(why, STR("there is more than the network needs")));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bytes_are_refused_or_sound),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(messages_say_what_is_wrong),
        cmocka_unit_test(models_that_are_not_sound_are_refused),
        cmocka_unit_test(a_file_of_another_network_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
