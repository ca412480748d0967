/* memo.c: what networks that begin alike compute alike, kept under keys of its content, so that
 * the first layers run once for all of them. The least recently used goes first.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/train.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

enum { BUCKETS = 1024, SHARE_OF_ONE = 32, SOUGHT = 1 << 16 };

typedef struct Note {
    Key key;
    size_t bytes;
    int users;
    bool kept;                   /* in the tables below; else it goes with its user */
    struct Note *next;           /* in its bucket */
    struct Note *newer, *older;  /* by last use */
    _Alignas(64) char content[]; /* aligned for vector code */
} Note;

struct Memo {
    pthread_mutex_t lock;
    size_t most, bytes;
    int64_t found;
    Note *bucket[BUCKETS];
    Note *newest, *oldest;
    uint64_t sought[SOUGHT]; /* the last key of each place that was asked for */
};

Memo *memo_new(size_t bytes) {
    Memo *memo = memory_new(sizeof *memo);
    memo->most = bytes;
    pthread_mutex_init(&memo->lock, NULL);
    return memo;
}

void memo_free(Memo *memo) {
    if (!memo)
        return;
    for (Note *note = memo->newest, *older; note; note = older) {
        older = note->older;
        memory_free(note);
    }
    pthread_mutex_destroy(&memo->lock);
    memory_free(memo);
}

bool memo_takes(const Memo *memo, size_t bytes) {
    return memo && bytes <= memo->most / SHARE_OF_ONE && bytes < memory_left() / SHARE_OF_ONE;
}

static Note *note_of(const void *content) {
    return (Note *)(uintptr_t)((const char *)content - offsetof(Note, content));
}

static Note **bucket_link(Memo *memo, Key key) {
    Note **link = &memo->bucket[key.lo % BUCKETS];
    while (*link && !key_equal((*link)->key, key))
        link = &(*link)->next;
    return link;
}

static void age_remove(Memo *memo, Note *note) {
    *(note->newer ? &note->newer->older : &memo->newest) = note->older;
    *(note->older ? &note->older->newer : &memo->oldest) = note->newer;
}

static void age_add(Memo *memo, Note *note) {
    note->newer = NULL;
    note->older = memo->newest;
    *(note->older ? &note->older->newer : &memo->oldest) = note;
    memo->newest = note;
}

static void note_forget(Memo *memo, Note *note) {
    *bucket_link(memo, note->key) = note->next;
    age_remove(memo, note);
    memo->bytes -= note->bytes;
    memory_free(note);
}

/* Makes room, as far as nobody is using it. */
static void memo_trim(Memo *memo, size_t bytes) {
    for (Note *note = memo->oldest, *newer; note && memo->bytes + bytes > memo->most;
         note = newer) {
        newer = note->newer;
        if (!note->users)
            note_forget(memo, note);
    }
}

const void *memo_take(Memo *memo, Key key) {
    pthread_mutex_lock(&memo->lock);
    Note *note = *bucket_link(memo, key);
    if (note) {
        memo->found++;
        note->users++;
        age_remove(memo, note);
        age_add(memo, note);
    }
    pthread_mutex_unlock(&memo->lock);
    return note ? note->content : NULL;
}

int64_t memo_found(const Memo *memo) {
    return memo->found;
}

bool memo_sought(Memo *memo, Key key) {
    uint64_t *place = &memo->sought[key.lo % SOUGHT];
    pthread_mutex_lock(&memo->lock);
    bool before = *place == key.hi;
    *place = key.hi;
    pthread_mutex_unlock(&memo->lock);
    return before;
}

/* All pages at once, where the system can: fetching them one by one as they are written takes
 * longer. */
static void pages_fetch(char *at, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
    const uintptr_t page = 4096, begin = ((uintptr_t)at + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)at + bytes) & ~(page - 1);
    if (end > begin)
        madvise((char *)begin, end - begin, MADV_POPULATE_WRITE);
#else
    (void)at, (void)bytes;
#endif
}

void *memo_room(size_t bytes) {
    Note *note = memory_new(sizeof *note + bytes);
    pages_fetch((char *)note, sizeof *note + bytes);
    note->bytes = bytes;
    note->users = 1;
    return note->content;
}

void memo_put(Memo *memo, Key key, void *content) {
    Note *note = note_of(content);
    pthread_mutex_lock(&memo->lock);
    memo_trim(memo, note->bytes);
    Note **link = bucket_link(memo, key);
    if (!*link) {
        note->key = key;
        note->kept = true;
        *link = note;
        age_add(memo, note);
        memo->bytes += note->bytes;
    }
    pthread_mutex_unlock(&memo->lock);
}

void memo_release(Memo *memo, const void *content) {
    if (!content)
        return;
    Note *note = note_of(content);
    pthread_mutex_lock(&memo->lock);
    bool unused = --note->users == 0 && !note->kept;
    pthread_mutex_unlock(&memo->lock);
    if (unused)
        memory_free(note);
}
