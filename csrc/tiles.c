/* The TILES instruction: its check when a program is loaded, and its run, by the calling thread alone or by a team (threads.c).
 *
 * A lane is what a thread needs to run a body: a workspace that shares the arena of the sweep and has all else for itself. Parts are handed
 * out one by one; which lane runs a part changes nothing in the result, because each part sums into memory of its own. */
#include "internal.h"

#include <string.h>

/* --- loading ---------------------------------------------------------------------------------------------------------------- */

enum { HEADER_WORDS = 4, VIEW_WORDS = 6 };

static int refuse(tj_loader *loader, const char *reason) { return tj_refuse(loader, loader->at, reason); }

static int check_span(tj_loader *loader, const tj_region *region, tj_view *view) {
    const uint64_t tiles = region->tiles, parts = region->parts, limit = TJ_MAX_EXTENT / 4;
    const uint64_t longest = view->nbytes[0] > view->nbytes[1] ? view->nbytes[0] : view->nbytes[1];
    if (view->offset > limit || longest > limit || (view->tile_step && tiles - 1 > limit / view->tile_step)
        || (view->part_step && parts - 1 > limit / view->part_step))
        return refuse(loader, "a view is too large");
    /* The last tile may be shorter than those before it. */
    uint64_t end = (tiles - 1) * view->tile_step + view->nbytes[1];
    if (tiles > 1 && (tiles - 2) * view->tile_step + view->nbytes[0] > end)
        end = (tiles - 2) * view->tile_step + view->nbytes[0];
    view->low = view->offset;
    view->high = view->offset + (parts - 1) * view->part_step + end;
    if (view->kind == TJ_VIEW_WRITE && (view->part_step || (tiles > 1 && view->tile_step < longest)))
        return refuse(loader, "tiles overlap in a view that is written");
    if (view->kind == TJ_VIEW_SUM && (view->tile_step || view->nbytes[0] != view->nbytes[1] || (parts > 1 && view->part_step < longest)))
        return refuse(loader, "parts overlap in a view that is summed into");
    if (view->kind == TJ_VIEW_LOCAL) {
        if (view->tile_step || view->part_step)
            return refuse(loader, "a local view has steps");
        if (view->high > loader->program->local_bytes)
            loader->program->local_bytes = view->high;
        return 1;
    }
    return tj_check_bytes(loader, loader->at, view->buffer, (int64_t)view->low, (int64_t)view->high, view->kind != TJ_VIEW_READ);
}

static int read_views(tj_loader *loader, tj_region *region, const uint64_t *words) {
    const tj_program *program = loader->program;
    for (uint32_t k = 0; k < region->n_views; k++, words += VIEW_WORDS) {
        tj_view *view = &region->views[k];
        *view = (tj_view){.kind = (uint32_t)words[0], .buffer = (uint32_t)(words[0] >> 32), .offset = words[1], .tile_step = words[2],
                          .part_step = words[3], .nbytes = {words[4], words[5]}};
        if (view->kind >= TJ_VIEW_KINDS)
            return refuse(loader, "there is no such kind of view");
        if (view->buffer > program->n_buffers)
            return refuse(loader, "there is no such buffer");
        const uint64_t places = view->offset | view->tile_step | view->part_step;
        view->alignment = view->buffer && view->kind != TJ_VIEW_LOCAL ? program->buffers[view->buffer - 1].alignment : 8;
        while (places % view->alignment)
            view->alignment /= 2;
        if (!check_span(loader, region, view))
            return 0;
    }
    for (uint32_t k = 0; k < region->n_views; k++)
        for (uint32_t j = 0; j < region->n_views; j++) {
            const tj_view *a = &region->views[k], *b = &region->views[j];
            if (j != k && (a->kind == TJ_VIEW_WRITE || a->kind == TJ_VIEW_SUM) && b->kind != TJ_VIEW_LOCAL && a->buffer == b->buffer
                && a->low < b->high && b->low < a->high)
                return refuse(loader, "a view that is written overlaps another");
        }
    return 1;
}

/* Checks the instructions of a body, from `at` on. */
static int check_body(tj_loader *loader, uint64_t at, uint64_t length) {
    const uint64_t whole = loader->n_words, end = at + length;
    int ended = 0, ok = 1;
    loader->n_words = end;
    for (loader->at = at; ok && loader->at < end && !ended;) {
        uint64_t count = 0;
        ok = tj_check_instruction(loader, &count);
        ended = ok && (uint32_t)loader->words[loader->at] == TJ_END;
        if (ok)
            loader->at += count;
    }
    loader->n_words = whole;
    return ok && (!ended || loader->at != end ? refuse(loader, "the body of a tile does not end where it should") : 1);
}

int tj_check_region(tj_loader *loader, uint64_t length) {
    tj_program *program = loader->program;
    const uint64_t at = loader->at, *words = loader->words + at;
    const uint64_t parts = (uint32_t)words[1], tiles = words[1] >> 32, n_views = (uint32_t)words[2];
    const uint64_t body = (uint32_t)words[3], last = words[3] >> 32;
    if (parts == 0 || tiles < parts || words[2] >> 32 > 1)
        return refuse(loader, "tiles are shared out to at least one part each");
    if (length != HEADER_WORDS + VIEW_WORDS * n_views + body + last || body == 0)
        return refuse(loader, "an instruction has the wrong length");
    if (!tj_make_room(loader, (void **)&program->regions, program->n_regions, &program->room_for_regions))
        return 0;
    tj_region *region = tj_allocate(loader, sizeof *region + n_views * sizeof(tj_view));
    if (!region)
        return 0;
    program->regions[program->n_regions++] = region;
    const uint64_t *const code = words + HEADER_WORDS + VIEW_WORDS * n_views;
    *region = (tj_region){.parts = (uint32_t)parts, .tiles = (uint32_t)tiles, .n_views = (uint32_t)n_views, .threads = words[2] >> 32 != 0,
                          .body = code, .last = last ? code + body : code};
    if (!read_views(loader, region, words + HEADER_WORDS))
        return 0;
    if (n_views > program->most_views)
        program->most_views = n_views;
    loader->region = region;
    const uint64_t start = at + HEADER_WORDS + VIEW_WORDS * n_views;
    /* Without a body of its own the last tile is checked against the shorter of the lengths: the same body must fit both. */
    loader->last = 0;
    int ok = check_body(loader, start, body);
    loader->last = 1;
    for (uint32_t k = 0; k < n_views && ok && !last; k++)
        if (region->views[k].nbytes[0] != region->views[k].nbytes[1])
            ok = refuse(loader, "a shorter last tile has no body of its own");
    ok = ok && (!last || check_body(loader, start + body, last));
    loader->region = NULL;
    if (!ok)
        return 0;
    loader->at = at;
    program->code[at + 1] = program->n_regions - 1;
    return 1;
}

/* --- running ---------------------------------------------------------------------------------------------------------------- */

static int run_part(tj_workspace *lane, const tj_region *region, uint64_t part) {
    const uint64_t first = part * region->tiles / region->parts, end = (part + 1) * region->tiles / region->parts;
    uint8_t **const views = lane->base + lane->program->n_buffers + 1;
    for (uint32_t k = 0; k < region->n_views; k++) {
        const tj_view *view = &region->views[k];
        views[k] = view->kind == TJ_VIEW_LOCAL ? lane->local + view->offset
                                               : lane->base[view->buffer] + view->offset + part * view->part_step + first * view->tile_step;
        if (view->kind == TJ_VIEW_SUM)
            memset(views[k], 0, view->nbytes[0]);
    }
    for (uint64_t tile = first; tile < end; tile++) {
        const int status = tj_execute(lane, tile + 1 == region->tiles ? region->last : region->body);
        if (TJ_UNLIKELY(status != TJ_DONE))
            return status;
        for (uint32_t k = 0; k < region->n_views; k++)
            views[k] += region->views[k].tile_step;
    }
    return TJ_DONE;
}

typedef struct {
    tj_workspace *w;
    const tj_region *region;
    uint32_t next;                            /* the part that is handed out next */
    int status[TJ_MAX_THREADS];               /* of each lane */
} share;

static void work_off(void *context, int number) {
    share *share = context;
    tj_workspace *lane = number ? share->w->lanes[number - 1] : share->w;
    for (;;) {
        const uint32_t part = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED);
        if (part >= share->region->parts || share->status[number] != TJ_DONE)
            return;
        share->status[number] = run_part(lane, share->region, part);
    }
}

/* Makes lanes up to `count`; returns how many there are. Without memory there are fewer. */
static int make_lanes(tj_workspace *w, int count) {
    if (!w->lanes) {
        w->lanes = w->allocator.allocate(w->allocator.context, TJ_MAX_THREADS * sizeof *w->lanes);
        if (!w->lanes)
            return 0;
        memset(w->lanes, 0, TJ_MAX_THREADS * sizeof *w->lanes);
    }
    for (int k = 0; k < count; k++) {
        if (!w->lanes[k])
            w->lanes[k] = tj_lane_new(w->program);
        if (!w->lanes[k])
            return k;
        memcpy(w->lanes[k]->base, w->base, (w->program->n_buffers + 1) * sizeof *w->base);
    }
    return count;
}

int tj_region_run(tj_workspace *w, const tj_region *region) {
    int most = region->threads && w->program->threads ? tj_threads_count(w->program->threads) : 1;
    if ((uint32_t)most > region->parts)
        most = (int)region->parts;
    if (most > 1)
        most = 1 + make_lanes(w, most - 1);
    share share = {.w = w, .region = region};
    if (most < 2 || !tj_together(w->program->threads, work_off, &share, most))
        work_off(&share, 0);
    for (int k = 0; k < most; k++)
        if (share.status[k] != TJ_DONE) {
            if (k)
                memcpy(w->detail, w->lanes[k - 1]->detail, sizeof w->detail);
            return share.status[k];
        }
    return TJ_DONE;
}
