/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/model.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"

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
		if (model->programs[i].unsupported)
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
		if (!strcmp(model->params[i].key, key) || !strcmp(model->params[i].variable, key))
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

const struct model_map *model_map_find(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->nmaps; i++)
		if (!strcmp(model->maps[i].name, name))
			return &model->maps[i];
	return NULL;
}

static int parse_number(const struct model_param *param, const char *text, uint64_t *ret_value,
			struct error *err)
{
	unsigned bits = param->size * 8;
	int64_t i;
	int r;

	if (param->kind == PARAM_UINT) {
		r = parse_uint(text, ret_value);
		if (r == 0 && bits < 64 && *ret_value >> bits)
			r = -ERANGE;
	} else {
		r = parse_int(text, &i);
		if (r == 0 && bits < 64 && (i >> (bits - 1)) != 0 && (i >> (bits - 1)) != -1)
			r = -ERANGE;
		if (r == 0)
			*ret_value = (uint64_t)i;
	}
	if (r == -ERANGE)
		return error_set(err, ERANGE, "'%s' does not fit %u bits", text, bits);
	if (r < 0)
		return error_set(err, EINVAL, "'%s' is not %s", text,
				 param->kind == PARAM_UINT ? "a number without sign" : "a number");
	return 0;
}

int param_parse(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		struct error *err)
{
	uint64_t value = 0;
	bool flag;
	int r = 0;

	switch (param->kind) {
	case PARAM_BOOL:
		if (parse_bool(text, &flag) < 0)
			return error_set(err, EINVAL, "'%s' is neither true nor false", text);
		value = flag;
		break;
	case PARAM_INT:
	case PARAM_UINT:
		r = parse_number(param, text, &value, err);
		if (r < 0)
			return r;
		break;
	case PARAM_TEXT:
		if (strlen(text) > param->size)
			return error_set(err, ERANGE, "'%s' is longer than %u bytes", text,
					 param->size);
		memset(ret_bytes, 0, param->size);
		memcpy(ret_bytes, text, strlen(text));
		return 0;
	case PARAM_OTHER:
		return error_set(err, EOPNOTSUPP, "parameters of its type cannot be set yet");
	}
	memcpy(ret_bytes, &value, param->size);
	return 0;
}

const char *param_kind_name(enum param_kind kind)
{
	static const char *const names[] = {
		[PARAM_BOOL] = "bool", [PARAM_INT] = "int",     [PARAM_UINT] = "uint",
		[PARAM_TEXT] = "text", [PARAM_OTHER] = "other",
	};

	return names[kind];
}
