/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of every component of this build: complete, consistent, explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/books.h"
#include "engine/config.h"
#include "engine/delivery.h"
#include "engine/registry.h"

static void each_component(void (*visit)(const struct component *))
{
	for (const struct source_type *const *p = registry_builtin.sources; *p; p++)
		visit(&(*p)->base);
	for (const struct stage_type *const *p = registry_builtin.stages; *p; p++)
		visit(&(*p)->base);
	for (const struct sink_type *const *p = registry_builtin.sinks; *p; p++)
		visit(&(*p)->base);
}

static void check_summary(const struct component *c)
{
	assert_non_null(c->name);
	if (!c->summary || !*c->summary || c->summary[strlen(c->summary) - 1] == '.')
		fail_msg("'%s' needs a summary without a full stop", c->name);
	if (!c->help || !*c->help)
		fail_msg("'%s' has no help", c->name);
}

static void every_component_explains_itself(void **state)
{
	(void)state;
	each_component(check_summary);
}

static void check_options(const struct component *c)
{
	struct error err = ERROR_INIT;

	if (c->options && opt_check_table(c->options, &err) < 0)
		fail_msg("'%s': %s", c->name, err.text);
}

static void every_option_table_is_sound(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	each_component(check_options);
	if (opt_check_table(delivery_option_table, &err) < 0)
		fail_msg("delivery: %s", err.text);
}

/* Keys that the engine reads itself never reach a component. */
static void check_no_reserved(const struct component *c)
{
	static const char *const reserved[] = { "type", "inputs", "buffer", "retry", "batch" };

	for (const struct opt *opt = c->options; opt && opt->type != OPT_TYPE_END; opt++)
		for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
			if (!strcmp(opt->name, reserved[i]))
				fail_msg("'%s' has an option '%s'", c->name, opt->name);
}

static void no_option_has_a_name_of_the_engine(void **state)
{
	(void)state;
	each_component(check_no_reserved);
}

static void every_option_of_all_sinks_is_a_key_of_sinks(void **state)
{
	(void)state;
	for (const struct opt *opt = delivery_option_table; opt->type != OPT_TYPE_END; opt++) {
		size_t i = 0;

		while (config_sink_keys[i] && strcmp(config_sink_keys[i], opt->name) != 0)
			i++;
		assert_non_null(config_sink_keys[i]);
	}
}

static void check_counters(const struct component *c)
{
	uint32_t n = 0;

	for (; c->counters && c->counters[n].name; n++) {
		if (!c->counters[n].help || !*c->counters[n].help)
			fail_msg("counter '%s' of '%s' has no help", c->counters[n].name, c->name);
		for (uint32_t i = 0; i < n; i++)
			assert_string_not_equal(c->counters[i].name, c->counters[n].name);
	}
	assert_true(n <= BOOKS_MAX_COUNTERS);
}

static void every_counter_is_explained_and_fits_the_books(void **state)
{
	(void)state;
	each_component(check_counters);
}

static void check_examples(const struct component *c)
{
	if (!c->examples || !c->examples->title)
		fail_msg("'%s' has no example", c->name);
	for (const struct example *e = c->examples; e->title; e++)
		assert_non_null(e->config);
}

static void every_component_has_an_example(void **state)
{
	(void)state;
	each_component(check_examples);
}

static void check_stage_examples(const struct stage_type *stage)
{
	for (const struct example *e = stage->base.examples; e->title; e++)
		if (!e->schema || !e->input || !e->output)
			fail_msg("example '%s' of '%s' cannot be run", e->title, stage->base.name);
}

static void examples_of_stages_can_be_run(void **state)
{
	(void)state;
	for (const struct stage_type *const *p = registry_builtin.stages; *p; p++)
		check_stage_examples(*p);
}

static void names_are_sorted_and_unique_in_their_kind(void **state)
{
	const struct registry *r = &registry_builtin;

	(void)state;
	for (size_t i = 1; r->sources[0] && r->sources[i]; i++)
		assert_true(strcmp(r->sources[i - 1]->base.name, r->sources[i]->base.name) < 0);
	for (size_t i = 1; r->stages[0] && r->stages[i]; i++)
		assert_true(strcmp(r->stages[i - 1]->base.name, r->stages[i]->base.name) < 0);
	for (size_t i = 1; r->sinks[0] && r->sinks[i]; i++)
		assert_true(strcmp(r->sinks[i - 1]->base.name, r->sinks[i]->base.name) < 0);
}

static void each_component_is_found_by_its_name(void **state)
{
	const struct registry *r = &registry_builtin;

	(void)state;
	for (size_t i = 0; r->sources[i]; i++)
		assert_ptr_equal(registry_source(r, r->sources[i]->base.name), r->sources[i]);
	for (size_t i = 0; r->stages[i]; i++)
		assert_ptr_equal(registry_stage(r, r->stages[i]->base.name), r->stages[i]);
	for (size_t i = 0; r->sinks[i]; i++)
		assert_ptr_equal(registry_sink(r, r->sinks[i]->base.name), r->sinks[i]);
	assert_null(registry_source(r, "no such"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_component_explains_itself),
		cmocka_unit_test(every_option_table_is_sound),
		cmocka_unit_test(no_option_has_a_name_of_the_engine),
		cmocka_unit_test(every_option_of_all_sinks_is_a_key_of_sinks),
		cmocka_unit_test(every_counter_is_explained_and_fits_the_books),
		cmocka_unit_test(every_component_has_an_example),
		cmocka_unit_test(examples_of_stages_can_be_run),
		cmocka_unit_test(names_are_sorted_and_unique_in_their_kind),
		cmocka_unit_test(each_component_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
