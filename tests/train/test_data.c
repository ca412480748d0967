/* Data sets: broken ones and what is said of them, the split, augmentation.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "train/train.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

enum { COUNT_GOOD = 40, ROWS = 3, COLUMNS = 4 };

typedef struct Files {
    char directory[256];
    Arena *arena;
    Task task;
} Files;

static Files files_new(void) {
    Files f = {.arena = arena_new()};
    directory_own(f.directory);
    f.task = (Task){.classes = 5, .mean = 0.5, .deviation = 0.25, .validate_share = {1, 10}};
    f.task.train =
        (DataSource){STR("images"), STR("labels"), STR("apt-get install them"), {0, 0}};
    f.task.test = f.task.train;
    return f;
}

static void files_free(Files *f) {
    directory_remove(f->directory);
    arena_free(f->arena);
}

static const char *path_of(Files *f, const char *name) {
    return str_format(f->arena, "%s/%s", f->directory, name).at;
}

static void put(Files *f, const char *name, Str bytes) {
    const char *why;
    assert_true(file_write(path_of(f, name), bytes, &why));
}

static void word_put(char *at, uint32_t word) {
    for (int i = 0; i < 4; i++)
        at[i] = (char)(word >> (24 - 8 * i));
}

/* An IDX file with this header, and `data` bytes after it, each below 5. */
static Str idx(Files *f, uint32_t magic, int rank, const uint32_t *dim, int data) {
    char *at = arena_alloc(f->arena, (size_t)(4 + 4 * rank + data));
    word_put(at, magic);
    for (int i = 0; i < rank; i++)
        word_put(at + 4 + 4 * i, dim[i]);
    for (int i = 0; i < data; i++)
        at[4 + 4 * rank + i] = (char)(i * 7 % 5);
    return (Str){at, 4 + 4 * rank + data};
}

static Str images(Files *f, uint32_t count, int data) {
    return idx(f, 0x803, 3, (uint32_t[]){count, ROWS, COLUMNS}, data);
}

static Str labels(Files *f, uint32_t count, int data) {
    return idx(f, 0x801, 1, &count, data);
}

static Str zipped(Files *f, Str plain) {
    uLongf room = compressBound((uLong)plain.length) + 64;
    char *at = arena_alloc(f->arena, room);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain.at,
                       .avail_in = (uInt)plain.length,
                       .next_out = (Bytef *)at,
                       .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return (Str){at, (int)stream.total_out};
}

static Str followed_by(Files *f, Str bytes, Str more) {
    char *at = arena_alloc(f->arena, (size_t)(bytes.length + more.length));
    memcpy(at, bytes.at, (size_t)bytes.length);
    memcpy(at + bytes.length, more.at, (size_t)more.length);
    return (Str){at, bytes.length + more.length};
}

static Str cut(Str bytes, int length) {
    return (Str){bytes.at, length};
}

static void put_good(Files *f) {
    put(f, "images", images(f, COUNT_GOOD, COUNT_GOOD * ROWS * COLUMNS));
    put(f, "labels", labels(f, COUNT_GOOD, COUNT_GOOD));
}

/* What data_open says, with the directory's name as DIR. */
static const char *said(Files *f) {
    Dataset train, validate;
    Str why = {0};
    const char *folder = f->directory;
    if (data_open(f->arena, &f->task, (DataPath){&folder, 1}, &train, &validate, &why))
        return "opened";
    Text text = text_new(f->arena);
    size_t length = strlen(f->directory);
    for (int i = 0; i < why.length; i++)
        if ((size_t)(why.length - i) >= length && !memcmp(why.at + i, f->directory, length)) {
            text_add(&text, "DIR");
            i += (int)length - 1;
        } else {
            text_add(&text, "%c", why.at[i]);
        }
    return text.at;
}

static void expect(Files *f, const char *golden) {
    assert_string_equal(said(f), golden);
    put_good(f);
}

/* ---- what is said of broken files -------------------------------------------------------- */

static void test_missing(void **state) {
    (void)state;
    Files f = files_new();
    expect(&f, "images: not found; looked in DIR\napt-get install them");
    assert_int_equal(unlink(path_of(&f, "labels")), 0);
    expect(&f, "labels: not found; looked in DIR\napt-get install them");
    f.task.train.images = STR("/nowhere/images");
    expect(&f, "/nowhere/images: not found\napt-get install them");
    f.task.train.images = (Str){0};
    expect(&f, "the task names no file of images or labels");
    f.task.train.images = STR("folder");
    assert_int_equal(mkdir(path_of(&f, "folder"), 0700), 0);
    expect(&f, "DIR/folder: is a directory");
    files_free(&f);
}

static void test_wrong_headers(void **state) {
    (void)state;
    Files f = files_new();
    put_good(&f);
    assert_string_equal(said(&f), "opened");
    put(&f, "images", STR(""));
    expect(&f, "DIR/images: is not IDX: only 0 bytes long");
    put(&f, "images", STR("<!DOCTYPE html>"));
    expect(&f, "DIR/images: is not IDX: begins with 0x3c21444f, expected 0x00000803");
    put(&f, "labels", STR("PNG"));
    expect(&f, "DIR/labels: is not IDX: only 3 bytes long");
    put(&f, "labels", images(&f, 1, 12));
    expect(&f, "DIR/labels: has 3 dimensions (offset 3), expected 1: a list of labels");
    put(&f, "images", labels(&f, 10, 10));
    expect(&f, "DIR/images: has 1 dimension (offset 3), expected 3 or 4: a list of images");
    put(&f, "images", idx(&f, 0xd03, 3, (uint32_t[]){1, 2, 2}, 16));
    expect(&f,
           "DIR/images: holds 32-bit floats (type 0x0d at offset 2), expected unsigned bytes "
           "(0x08)");
    put(&f, "images", cut(images(&f, 9, 0), 11));
    expect(&f, "DIR/images: ends at offset 11, inside its header of 16 bytes");
    files_free(&f);
}

static void test_wrong_counts(void **state) {
    (void)state;
    Files f = files_new();
    put_good(&f);
    put(&f, "images", images(&f, 0, 0));
    expect(&f, "DIR/images: is empty: 0 images (offset 4)");
    put(&f, "images", idx(&f, 0x803, 3, (uint32_t[]){2, 0, 9}, 0));
    expect(&f, "DIR/images: is empty: 0 rows (offset 8)");
    put(&f, "images", images(&f, 0xffffffff, 100));
    expect(&f,
           "DIR/images: states 4294967295 images (offset 4), more than the limit of 16777216");
    put(&f, "images", idx(&f, 0x803, 3, (uint32_t[]){16777216, 4096, 4096}, 5));
    expect(&f, "DIR/images: is cut short: 5 bytes of data after the header, expected "
               "281474976710656");
    put(&f, "images", idx(&f, 0x804, 4, (uint32_t[]){1, 2, 2, 5000}, 5));
    expect(&f, "DIR/images: states 5000 channels (offset 16), more than the limit of 4096");
    put(&f, "images", images(&f, COUNT_GOOD, COUNT_GOOD * 12 - 1));
    expect(&f, "DIR/images: is cut short: 479 bytes of data after the header, expected 480");
    put(&f, "images", images(&f, COUNT_GOOD, COUNT_GOOD * 12 + 1));
    expect(&f,
           "DIR/images: has bytes too many: 481 bytes of data after the header, expected 480");
    put(&f, "labels", labels(&f, 39, 39));
    expect(&f, "DIR/labels has 39 labels, but DIR/images has 40 images");
    put(&f, "labels", labels(&f, 0, 0));
    expect(&f, "DIR/labels: is empty: 0 labels (offset 4)");
    files_free(&f);
}

static void test_wrong_labels(void **state) {
    (void)state;
    Files f = files_new();
    put_good(&f);
    Str bytes = labels(&f, COUNT_GOOD, COUNT_GOOD);
    ((char *)(uintptr_t)bytes.at)[8 + 17] = 5;
    put(&f, "labels", bytes);
    expect(&f, "DIR/labels: label 5 of image 17 (offset 25) is out of range: the task has 5 "
               "classes, 0 to 4");
    f.task.validate_share = (Rational){1, 100};
    expect(&f, "a validate share of 0.01 of 40 images leaves none to validate on");
    f.task.validate_share = (Rational){1, 1};
    expect(&f, "a validate share of 1 of 40 images leaves none to train on");
    files_free(&f);
}

static void test_broken_gzip(void **state) {
    (void)state;
    Files f = files_new();
    Str good = zipped(&f, images(&f, COUNT_GOOD, COUNT_GOOD * 12));
    put_good(&f);
    put(&f, "images", good);
    expect(&f, "opened");
    put(&f, "images", cut(good, 14));
    assert_non_null(
        strstr(said(&f), "DIR/images: the gzip data end early, at offset 14, after "));
    put(&f, "images", cut(good, good.length - 4));
    expect(&f, str_format(f.arena,
                          "DIR/images: the gzip data end early, at offset %d, after 496 "
                          "bytes of data",
                          good.length - 4)
                   .at);
    put(&f, "images", followed_by(&f, good, STR("more")));
    expect(&f, str_format(f.arena,
                          "DIR/images: 4 bytes follow the end of the gzip data at offset "
                          "%d",
                          good.length)
                   .at);
    Str damaged = str_copy(f.arena, good);
    ((char *)(uintptr_t)damaged.at)[good.length - 6] ^= 1;
    put(&f, "images", damaged);
    assert_non_null(strstr(said(&f), "incorrect data check"));
    damaged = str_copy(f.arena, good);
    ((char *)(uintptr_t)damaged.at)[10] ^= 6;
    put(&f, "images", damaged);
    assert_non_null(strstr(said(&f), "DIR/images: the gzip data are damaged at offset "));
    put(&f, "images", zipped(&f, STR("nothing of the kind")));
    expect(&f, "DIR/images: is not IDX: begins with 0x6e6f7468, expected 0x00000803");
    files_free(&f);
}

/* No file of a good one's prefix or with a byte changed in its header does more than be
 * refused. */
static void test_every_cut_is_refused(void **state) {
    (void)state;
    Files f = files_new();
    put_good(&f);
    Str good = images(&f, COUNT_GOOD, COUNT_GOOD * 12);
    for (int i = 0; i < good.length; i += 13) {
        put(&f, "images", cut(good, i));
        assert_string_not_equal(said(&f), "opened");
    }
    for (int i = 0; i < 16; i++)
        for (int bit = 0; bit < 8; bit++) {
            Str changed = str_copy(f.arena, good);
            ((char *)(uintptr_t)changed.at)[i] ^= (char)(1 << bit);
            put(&f, "images", changed);
            assert_string_not_equal(said(&f), "opened");
        }
    files_free(&f);
}

/* ---- the split --------------------------------------------------------------------------- */

static void test_split(void **state) {
    (void)state;
    Files f = files_new();
    enum { MANY = 1003 };
    char *bytes = arena_alloc(f.arena, 16 + MANY * 2);
    memcpy(bytes, idx(&f, 0x803, 3, (uint32_t[]){MANY, 1, 2}, 0).at, 16);
    for (int i = 0; i < MANY; i++) { /* each image tells its own number */
        bytes[16 + 2 * i] = (char)(i >> 8);
        bytes[17 + 2 * i] = (char)i;
    }
    put(&f, "images", (Str){bytes, 16 + MANY * 2});
    Str l = labels(&f, MANY, MANY);
    put(&f, "labels", zipped(&f, l));
    Dataset train, validate;
    Str why;
    const char *folders[] = {"/nonexistent", f.directory};
    assert_true(data_open(f.arena, &f.task, (DataPath){folders, 2}, &train, &validate, &why));
    assert_int_equal(train.count + validate.count, MANY);
    int all[5] = {0}, chosen[5] = {0};
    bool met[MANY] = {false};
    const Dataset *parts[] = {&train, &validate};
    for (int p = 0; p < 2; p++)
        for (int i = 0, last = -1; i < parts[p]->count; i++) {
            int number = parts[p]->image[2 * i] << 8 | parts[p]->image[2 * i + 1];
            assert_true(number > last && !met[number]); /* in order, each once */
            assert_int_equal(parts[p]->label[i], l.at[8 + number]);
            met[last = number] = true;
            all[parts[p]->label[i]]++;
            chosen[parts[p]->label[i]] += p;
        }
    for (int c = 0; c < 5; c++)
        assert_int_equal(chosen[c], (2 * all[c] + 10) / 20);
    assert_int_equal(train.width, 2);
    assert_int_equal(train.channels, 1);
    Dataset test;
    assert_true(data_open_test(f.arena, &f.task, (DataPath){folders, 2}, &test, &why));
    assert_int_equal(test.count, MANY);
    files_free(&f);
}

/* ---- augmentation ------------------------------------------------------------------------ */

enum { SIDE = 9, IMAGE = SIDE * SIDE * 2 };

static Dataset pictures(Arena *arena) {
    uint8_t *image = arena_alloc(arena, 8 * IMAGE);
    for (int i = 0; i < 8 * IMAGE; i++)
        image[i] = (uint8_t)(1 + random_bits(1, 2, (uint64_t)i) % 100);
    return (Dataset){8, SIDE, SIDE, 2, 5, image, arena_alloc(arena, 8)};
}

/* Is `out` the image moved by (down, right), mirrored first or not? */
static bool is_moved(const Task *task, const uint8_t *image, const float *out, int down,
                     int right, bool mirrored) {
    float scale = (float)task_input_scale(task);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 2; c++) {
                int from_y = y - down, from_x = x - right;
                bool inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
                int column = mirrored ? SIDE - 1 - from_x : from_x;
                float wanted = inside ? (float)(image[(from_y * SIDE + column) * 2 + c] -
                                                task_input_zero(task)) *
                                            scale
                                      : 0;
                if (out[(y * SIDE + x) * 2 + c] != wanted)
                    return false;
            }
    return true;
}

static void test_augment(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Task task = {.classes = 5, .mean = 0.5, .deviation = 0.25, .flip = true, .shift = 2};
    Dataset data = pictures(arena);
    float out[IMAGE], again[IMAGE];
    int seen[2][5][5] = {{{0}}};
    for (int epoch = 0; epoch < 60; epoch++)
        for (int i = 0; i < data.count; i++) {
            augment(&task, &data, 3, epoch, i, out);
            augment(&task, &data, 4, epoch + 1, (i + 1) % data.count, again);
            augment(&task, &data, 3, epoch, i, again);
            assert_memory_equal(out, again, sizeof out); /* whatever came between */
            int matches = 0;
            for (int m = 0; m < 2; m++)
                for (int y = -2; y <= 2; y++)
                    for (int x = -2; x <= 2; x++)
                        if (is_moved(&task, data.image + i * IMAGE, out, y, x, m)) {
                            matches++;
                            seen[m][y + 2][x + 2]++;
                        }
            assert_int_equal(matches, 1);
        }
    for (int k = 0; k < 50; k++) /* each of the 50 moves turns up */
        assert_true(((int *)seen)[k] > 0);
    augment(&task, &data, 3, -1, 5, out);
    assert_true(is_moved(&task, data.image + 5 * IMAGE, out, 0, 0, false));
    arena_free(arena);
}

static void test_erase(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Task task = {.classes = 5, .mean = 0, .deviation = 0.25, .erase = 4};
    Dataset data = pictures(arena);
    float plain[IMAGE], out[IMAGE];
    int most = 0;
    for (int epoch = 0; epoch < 100; epoch++) {
        augment(&task, &data, 3, -1, 0, plain);
        augment(&task, &data, 3, epoch, 0, out);
        int erased = 0, top = SIDE, bottom = -1, left = SIDE, right = -1;
        for (int k = 0; k < SIDE * SIDE; k++) {
            bool gone = out[2 * k] == 0 && out[2 * k + 1] == 0;
            assert_true(gone ||
                        (out[2 * k] == plain[2 * k] && out[2 * k + 1] == plain[2 * k + 1]));
            if (!gone)
                continue;
            erased++;
            top = k / SIDE < top ? k / SIDE : top, bottom = k / SIDE;
            left = k % SIDE < left ? k % SIDE : left,
            right = k % SIDE > right ? k % SIDE : right;
        }
        assert_true(erased == 0 || erased == (bottom - top + 1) * (right - left + 1));
        most = erased > most ? erased : most;
    }
    assert_int_equal(most, 16);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),      cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_wrong_counts), cmocka_unit_test(test_wrong_labels),
        cmocka_unit_test(test_broken_gzip),  cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_split),        cmocka_unit_test(test_augment),
        cmocka_unit_test(test_erase),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
