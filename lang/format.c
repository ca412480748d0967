/* format.c: the canonical layout of a text. Line ends of the author stay where a line may end;
 * how far lines are indented, what is aligned and where long ones break is decided here, by
 * what stands before alone, so that a text once laid out stays as it is.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/format.h"

enum { WIDEST = 100, STEP = 4, LONGEST_KEY = 16, LOOSEST = 8 };

/* ---- lines ------------------------------------------------------------------------------- */

typedef struct Line {
    Str code;
    Str comment; /* at its end */
    int level;   /* how many bodies it stands in */
    bool alone;  /* a comment and nothing else */
} Line;

/* An open bracket, or the body whose entries are being written. */
typedef struct Level {
    int opener; /* -1: the file */
    bool body;  /* each entry on lines of its own */
    int indent; /* of entries; of what is continued in a bracket */
    int base;   /* indentation of the line where it was opened */
    int anchor; /* where a continued entry goes on; -1: not known yet */
    int pipe;   /* column of the expression's first |>; -1: none */
    VEC(int) ifs;
    int chain; /* column of the `if` that the last `else` belongs to */
} Level;

typedef struct Printer {
    Arena *arena;
    Pieces pieces;
    VEC(Line) lines;
    VEC(Level) levels;
    Text text; /* the line being written */
    int column, base;
    int planned;    /* a piece before which a long line breaks; -1: none */
    bool starts;    /* the next piece begins an entry */
    bool anchors;   /* the next piece is the anchor */
    bool *exploded; /* of `{`: its entries stand on lines of their own */
    int *pad;       /* of a piece: blanks after it, beyond the usual one */
} Printer;

static Level *top(Printer *printer) {
    return &printer->levels.at[printer->levels.count - 1];
}

static int bodies(const Printer *printer) {
    int count = 0;
    for (int i = 0; i < printer->levels.count; i++)
        count += printer->levels.at[i].body;
    return count;
}

static void line_begin(Printer *printer, int indent, bool alone) {
    printer->text = text_new(printer->arena);
    printer->column = printer->base = indent;
    vec_push(printer->arena, &printer->lines,
             ((Line){.level = bodies(printer), .alone = alone}));
    text_add(&printer->text, "%*s", indent, "");
}

static void line_end(Printer *printer) {
    if (printer->lines.count)
        printer->lines.at[printer->lines.count - 1].code = text_str(&printer->text);
}

static void put(Printer *printer, Str text) {
    text_add_str(&printer->text, text);
    bool broken = false;
    for (int i = 0; i < text.length; i++)
        broken |= text.at[i] == '\n';
    printer->column = (broken ? 0 : printer->column) + text_width(text);
}

/* ---- what may break ---------------------------------------------------------------------- */

static const Piece *piece_at(const Printer *printer, int i) {
    static const Piece none = {.kind = TOKEN_EOF, .partner = -1};
    return i >= 0 && i < printer->pieces.count ? &printer->pieces.at[i] : &none;
}

static bool closes(const Piece *piece) {
    return piece->partner >= 0 &&
           (piece->kind == TOKEN_RPAREN || piece->kind == TOKEN_RBRACKET ||
            piece->kind == TOKEN_RBRACE);
}

static bool opens(const Piece *piece) {
    return piece->partner >= 0 && !closes(piece);
}

static bool hangs(const Printer *printer, int opener) {
    const Piece *next = piece_at(printer, opener + 1);
    return !closes(next) && (next->breaks > 0 || (next->kind == PIECE_COMMENT && next->to_end));
}

/* Whether the text itself breaks the line before a piece within an entry. */
static bool breaks_before(const Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i), *last = piece_at(printer, i - 1);
    if (last->kind == PIECE_COMMENT && last->to_end)
        return true;
    return piece->breaks > 0 && (!closes(piece) || hangs(printer, piece->partner));
}

/* How loosely what stands before and after a piece hangs together, 0 the loosest; -1: no line
 * ends there. */
static int looseness(const Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i), *last = piece_at(printer, i - 1);
    if (piece->kind == PIECE_COMMENT || closes(piece))
        return -1;
    if (last->kind == TOKEN_COMMA)
        return 0;
    switch (piece->kind) {
    case TOKEN_ELSE:
        return 1;
    case TOKEN_THEN:
        return 2;
    case TOKEN_PIPE:
        return 3;
    default:
        break;
    }
    switch (last->kind) {
    case TOKEN_IMPLIES:
    case TOKEN_OR:
    case TOKEN_AND:
        return 4;
    case TOKEN_PLUS:
    case TOKEN_MINUS:
        return last->unary ? -1 : 6;
    default:
        return -1;
    }
}

/* ---- bodies ------------------------------------------------------------------------------ */

/* A body on one line in the text may stay so where it fits. */
static bool explodes(Printer *printer, int brace, int64_t column) {
    const Piece *from = piece_at(printer, brace), *to = piece_at(printer, from->partner);
    if (from->partner == brace + 1)
        return false;
    if (to->torn > from->torn || column + to->end - from->end > WIDEST)
        printer->exploded[brace] = true;
    return printer->exploded[brace];
}

/* The colon after an entry's key; -1: it has none on its first line. *next is the piece after
 * the entry. */
static int entry_colon(const Printer *printer, int first, int *next) {
    int colon = -1;
    bool torn = false;
    int i = first;
    for (; i < printer->pieces.count && !closes(piece_at(printer, i)); i++) {
        const Piece *piece = piece_at(printer, i);
        if (piece->kind == TOKEN_END)
            break;
        torn |= i > first && piece->breaks > 0;
        if (piece->kind == TOKEN_COLON && colon < 0 && !torn)
            colon = i;
        if (opens(piece))
            i = piece->partner;
    }
    *next = i + (piece_at(printer, i)->kind == TOKEN_END);
    return colon;
}

static int key_width(const Printer *printer, int first, int colon) {
    const Piece *from = piece_at(printer, first), *to = piece_at(printer, colon);
    int64_t width = to->end - from->end + text_width(from->text);
    return width > LONGEST_KEY + 1 ? 0 : (int)width;
}

typedef struct EntryKey {
    int colon, width;
} EntryKey;
typedef VEC(EntryKey) EntryKeys;

static void pad_keys(Printer *printer, EntryKeys *keys) {
    int widest = 0;
    for (int i = 0; i < keys->count; i++)
        widest = keys->at[i].width > widest ? keys->at[i].width : widest;
    for (int i = 0; i < keys->count; i++)
        printer->pad[keys->at[i].colon] = widest - keys->at[i].width;
    keys->count = 0;
}

/* The values of entries without a blank line between them stand in one column. */
static void align_entries(Printer *printer, int brace) {
    EntryKeys keys = {0};
    int close = piece_at(printer, brace)->partner;
    for (int i = brace + 1; i < close;) {
        const Piece *piece = piece_at(printer, i);
        if (piece->breaks > 1)
            pad_keys(printer, &keys);
        if (piece->kind == PIECE_COMMENT || piece->kind == TOKEN_END) {
            i++;
            continue;
        }
        int next, colon = entry_colon(printer, i, &next);
        int width = colon >= 0 ? key_width(printer, i, colon) : 0;
        if (width)
            vec_push(printer->arena, &keys, ((EntryKey){colon, width}));
        i = next > i ? next : i + 1;
    }
    pad_keys(printer, &keys);
}

/* ---- long lines -------------------------------------------------------------------------- */

typedef struct Scan {
    int depth, best, score, first; /* first: where a line can break, too late though */
    int piped;                     /* the depth at which a |> stood already, or -1000 */
} Scan;

static void consider(const Printer *printer, Scan *scan, int i, int64_t column) {
    int loose = looseness(printer, i);
    if (loose < 0)
        return;
    bool pipe = piece_at(printer, i)->kind == TOKEN_PIPE;
    if (pipe && scan->piped != scan->depth) { /* the first stays where it can */
        scan->piped = scan->depth;
        loose += 3 * LOOSEST;
    }
    int score = scan->depth * LOOSEST + loose;
    if (column <= WIDEST && (scan->best < 0 || score <= scan->score))
        scan->best = i, scan->score = score;
    else if (scan->first < 0)
        scan->first = i;
}

/* Whether the line that begins with piece `from` ends before piece i. */
static bool line_stops(const Printer *printer, int i, int from) {
    const Piece *piece = piece_at(printer, i);
    return piece->kind == TOKEN_EOF || piece->kind == TOKEN_END ||
           (i > from && breaks_before(printer, i)) ||
           (piece->kind == PIECE_COMMENT && piece->to_end);
}

/* Where the line that begins here is too long, plans a break: outside of as many brackets as
 * can be, as late as fits. */
static void plan(Printer *printer, int from) {
    Scan scan = {.best = -1, .first = -1, .piped = top(printer)->pipe >= 0 ? 0 : -1000};
    int64_t column = printer->column;
    printer->planned = -1;
    for (int i = from; !line_stops(printer, i, from); i++) {
        const Piece *piece = piece_at(printer, i);
        scan.depth -= closes(piece);
        if (i > from)
            consider(printer, &scan, i, column);
        column +=
            (i > from ? piece->spaced + printer->pad[i - 1] : 0) + text_width(piece->text);
        if (column > WIDEST && (scan.best >= 0 || scan.first >= 0)) {
            printer->planned = scan.best >= 0 ? scan.best : scan.first;
            return;
        }
        if (piece->kind == TOKEN_LBRACE && piece->body) {
            if (explodes(printer, i, column))
                return;
            const Piece *close = piece_at(printer, piece->partner);
            column += close->end - piece->end;
            i = piece->partner;
        } else {
            scan.depth += opens(piece);
        }
    }
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Where a line goes on that breaks before a piece. */
static int continued(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    const Level *level = top(printer);
    if (closes(piece))
        return level->base;
    if (piece->kind == TOKEN_PIPE && level->pipe >= 0)
        return level->pipe;
    if ((piece->kind == TOKEN_THEN || piece->kind == TOKEN_ELSE) && level->ifs.count)
        return level->ifs.at[level->ifs.count - 1];
    if (!level->body)
        return level->indent;
    return level->anchor >= 0 && piece->kind != TOKEN_PIPE ? level->anchor
                                                           : level->indent + STEP;
}

static void entry_begin(Printer *printer) {
    Level *level = top(printer);
    level->anchor = level->pipe = -1;
    level->ifs.count = 0;
    printer->anchors = false;
}

static void level_open(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    Level level = {.opener = i, .base = printer->base, .anchor = -1, .pipe = -1};
    level.body = piece->kind == TOKEN_LBRACE && piece->body && printer->exploded[i];
    level.indent = printer->column;
    for (int k = printer->levels.count; hangs(printer, i) && k >= 0; k--) {
        Level *outer = k < printer->levels.count ? &printer->levels.at[k] : &level;
        if (outer->body || outer->base != printer->base)
            break;
        outer->indent = printer->base + STEP; /* what follows it on the line too */
    }
    if (level.body) {
        for (int k = printer->levels.count - 1; k >= 0; k--)
            if (printer->levels.at[k].body) {
                level.base = printer->levels.at[k].indent;
                break;
            }
        level.indent = level.base + STEP;
        align_entries(printer, i);
        printer->starts = true;
    }
    vec_push(printer->arena, &printer->levels, level);
}

/* What a piece says about where later ones go. */
static void note(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    Level *level = top(printer);
    bool entry = level->body && level->anchor < 0;
    switch (piece->kind) {
    case TOKEN_COLON:
        printer->anchors = entry && level->opener >= 0;
        level->pipe = -1;
        break;
    case TOKEN_ASSIGN:
        printer->anchors = entry;
        level->pipe = -1;
        break;
    case TOKEN_RETURN:
    case TOKEN_REQUIRE:
    case TOKEN_FORBID: /* but for a key of that name */
        printer->anchors = entry && piece_at(printer, i + 1)->kind != TOKEN_COLON;
        break;
    case TOKEN_COMMA:
    case TOKEN_THEN:
        level->pipe = -1;
        break;
    case TOKEN_ELSE:
        level->pipe = -1;
        level->chain = level->ifs.count ? level->ifs.at[--level->ifs.count] : -1;
        break;
    default:
        break;
    }
}

/* The same before it is written, when its column is known. */
static void note_column(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    Level *level = top(printer);
    if (printer->anchors && piece->kind != PIECE_COMMENT)
        level->anchor = printer->column;
    printer->anchors &= piece->kind == PIECE_COMMENT;
    if (piece->kind == TOKEN_PIPE && level->pipe < 0)
        level->pipe = printer->column;
    if (piece->kind == TOKEN_IF) { /* of `else if` the branches stand below each other */
        bool chained = piece_at(printer, i - 1)->kind == TOKEN_ELSE && level->chain >= 0;
        vec_push(printer->arena, &level->ifs, chained ? level->chain : printer->column);
    }
}

static void write_piece(Printer *printer, int i, bool fresh) {
    const Piece *piece = piece_at(printer, i);
    if (!fresh && piece->spaced)
        put(printer, STR(" "));
    for (int k = 0; !fresh && i > 0 && k < printer->pad[i - 1]; k++)
        put(printer, STR(" "));
    if (closes(piece))
        printer->levels.count--;
    note_column(printer, i);
    put(printer, piece->text);
    if (opens(piece))
        level_open(printer, i);
    else
        note(printer, i);
}

/* Whether a comment, and others behind it, end the line that they stand on. */
static bool ends_line(const Printer *printer, int i) {
    while (piece_at(printer, i + 1)->kind == PIECE_COMMENT && !piece_at(printer, i + 1)->breaks)
        i++;
    const Piece *next = piece_at(printer, i + 1);
    if (piece_at(printer, i)->to_end)
        return true;
    return printer->starts && (next->kind == TOKEN_EOF || closes(next) || next->breaks > 0);
}

static bool trails(const Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    return i > 0 && piece->kind == PIECE_COMMENT && !piece->breaks && ends_line(printer, i);
}

/* It is set apart when all lines are known. */
static void write_trailing(Printer *printer, int i) {
    Line *line = &printer->lines.at[printer->lines.count - 1];
    line->comment =
        str_format(printer->arena, "%.*s%s%.*s", STR_ARG(line->comment),
                   line->comment.length ? " " : "", STR_ARG(piece_at(printer, i)->text));
}

static void blank_line(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i), *last = piece_at(printer, i - 1);
    bool first = !i || (last->kind == TOKEN_LBRACE && top(printer)->opener == i - 1);
    if (piece->breaks > 1 && !first && !closes(piece))
        vec_push(printer->arena, &printer->lines, ((Line){.level = -1}));
}

/* The first piece of an entry, a comment between entries, or the brace after them. */
static void write_first(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    line_end(printer);
    blank_line(printer, i);
    if (closes(piece)) {
        int indent = top(printer)->base;
        printer->levels.count--;
        line_begin(printer, indent, false);
        plan(printer, i);
        put(printer, piece->text);
        printer->starts = false;
        return;
    }
    bool alone = piece->kind == PIECE_COMMENT && ends_line(printer, i);
    line_begin(printer, top(printer)->indent, alone);
    entry_begin(printer);
    plan(printer, i);
    printer->starts = alone;
    write_piece(printer, i, true);
}

static void write_next(Printer *printer, int i) {
    const Piece *piece = piece_at(printer, i);
    bool fresh = breaks_before(printer, i) || printer->planned == i;
    if (fresh) {
        int indent = continued(printer, i);
        line_end(printer);
        line_begin(printer, indent, piece->kind == PIECE_COMMENT && piece->to_end);
        plan(printer, i);
    }
    write_piece(printer, i, fresh);
}

/* `;` between entries that stay on one line. */
static void write_end(Printer *printer, int i) {
    if (top(printer)->body) {
        printer->starts = true;
        return;
    }
    int next = i + 1;
    while (piece_at(printer, next)->kind == PIECE_COMMENT)
        next++;
    if (piece_at(printer, next)->kind != TOKEN_RBRACE)
        put(printer, STR(";"));
}

static void write_all(Printer *printer) {
    vec_push(printer->arena, &printer->levels,
             ((Level){.opener = -1, .body = true, .anchor = -1, .pipe = -1}));
    printer->starts = true;
    for (int i = 0; i < printer->pieces.count; i++) {
        if (piece_at(printer, i)->kind == TOKEN_END)
            write_end(printer, i);
        else if (trails(printer, i))
            write_trailing(printer, i);
        else if (printer->starts)
            write_first(printer, i);
        else
            write_next(printer, i);
    }
    line_end(printer);
}

/* ---- putting the lines together ---------------------------------------------------------- */

/* Comments at the ends of neighbouring lines stand in one column, if there is room and none is
 * far from its line. Returns where the neighbours end. */
static int comment_column(const Printer *printer, int first, int *column) {
    enum { APART = 2, FAR = 24 };
    int widest = 0, narrowest = WIDEST, longest = 0, i = first;
    for (; i < printer->lines.count; i++) {
        const Line *line = &printer->lines.at[i];
        if (line->level != printer->lines.at[first].level || line->alone)
            break;
        int width = text_width(line->code), comment = text_width(line->comment);
        if (!comment)
            continue;
        widest = width > widest ? width : widest;
        narrowest = width < narrowest ? width : narrowest;
        longest = comment > longest ? comment : longest;
    }
    bool apart = widest + APART + longest > WIDEST || widest - narrowest > FAR;
    *column = apart ? 0 : widest + APART;
    return i > first ? i : first + 1;
}

static Str assemble(Printer *printer) {
    Text out = text_new(printer->arena);
    for (int i = 0; i < printer->lines.count;) {
        int column, stop = comment_column(printer, i, &column);
        for (; i < stop; i++) {
            const Line *line = &printer->lines.at[i];
            text_add_str(&out, line->code);
            int width = text_width(line->code);
            if (line->comment.length)
                text_add(&out, "%*s", column ? column - width : 2, "");
            text_add_str(&out, line->comment);
            text_add_str(&out, STR("\n"));
        }
    }
    return text_str(&out);
}

bool lang_format(Arena *arena, Diagnostics *diagnostics, Str name, Str text, Str *formatted) {
    Source source = {.name = name, .text = str_copy(arena, text)};
    if (!source_parse(arena, diagnostics, &source))
        return false;
    Printer printer = {.arena = arena, .pieces = pieces_read(arena, source.text)};
    int count = printer.pieces.count + 1;
    printer.exploded = arena_array(arena, bool, count);
    printer.pad = arena_array(arena, int, count);
    printer.planned = -1;
    write_all(&printer);
    *formatted = assemble(&printer);
    if (tokens_equal(arena, source.text, *formatted))
        return true;
    error_at(diagnostics, (Span){0, 0}, "%.*s: laid out anew it would mean something else",
             STR_ARG(name));
    return false;
}
