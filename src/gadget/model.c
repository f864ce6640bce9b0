/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/model.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int model_check(const struct model *model, struct error *err)
{
	for (uint32_t i = 0; i < model->nsources; i++)
		if (model->sources[i].unsupported)
			return error_set(err, EOPNOTSUPP,
					 "gadget '%s': data source '%s' uses %s, which this "
					 "version does not support",
					 model->name, model->sources[i].name,
					 model->sources[i].unsupported);
	for (uint32_t i = 0; i < model->nprograms; i++)
		if (model->programs[i].unsupported && !model->programs[i].is_disabled)
			return error_set(err, EOPNOTSUPP,
					 "gadget '%s': program '%s' in section '%s': %s are not "
					 "supported by this version",
					 model->name, model->programs[i].name,
					 model->programs[i].section,
					 model->programs[i].unsupported);
	if (model->nsources == 0)
		return error_set(err, EOPNOTSUPP,
				 "gadget '%s' has no data source (GADGET_TRACER declares one)",
				 model->name);
	if (model->nprograms == 0)
		return error_set(err, EOPNOTSUPP, "gadget '%s' has no programs", model->name);
	return 0;
}

const struct model_param *model_param_find(const struct model *model, const char *key)
{
	for (uint32_t i = 0; i < model->nparams; i++)
		if (!strcmp(model->params[i].key, key))
			return &model->params[i];
	for (uint32_t i = 0; i < model->nparams; i++)
		if (model->params[i].variable && !strcmp(model->params[i].variable, key))
			return &model->params[i];
	return NULL;
}

const struct model_source *model_source_find(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->nsources; i++)
		if (!strcmp(model->sources[i].name, name))
			return &model->sources[i];
	return NULL;
}

uint64_t model_ring_size(uint64_t bytes)
{
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);

	while (size < bytes)
		size *= 2;
	return size;
}

bool model_has_rest(const struct model_source *source)
{
	for (uint32_t i = 0; i < source->nfields; i++)
		if (source->fields[i].layout == LAYOUT_REST)
			return true;
	return false;
}

bool model_row_is_whole(const struct model_source *source, const uint8_t *row, uint32_t len)
{
	for (uint32_t i = 0; i < source->nfields; i++) {
		const struct field *f = &source->fields[i];
		uint32_t rest;

		if (f->layout != LAYOUT_REST)
			continue;
		memcpy(&rest, row + f->len_at, sizeof(rest));
		if (f->at > len || rest > len - f->at)
			return false;
	}
	return true;
}

const struct model_map *model_map_find(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->nmaps; i++)
		if (!strcmp(model->maps[i].name, name))
			return &model->maps[i];
	return NULL;
}
