/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspection: an inspection under way, shared by the files that make its parts.
 *
 * For inspect.c and the files below only; everybody else wants inspect.h.  Each
 * part adds to in->model and returns 0, or a negative errno with in->err filled.
 */
#ifndef GADGET_INSPECTION_H
#define GADGET_INSPECTION_H

#include "gadget/model.h"
#include "gadget/object.h"

struct btf;
struct kernel_enums;

struct inspection {
	struct arena *arena;
	struct model *model;
	struct object object;
	struct btf *btf;
	struct kernel_enums *kernel; /* or NULL */
	struct error *err;
};

/* ---- maps.c ---------------------------------------------------------------- */

int inspect_maps(struct inspection *in);

/* The type id a map's definition names as its value; 0: none. */
uint32_t map_value_id(const struct inspection *in, const char *map_name);

/* ---- sources.c ------------------------------------------------------------- */

/* The data source of a marker gadget_tracer_<rest>; rest is split in place. */
int inspect_tracer(struct inspection *in, char *rest);

/* A data source this version cannot read, and why. */
int inspect_unsupported(struct inspection *in, const char *name, const char *why);

/* Rings called print_<x>, the convention from before there were markers. */
int inspect_seed_rings(struct inspection *in);

/* The other data sources of that time. */
int inspect_seed_others(struct inspection *in);

/* The per-CPU counter <map><suffix>, if it is there and has the right shape, or NULL. */
const char *counter_map(const struct inspection *in, const char *map, const char *suffix);

/* Split "a___b___c" in place; returns the number of parts, at most max. */
uint32_t marker_split(char *text, char **parts, uint32_t max);

/* ---- params.c -------------------------------------------------------------- */

/* The parameter that sets this variable. */
int inspect_param(struct inspection *in, const char *variable);

/* When all of those are known: the other parameters, keys, and the sizes of maps. */
int inspect_params_end(struct inspection *in);

/* ---- programs.c ------------------------------------------------------------ */

/* The programs, and what each hangs on. */
int inspect_programs(struct inspection *in);

#endif
