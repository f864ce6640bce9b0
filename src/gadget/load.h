/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: a gadget in the kernel, from verified programs to detached ones.
 *
 * The only part of the project that talks to libbpf about objects.  Programs
 * are loaded all or none, attached all or none; libbpf's own messages are
 * caught and what the kernel's verifier said last goes into the error.
 *
 * The counters only ever grow, from the load on, and can be read until
 * loaded_free(), also after detaching.
 */
#ifndef GADGET_LOAD_H
#define GADGET_LOAD_H

#include "gadget/model.h"
#include "gadget/settings.h"
#include "gadget/transport.h"

struct loaded;

/* What a map becomes that can be either: a ring, or a perf event array. */
enum load_transport { LOAD_AUTO, LOAD_RING, LOAD_PERF }; /* AUTO: as the kernel can */

struct load_options {
	uint64_t ring_size; /* bytes of each ring or buffer; 0: as the object says, or usual */
	enum load_transport transport;
	struct settings settings;
};

/*
 * Load the programs and make the maps; nothing is attached.  -EPERM says which
 * capabilities are missing; -EOPNOTSUPP what the kernel or this version lacks.
 */
int load_gadget(const struct model *model, const struct load_options *options,
		struct loaded **ret_loaded, struct error *err) __attribute__((warn_unused_result));

/* Attach every program that is not disabled, or none.  Takes some milliseconds for each. */
int loaded_attach(struct loaded *loaded, struct error *err) __attribute__((warn_unused_result));

/*
 * Detach every program and wait until none is running any more: the counters
 * are final after that, and what is in the rings is complete.  Blocks for tens
 * of milliseconds; may be called from any thread, but only one at a time.
 */
void loaded_detach(struct loaded *loaded);

/* What transport_open() needs to read the model's i-th data source. */
struct transport_map loaded_transport(const struct loaded *loaded, uint32_t source);

enum load_counter { LOAD_ATTEMPTS, LOAD_LOST };

/*
 * Read a per-CPU counter of a data source into per_cpu (loaded_cpus() numbers)
 * and return 0, or -ENOENT when the gadget does not keep it.
 */
int loaded_counter(const struct loaded *loaded, uint32_t source, enum load_counter counter,
		   uint64_t *per_cpu);

/* Records of all data sources that programs took back before they were sent, where that
 * leaves no trace in the transport. */
uint64_t loaded_discards(const struct loaded *loaded);

/* CPUs the kernel may ever have: the length of every per-CPU value. */
uint32_t loaded_cpus(const struct loaded *loaded);

/* Events the kernel did not run a program for, because it was running already;
 * of all programs. */
uint64_t loaded_missed(const struct loaded *loaded);

/* The descriptor of a program, for BPF_PROG_RUN; -ENOENT when there is none. */
int loaded_program_fd(const struct loaded *loaded, const char *name);

/* Detach what is attached and give everything back. */
void loaded_free(struct loaded *loaded);

#endif
