/* strategies.c: the strategies by name, and what they are asked for.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <limits.h>

const Strategy strategies[] = {
    {"nsga2",
     "Evolution of a population towards the Pareto front: non-dominated sorting, crowding "
     "distance, limits by constrained dominance (NSGA-II).",
     nsga2_run},
    {"random", "Distinct designs at random; the control that other strategies must beat.",
     random_search_run},
};
const int strategy_count = COUNT(strategies);

const Strategy *strategy_of(Str name) {
    for (int i = 0; i < strategy_count; i++)
        if (str_equal(name, str_of(strategies[i].name)))
            return &strategies[i];
    return NULL;
}

SearchPlan search_plan_default(void) {
    return (SearchPlan){.population = 32, .generations = 32, .seed = 1, .crossover = 0.9};
}

int plan_population(const SearchPlan *plan) {
    return (int)max_i64(2, plan->population);
}

int plan_designs(const SearchPlan *plan) {
    if (plan->designs > 0)
        return plan->designs;
    int64_t product = (int64_t)plan_population(plan) * max_i64(1, plan->generations);
    return (int)min_i64(product, INT_MAX);
}
