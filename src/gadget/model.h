/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: what a gadget's object file says about itself, as plain data.
 *
 * inspect.h makes it from ELF and BTF without privileges and without the
 * kernel; everything else (schemas, `validate`, `inspect`, loading) works from
 * it.  All of it lives in the arena it was made in and is read-only afterwards.
 *
 * Every name in a model is a plain C identifier and every section name
 * printable ASCII, whatever the file contained: inspection fails otherwise.
 */
#ifndef GADGET_MODEL_H
#define GADGET_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/schema.h"
#include "gadget/param.h"

/* Limits on what an object may contain; past them inspection fails with -E2BIG. */
enum {
	MODEL_MAX_OBJECT = 64 << 20, /* bytes of the file */
	MODEL_MAX_ROW = 1 << 20,     /* bytes of a record's struct */
	MODEL_MAX_FIELDS = 512,      /* of one data source */
	MODEL_MAX_DEPTH = 16,        /* structs in structs */
	MODEL_MAX_SOURCES = 32,
	MODEL_MAX_PROGRAMS = 1024,
	MODEL_MAX_MAPS = 512,
	MODEL_MAX_PARAMS = 256,
	MODEL_MAX_PARAM = 4096, /* bytes of one parameter */
};

struct metadata;

#define MODEL_MAX_RING (UINT64_C(1) << 30) /* bytes of a ring */

/* A member of a record's struct that is no field, and why. */
struct model_skipped {
	const char *name, *why;
};

/* A stream of records of one struct. */
struct model_source {
	const char *name;        /* what records of it are called: @event */
	const char *map;         /* the ring, or perf event array, they arrive in */
	const char *type;        /* the struct's name */
	const char *unsupported; /* why this version cannot read it, or NULL */
	uint32_t size;           /* bytes of the struct */
	/*
	 * A record shorter than row_min has its missing bytes read as zeros; of
	 * one longer than row_max only row_max bytes count.
	 */
	uint32_t row_min, row_max;
	uint32_t seq_at;      /* where the gadget_seq is, or SCHEMA_NO_SEQ */
	bool is_perf;         /* the map is a perf event array, not a ring */
	bool may_be_perf;     /* the programs can do with one where there are no rings */
	uint64_t ring_size;   /* bytes, as the object asks for; usable as it is; 0: is_perf */
	const char *attempts; /* the per-CPU map that counts attempts, or NULL */
	const char *lost;     /* the per-CPU map that counts lost records, or NULL */
	struct field *fields; /* in the struct's order */
	uint32_t nfields;
	struct model_skipped *skipped;
	uint32_t nskipped;
};

enum program_kind {
	PROGRAM_TRACEPOINT, /* tracepoint/<category>/<target>, tp/... */
	PROGRAM_RAW_TP,     /* raw_tracepoint/<target>, raw_tp/... */
	PROGRAM_TP_BTF,     /* tp_btf/<target> */
	PROGRAM_SYSCALL,    /* syscall: run on demand by somebody, never attached */
	PROGRAM_OTHER,      /* not supported */
};

struct model_program {
	const char *name;    /* the C function */
	const char *section; /* as in the file */
	enum program_kind kind;
	const char *category, *target; /* by kind; NULL where there is none */
	const char *unsupported;       /* why this version cannot run it, or NULL */
	uint32_t instructions;
	const char *attach_to; /* what the metadata says instead of the section, or NULL */
	bool is_disabled;      /* loaded, but not attached */
};

struct model_map {
	const char *name;
	uint32_t type; /* enum bpf_map_type */
	const char *type_name;
	uint32_t key_size, value_size, max_entries;
	bool is_shared; /* by its name, with whoever else has it in /sys/fs/bpf */
	/* The variable <map>_max_entries, which says how many it really gets, or NULL. */
	const struct model_param *sized_by;
};

struct model {
	const char *name;     /* the gadget's */
	const char *path;     /* where the object was found */
	const uint8_t *bytes; /* the object itself, as inspected */
	size_t size;
	const char *license;
	const struct metadata *metadata; /* what the gadget.yaml beside it says, or NULL */
	bool needs_btf;                  /* the kernel must bring its BTF */
	struct model_source *sources;
	struct model_program *programs;
	struct model_map *maps;
	struct model_param *params;
	uint32_t nsources, nprograms, nmaps, nparams;
	const char *discards; /* the per-CPU map that counts records never sent, or NULL */
	const char **needs;   /* what must be there to run it, in words */
	uint32_t nneeds;
};

/*
 * Whether this version can run the gadget: it has a data source, and nothing in
 * it is unsupported.  Else -EOPNOTSUPP and the first reason.
 */
int model_check(const struct model *model, struct error *err) __attribute__((warn_unused_result));

/* The param with that key, else with that variable name; NULL when there is none. */
const struct model_param *model_param_find(const struct model *model, const char *key);

/* The data source with that name, or NULL. */
const struct model_source *model_source_find(const struct model *model, const char *name);

/* What a ring of at least that many bytes must have: a power of two, of pages. */
uint64_t model_ring_size(uint64_t bytes);

/* Whether rows say themselves how long a part of them is (LAYOUT_REST). */
bool model_has_rest(const struct model_source *source);

/* Whether all that a row of at least row_min bytes says it has is there. */
bool model_row_is_whole(const struct model_source *source, const uint8_t *row, uint32_t len);

const struct model_map *model_map_find(const struct model *model, const char *name);

#endif
