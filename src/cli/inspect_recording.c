/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspect_recording.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "recording/reader.h"

/* RFC 3339 in UTC; "-" for a time nobody knows. */
static const char *moment(struct arena *arena, int64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char text[40];
	struct tm tm;

	if (ns <= 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return "-";
	return arena_printf(arena, "%s.%09" PRId64 "Z", text, ns % NS_PER_S);
}

/* Text of a file somebody else made must not drive the terminal. */
static const char *plain(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return copy;
}

/* ---- as text ------------------------------------------------------------- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_session(struct arena *arena, const struct recording_session *s, uint32_t number)
{
	(void)printf("\nSession %u: %s on %s (%s, kernel %s) by %s%s\n", number + 1,
		     moment(arena, s->head.created_ns), plain(arena, s->head.host),
		     plain(arena, s->head.machine), plain(arena, s->head.kernel),
		     plain(arena, s->head.program),
		     s->has_end ? "" : "; it was not ended in order");
	(void)printf("  %" PRIu64 " record%s in %" PRIu64 " block%s, %" PRIu64
		     " bytes packed from %" PRIu64 "\n",
		     s->records, plural(s->records), s->blocks, plural(s->blocks), s->stored,
		     s->raw);
	if (s->records)
		(void)printf("  from %s to %s\n", moment(arena, s->first_ns),
			     moment(arena, s->last_ns));
	(void)printf("  %" PRIu64 " record%s lost, in %" PRIu64 " place%s\n", s->lost,
		     plural(s->lost), s->losses, plural(s->losses));
}

static void print_stream(struct arena *arena, const struct recording_stream *s)
{
	(void)printf("  %s from %s (%s), %s\n", plain(arena, s->schema->event),
		     plain(arena, s->schema->source), plain(arena, s->gadget),
		     s->schema->seq_at == SCHEMA_NO_SEQ ? "not numbered" : "numbered");
	for (uint32_t i = 0; i < s->schema->nfields; i++)
		if (s->schema->fields[i].name[0] != '@')
			(void)printf("    %-24s %s\n", plain(arena, s->schema->fields[i].name),
				     type_name((enum type)s->schema->fields[i].type));
}

static void print_text(struct arena *arena, const struct recording *rec)
{
	(void)printf("%s: a recording, %" PRIu64 " bytes\n", plain(arena, rec->path), rec->size);
	if (rec->torn)
		(void)printf("The last %" PRIu64
			     " bytes are torn; everything in front of them can be "
			     "replayed\n",
			     rec->torn);
	for (uint32_t i = 0; i < rec->nsessions; i++)
		print_session(arena, &rec->sessions[i], i);
	(void)puts("\nRecords:");
	for (uint32_t i = 0; i < rec->nstreams; i++)
		print_stream(arena, &rec->streams[i]);
}

/* ---- as JSON ------------------------------------------------------------- */

/* Text that is no UTF-8 is null. */
static void set_text(json_t *object, const char *key, const char *text)
{
	json_t *value = json_string(text);

	(void)json_object_set_new(object, key, value ? value : json_null());
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *session_json(struct arena *arena, const struct recording_session *s)
{
	json_t *o = json_object(), *kinds = json_array();

	for (uint32_t i = 0; i < s->nschemas; i++)
		(void)json_array_append_new(kinds, json_integer(s->streams[i]));
	set_text(o, "created", moment(arena, s->head.created_ns));
	set_text(o, "host", s->head.host);
	set_text(o, "machine", s->head.machine);
	set_text(o, "kernel", s->head.kernel);
	set_text(o, "program", s->head.program);
	set_text(o, "boot", s->head.boot);
	(void)json_object_set_new(o, "ended", json_boolean(s->has_end));
	set_number(o, "records", s->records);
	set_number(o, "blocks", s->blocks);
	set_number(o, "bytes", s->stored);
	set_number(o, "bytes_unpacked", s->raw);
	set_number(o, "lost", s->lost);
	set_text(o, "first", moment(arena, s->first_ns));
	set_text(o, "last", moment(arena, s->last_ns));
	(void)json_object_set_new(o, "kinds", kinds);
	return o;
}

static json_t *stream_json(const struct recording_stream *s)
{
	json_error_t why;
	json_t *o = json_object();

	set_text(o, "event", s->schema->event);
	set_text(o, "source", s->schema->source);
	set_text(o, "gadget", s->gadget);
	(void)json_object_set_new(o, "schema", json_loadb(s->document, s->document_len, 0, &why));
	return o;
}

static void print_json(struct arena *arena, const struct recording *rec)
{
	json_t *root = json_object(), *sessions = json_array(), *kinds = json_array();

	for (uint32_t i = 0; i < rec->nsessions; i++)
		(void)json_array_append_new(sessions, session_json(arena, &rec->sessions[i]));
	for (uint32_t i = 0; i < rec->nstreams; i++)
		(void)json_array_append_new(kinds, stream_json(&rec->streams[i]));
	set_text(root, "path", rec->path);
	set_number(root, "format", RECORDING_VERSION);
	set_number(root, "bytes", rec->size);
	set_number(root, "torn", rec->torn);
	(void)json_object_set_new(root, "sessions", sessions);
	(void)json_object_set_new(root, "kinds", kinds);
	(void)json_dumpf(root, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(root);
}

enum exit_status inspect_recording(const char *path, bool as_json, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct recording rec;

	if (recording_open(&rec, arena, path, &err) < 0)
		return exit_report(&err, STATUS_FAILED);
	if (as_json)
		print_json(arena, &rec);
	else
		print_text(arena, &rec);
	recording_close(&rec);
	return STATUS_OK;
}
