/* format.h: the pieces of a text, between pieces.c, which cuts it, and format.c, which lays
 * it out anew.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_H
#define FORMAT_H

#include "lang/syntax.h"

/* ---- pieces.c: tokens and comments, and which of them stand close ------------------------ */

enum { PIECE_COMMENT = TOKEN_SEMICOLON + 1 };

typedef struct Piece {
    int kind; /* a TokenKind, or PIECE_COMMENT; TOKEN_END where an entry ends */
    Str text;
    int breaks;   /* newlines before it in the text */
    int partner;  /* of a bracket: where the other one stands; else -1 */
    bool spaced;  /* a blank before it where no line ends */
    bool to_end;  /* a comment that the line's end ends */
    bool body;    /* of a brace: it holds entries, and is no record */
    bool unary;   /* of a sign: it belongs to what follows */
    int64_t end;  /* width of all that stands up to here, on one line */
    int64_t torn; /* line ends up to here that cannot be taken away */
} Piece;
typedef struct Pieces {
    Piece *at;
    int count;
} Pieces;
/* Of a text without syntax errors. */
Pieces pieces_read(Arena *arena, Str text);
int text_width(Str text); /* of its last line, in code points */
/* Whether both texts are the same tokens, and so mean the same. */
bool tokens_equal(Arena *arena, Str a, Str b);

#endif
