/* The base protocol of language servers: headers, a blank line, JSON. Whatever comes, memory
 * stays bounded. Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/lsp.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_HEADER = 1 << 12, MAX_BODY = 1 << 26 };

static bool wire_fill(Wire *wire) {
    ssize_t got;
    do
        got = read(STDIN_FILENO, wire->bytes, sizeof wire->bytes);
    while (got < 0 && errno == EINTR && !interrupted());
    wire->begin = 0;
    wire->end = got > 0 ? (int)got : 0;
    return got > 0;
}

static int wire_byte(Wire *wire) {
    if (wire->begin == wire->end && !wire_fill(wire))
        return -1;
    return (unsigned char)wire->bytes[wire->begin++];
}

/* Reads up to the blank line. -1: the end; 0: no header; else its length. */
static int header_read(Wire *wire, char *header) {
    int length = 0;
    for (;;) {
        int byte = wire_byte(wire);
        if (byte < 0)
            return length ? 0 : -1;
        if (byte == '\r')
            continue;
        if (byte == '\n' && (!length || header[length - 1] == '\n')) {
            header[length] = '\0';
            return length;
        }
        if (!byte || length + 1 >= MAX_HEADER)
            return 0;
        header[length++] = (char)byte;
    }
}

/* The number after `Content-Length:`; -1: there is none that can be read. */
static int64_t length_of(const char *header) {
    static const char name[] = "Content-Length:";
    int64_t length = -1;
    for (const char *line = header; *line; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, sizeof name - 1))
            continue;
        const char *at = line + sizeof name - 1;
        while (*at == ' ' || *at == '\t')
            at++;
        int digits = 0;
        for (length = 0; isdigit((unsigned char)*at) && digits < 18; at++, digits++)
            length = length * 10 + (*at - '0');
        if (!digits || *at != '\n')
            return -1;
    }
    return length;
}

static bool body_skip(Wire *wire, int64_t length) {
    while (length > 0) {
        if (wire->begin == wire->end && !wire_fill(wire))
            return false;
        int64_t some = min_i64(length, wire->end - wire->begin);
        wire->begin += (int)some;
        length -= some;
    }
    return true;
}

/* In pieces, so that a length that lies takes no more memory than what came. */
static bool body_read(Wire *wire, int64_t length, Text *text) {
    while (text->length < length) {
        if (wire->begin == wire->end && !wire_fill(wire))
            return false;
        int some = (int)min_i64(length - text->length, wire->end - wire->begin);
        text_add_str(text, (Str){wire->bytes + wire->begin, some});
        wire->begin += some;
    }
    return true;
}

WireState wire_read(Wire *wire, Arena *arena, Str *body) {
    char header[MAX_HEADER];
    int got = header_read(wire, header);
    if (got < 0)
        return WIRE_END;
    int64_t length = got ? length_of(header) : -1;
    if (length < 0)
        return WIRE_BROKEN;
    if (length > MAX_BODY)
        return body_skip(wire, length) ? WIRE_TOO_LONG : WIRE_BROKEN;
    Text text = text_new(arena);
    if (!body_read(wire, length, &text))
        return WIRE_BROKEN;
    *body = text_str(&text);
    return WIRE_MESSAGE;
}

bool wire_waits(const Wire *wire) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    return wire->begin < wire->end || poll(&input, 1, 0) > 0;
}

void wire_write(Str body) {
    printf("Content-Length: %d\r\n\r\n", body.length);
    fwrite(body.at, 1, (size_t)body.length, stdout);
    fflush(stdout);
}
