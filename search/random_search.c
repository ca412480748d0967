/* random_search.c: distinct designs at random, the control for every other strategy.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

bool random_search_run(Arena *arena, const Problem *problem, const SearchPlan *plan,
                       Archive *archive) {
    Sampler *sampler = sampler_new(arena, problem, archive, plan->seed);
    int start = archive_count(archive), judged = 0;
    for (int generation = 1; judged < plan_designs(plan); generation++) {
        int count = (int)min_i64(plan_population(plan), plan_designs(plan) - judged);
        Random random = {plan->seed, (uint64_t)generation << 32, 0};
        while (archive_proposed(archive) < count && sampler_propose(sampler, &random))
            continue;
        if (archive_proposed(archive) == 0)
            return true;
        if (!archive_judge(archive))
            return false;
        judged = archive_count(archive) - start;
        if (plan->generation)
            plan->generation(plan->context, generation, judged, archive);
    }
    return true;
}
