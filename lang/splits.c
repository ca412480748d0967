/* splits.c: fleets, and networks that are cut over them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- fleets ------------------------------------------------------------------------------ */

static int64_t members_of(const Decl *fleet) {
    const SpecEntry *satellites = decl_entry(fleet, "satellites");
    int64_t count = 0;
    for (int i = 0; i < satellites->count; i++)
        count += satellites->values[i].number.n;
    return count;
}

static int64_t whole(const SpecValue *call, const char *name) {
    const SpecValue *value = call_argument(call, name, -1);
    return value ? value->number.n : 1;
}

static void check_orbit(Spec *spec, const Decl *fleet) {
    const SpecValue *orbit = decl_value(fleet, "orbit");
    if (!orbit)
        return;
    int64_t places, members = members_of(fleet);
    if (__builtin_mul_overflow(whole(orbit, "planes"), whole(orbit, "per_plane"), &places))
        return;
    if (members > places)
        error_at(spec->diagnostics, orbit->span,
                 "this orbit has %lld places, and `%.*s` has %lld satellites",
                 (long long)places, STR_ARG(fleet->name), (long long)members);
}

/* One device on the ground, one link to it. */
static void check_ground(Spec *spec, const Decl *fleet) {
    const SpecEntry *ground = decl_entry(fleet, "ground");
    int devices = 0, links = 0;
    for (int i = 0; i < ground->count; i++) {
        bool link = ground->values[i].type == SPEC_CALL;
        devices += !link;
        links += link;
        if (devices > 1 || links > 1)
            error_at(spec->diagnostics, ground->values[i].span,
                     "a ground station has one device and one link to it");
        if (devices > 1 || links > 1)
            return;
    }
    if (ground->count && !devices)
        error_at(spec->diagnostics, ground->span, "say which device is on the ground");
    else if (ground->count && !links)
        error_at(spec->diagnostics, ground->span,
                 "say how the ground is reached: `ka_band(rate: 0.8 Gbit/s)`");
}

void fleet_check(Spec *spec, int index) {
    const Decl *fleet = spec->decls.at[index];
    check_orbit(spec, fleet);
    check_ground(spec, fleet);
}

/* ---- splits ------------------------------------------------------------------------------ */

static void check_crossings(Spec *spec, const Decl *split) {
    const SpecEntry *compress = decl_entry(split, "compress");
    for (int i = 0; i < compress->count; i++) {
        share_check(spec, &compress->values[i], "share", true);
        for (int k = 0; k < i; k++)
            if (str_equal(compress->values[i].text, compress->values[k].text)) {
                error_at(spec->diagnostics, compress->values[i].span,
                         "`%.*s` stands here twice", STR_ARG(compress->values[i].text));
                break;
            }
    }
}

static void check_pieces(Spec *spec, const Decl *split) {
    const SpecValue *batch = decl_value(split, "batch"), *pieces = decl_value(split, "pieces");
    if (batch && pieces && batch->number.n % pieces->number.n)
        error_at(spec->diagnostics, pieces->span,
                 "a batch of %lld does not fall into %lld pieces", (long long)batch->number.n,
                 (long long)pieces->number.n);
}

/* Every device of the fleet: the satellites', and the ground's. */
static void check_fleet(Spec *spec, const Decl *split, const Decl *fleet, const Space *space) {
    static const char *const keys[] = {"satellites", "ground"};
    const Item *item = item_of_decl(spec, fleet);
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecEntry *entry = decl_entry(fleet, keys[k]);
        for (int i = 0; i < entry->count; i++) {
            int before = error_count(spec->diagnostics);
            const Decl *device = entry->values[i].type == SPEC_CALL
                                     ? NULL
                                     : named_decl(spec, item, DECL_DEVICE, &entry->values[i]);
            if (device)
                device_check(spec, space, split, device);
            if (error_count(spec->diagnostics) > before)
                return;
        }
    }
}

void split_check(Spec *spec, int index) {
    const Decl *split = spec->decls.at[index];
    const Item *item = spec->decl_items.at[index];
    objectives_check(spec, item, split);
    check_crossings(spec, split);
    check_pieces(spec, split);
    const Space *space = subject_check(spec, item, split);
    const Decl *fleet = named_decl(spec, item, DECL_FLEET, decl_value(split, "over"));
    if (fleet)
        check_fleet(spec, split, fleet, space);
}
