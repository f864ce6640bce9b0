/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/buf.h"

const char *image_host_architecture(void)
{
	static const struct {
		const char *machine, *architecture;
	} names[] = { { "x86_64", "amd64" },
		      { "aarch64", "arm64" },
		      { "riscv64", "riscv64" },
		      { "ppc64le", "ppc64le" },
		      { "s390x", "s390x" } };
	struct utsname host;

	if (uname(&host) == 0)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (!strcmp(host.machine, names[i].machine))
				return names[i].architecture;
	return "unknown";
}

/* ---- the manifest ---------------------------------------------------------- */

static bool is_manifest(const struct descriptor *d)
{
	return !strcmp(d->media_type, MEDIA_MANIFEST) ||
	       !strcmp(d->media_type, MEDIA_DOCKER_MANIFEST);
}

static bool fits(const struct descriptor *d, const char *architecture)
{
	/* An attestation that a builder has put beside is for "unknown". */
	return is_manifest(d) && (!d->architecture || !strcmp(d->architecture, architecture)) &&
	       (!d->os || !strcmp(d->os, "linux"));
}

static int nothing_fits(const struct document *index, const char *architecture, struct error *err)
{
	struct buf names;
	int r;

	buf_init(&names, 256);
	for (uint32_t i = 0; i < index->nitems; i++)
		if (is_manifest(&index->items[i]) && index->items[i].architecture)
			(void)buf_printf(&names, "%s%s", names.len ? ", " : "",
					 index->items[i].architecture);
	r = error_set(err, ENOEXEC, "the image holds nothing for %s (it has %.*s)", architecture,
		      names.len ? (int)names.len : 7, names.len ? (char *)names.data : "nothing");
	buf_release(&names);
	return r;
}

int image_manifest(const struct store *store, struct arena *arena, const struct descriptor *top,
		   const char *architecture, const struct document **ret_index,
		   struct descriptor *ret_manifest, struct error *err)
{
	const struct document *index = NULL;
	int r;

	*ret_index = NULL;
	if (is_manifest(top)) {
		*ret_manifest = *top;
		return 0;
	}
	r = store_document(store, arena, top, &index, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < index->nitems; i++) {
		if (!fits(&index->items[i], architecture))
			continue;
		*ret_index = index;
		*ret_manifest = index->items[i];
		return 0;
	}
	return nothing_fits(index, architecture, err);
}

/* ---- layers ---------------------------------------------------------------- */

/* What is known by its media type; older builders have titles instead. */
static const struct {
	const char *media_type, *what, *title;
	bool is_used;
} kinds[] = {
	{ MEDIA_GADGET_EBPF, "eBPF", "program.o", true },
	{ MEDIA_GADGET_WASM, "wasm", "program.wasm", false },
	{ MEDIA_GADGET_BTFGEN, "BTF", NULL, false },
	{ "application/ebpf.oci.image.program.v1+binary", "eBPF", "program.o", true },
};

static void name_layer(struct image_layer *layer)
{
	const char *title = annotation_find(&layer->blob.annotations, ANNOTATION_TITLE);

	layer->what = layer->blob.media_type;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		bool by_title = title && kinds[i].title && !strcmp(title, kinds[i].title);

		if (strcmp(layer->blob.media_type, kinds[i].media_type) != 0 && !by_title)
			continue;
		layer->what = kinds[i].what;
		layer->is_used = kinds[i].is_used;
		return;
	}
}

static bool is_config(const struct descriptor *d)
{
	const char *title = annotation_find(&d->annotations, ANNOTATION_TITLE);

	return !strcmp(d->media_type, MEDIA_GADGET_CONFIG) ||
	       (title && (!strcmp(title, "config.yaml") || !strcmp(title, "gadget.yaml")));
}

static int read_layers(struct arena *arena, struct image_contents *c, struct error *err)
{
	const struct document *m = c->manifest;

	c->layers = arena_array(arena, m->nitems, sizeof(*c->layers));
	if (is_config(&m->config))
		c->config = &m->config;
	for (uint32_t i = 0; i < m->nitems; i++) {
		struct image_layer *layer = &c->layers[c->nlayers];

		if (!c->config && is_config(&m->items[i])) {
			c->config = &m->items[i];
			continue;
		}
		layer->blob = m->items[i];
		name_layer(layer);
		c->nlayers++;
		if (strcmp(layer->what, "eBPF") != 0)
			continue;
		if (c->program)
			return error_set(err, EBADMSG, "the image has two eBPF programs");
		c->program = &m->items[i];
	}
	return 0;
}

int image_open(const struct store *store, struct arena *arena, const struct descriptor *top,
	       const char *architecture, struct image_contents *ret_contents, struct error *err)
{
	struct image_contents c = { 0 };
	int r = image_manifest(store, arena, top, architecture, &c.index, &c.manifest_blob, err);

	if (r == 0)
		r = store_document(store, arena, &c.manifest_blob, &c.manifest, err);
	if (r < 0)
		return r;
	if (c.manifest->kind != DOCUMENT_MANIFEST)
		return error_set(err, EBADMSG, "'%s' is no manifest", c.manifest_blob.digest);
	c.architecture = c.manifest_blob.architecture ? c.manifest_blob.architecture : "";
	r = read_layers(arena, &c, err);
	if (r == 0)
		*ret_contents = c;
	return r;
}

bool image_is_complete(const struct store *store, const struct descriptor *top,
		       const char *architecture)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct image_contents c;
	bool is_complete = false;

	if (image_open(store, &arena, top, architecture, &c, &err) < 0)
		goto out;
	is_complete = store_has(store, &c.manifest->config);
	for (uint32_t i = 0; i < c.manifest->nitems; i++)
		is_complete &= store_has(store, &c.manifest->items[i]);
out:
	arena_release(&arena);
	return is_complete;
}
