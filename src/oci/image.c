/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

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
	const struct descriptor *found = NULL;
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
	if (index->kind != DOCUMENT_INDEX)
		return error_set(err, EBADMSG, "'%s' is no index", top->digest);
	for (uint32_t i = 0; i < index->nitems; i++)
		if (fits(&index->items[i], architecture) &&
		    (!found || (!found->architecture && index->items[i].architecture)))
			found = &index->items[i];
	if (!found)
		return nothing_fits(index, architecture, err);
	*ret_index = index;
	*ret_manifest = *found;
	return 0;
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
	const struct document *manifest = NULL;
	struct image_contents c = { 0 };
	int r = image_manifest(store, arena, top, architecture, &c.index, &c.manifest_blob, err);

	if (r < 0)
		return r;
	r = store_document(store, arena, &c.manifest_blob, &manifest, err);
	if (r < 0)
		return r;
	if (manifest->kind != DOCUMENT_MANIFEST)
		return error_set(err, EBADMSG, "'%s' is no manifest", c.manifest_blob.digest);
	c.manifest = manifest;
	c.architecture = c.manifest_blob.architecture ? c.manifest_blob.architecture : "";
	r = read_layers(arena, &c, err);
	if (r == 0)
		*ret_contents = c;
	return r;
}

/* ---- all of it ------------------------------------------------------------- */

struct walk {
	const struct store *store;
	struct arena *arena;
	struct image_blobs blobs;
	struct error *err;
};

static bool is_document(const struct descriptor *d)
{
	return is_manifest(d) || !strcmp(d->media_type, MEDIA_INDEX) ||
	       !strcmp(d->media_type, MEDIA_DOCKER_LIST);
}

static bool is_known(const struct walk *w, const struct descriptor *d)
{
	for (uint32_t i = 0; i < w->blobs.n; i++)
		if (!strcmp(w->blobs.list[i].digest, d->digest))
			return true;
	return false;
}

static int walk_blob(struct walk *w, const struct descriptor *d, bool may_lack, unsigned depth);

/* The document is forgotten when it was walked through: there may be many large ones. */
static int walk_document(struct walk *w, const struct descriptor *d, unsigned depth)
{
	struct arena own = ARENA_INIT;
	const struct document *doc = NULL;
	bool is_index;
	int r = store_document(w->store, &own, d, &doc, w->err);

	if (r < 0)
		goto out;
	is_index = doc->kind == DOCUMENT_INDEX;
	if (!is_index)
		r = walk_blob(w, &doc->config, false, depth + 1);
	for (uint32_t i = 0; r == 0 && i < doc->nitems; i++)
		r = walk_blob(w, &doc->items[i], is_index, depth + 1);
out:
	arena_release(&own);
	return r;
}

static int walk_blob(struct walk *w, const struct descriptor *d, bool may_lack, unsigned depth)
{
	struct descriptor *kept;

	if (depth > IMAGE_MAX_DEPTH)
		return error_set(w->err, EBADMSG, "indexes are nested too deep");
	if (is_known(w, d))
		return 0;
	if (!store_has(w->store, d)) {
		if (may_lack)
			return 0;
		return error_set(w->err, ENOENT, "blob '%s' is missing", d->digest);
	}
	if (w->blobs.n == IMAGE_MAX_BLOBS)
		return error_set(w->err, E2BIG, "the image has more than %d blobs",
				 IMAGE_MAX_BLOBS);
	kept = &w->blobs.list[w->blobs.n++];
	*kept = (struct descriptor){
		.media_type = arena_strdup(w->arena, d->media_type),
		.digest = arena_strdup(w->arena, d->digest),
		.size = d->size,
	};
	w->blobs.bytes += d->size;
	return is_document(d) ? walk_document(w, d, depth) : 0;
}

int image_blobs(const struct store *store, struct arena *arena, const struct descriptor *top,
		struct image_blobs *ret_blobs, struct error *err)
{
	struct walk w = { .store = store, .arena = arena, .err = err };
	int r;

	w.blobs.list = arena_array(arena, IMAGE_MAX_BLOBS, sizeof(*w.blobs.list));
	r = walk_blob(&w, top, false, 0);
	if (r == 0)
		*ret_blobs = w.blobs;
	return r;
}

/* ---- when it was made -------------------------------------------------------- */

/* "Z", "+02:00"; the seconds to take away. */
static bool parse_offset(const char *text, int64_t *ret_seconds)
{
	unsigned hours, minutes;
	int used = 0;

	*ret_seconds = 0;
	if (!strcmp(text, "Z") || !strcmp(text, "z"))
		return true;
	if (*text != '+' && *text != '-')
		return false;
	if (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &used) != 2 || text[1 + used] ||
	    hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
	return true;
}

bool image_parse_time(const char *text, int64_t *ret_seconds)
{
	unsigned year, month, day, hour, minute, second;
	int64_t offset;
	struct tm tm;
	int used = 0;

	if (strspn(text, "0123456789") != 4 ||
	    sscanf(text, "%4u-%2u-%2u%*1[Tt ]%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute,
		   &second, &used) != 6)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	text += used;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	if (!parse_offset(text, &offset))
		return false;
	tm = (struct tm){
		.tm_year = (int)year - 1900,
		.tm_mon = (int)month - 1,
		.tm_mday = (int)day,
		.tm_hour = (int)hour,
		.tm_min = (int)minute,
		.tm_sec = (int)second,
	};
	*ret_seconds = (int64_t)timegm(&tm) - offset;
	return true;
}

static bool annotated_time(const struct annotations *annotations, int64_t *ret_seconds)
{
	const char *text = annotation_find(annotations, ANNOTATION_CREATED);

	return text && image_parse_time(text, ret_seconds);
}

bool image_created(const struct store *store, const struct descriptor *top, int64_t *ret_seconds)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	const struct document *doc = NULL;
	bool is_found = annotated_time(&top->annotations, ret_seconds);

	if (!is_found && is_document(top) && store_document(store, &arena, top, &doc, &err) == 0) {
		is_found = annotated_time(&doc->annotations, ret_seconds);
		for (uint32_t i = 0; !is_found && i < doc->nitems; i++)
			is_found = annotated_time(&doc->items[i].annotations, ret_seconds);
	}
	arena_release(&arena);
	return is_found;
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
