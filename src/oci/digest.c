/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const struct algorithm {
	const char *prefix;
	size_t nhex;
	const EVP_MD *(*md)(void);
} algorithms[] = {
	{ "sha256:", 64, EVP_sha256 },
	{ "sha512:", 128, EVP_sha512 },
};

struct digest_check {
	EVP_MD_CTX *context;
	const struct algorithm *algorithm;
	char expected[DIGEST_TEXT_MAX + 1]; /* "": none */
};

static bool is_hex(const char *text, size_t len)
{
	return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static const struct algorithm *algorithm_of(const char *digest)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		size_t len = strlen(algorithms[i].prefix);

		if (!strncmp(digest, algorithms[i].prefix, len) &&
		    is_hex(digest + len, algorithms[i].nhex))
			return &algorithms[i];
	}
	return NULL;
}

bool digest_is_valid(const char *digest)
{
	return digest && algorithm_of(digest);
}

const char *digest_hex(const char *digest)
{
	return strchr(digest, ':') + 1;
}

struct digest_check *digest_begin(const char *digest)
{
	struct digest_check *check = xcalloc(1, sizeof(*check));

	check->algorithm = digest ? algorithm_of(digest) : &algorithms[0];
	if (digest)
		memcpy(check->expected, digest, strlen(digest));
	check->context = EVP_MD_CTX_new();
	/* It fails only without memory, or when the library is crippled. */
	if (!check->context || !EVP_DigestInit_ex(check->context, check->algorithm->md(), NULL))
		abort();
	return check;
}

void digest_add(struct digest_check *check, const void *bytes, size_t len)
{
	if (!EVP_DigestUpdate(check->context, bytes, len))
		abort();
}

bool digest_end(struct digest_check *check, char *ret_digest)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	char text[DIGEST_TEXT_MAX + 1], *out;
	unsigned len = 0;
	bool is_right;

	if (!EVP_DigestFinal_ex(check->context, hash, &len))
		abort();
	out = stpncpy(text, check->algorithm->prefix, sizeof(text));
	for (unsigned i = 0; i < len; i++) {
		*out++ = digits[hash[i] >> 4];
		*out++ = digits[hash[i] & 15];
	}
	*out = 0;
	is_right = !check->expected[0] || !strcmp(text, check->expected);
	if (ret_digest)
		memcpy(ret_digest, text, (size_t)(out - text) + 1);
	EVP_MD_CTX_free(check->context);
	free(check);
	return is_right;
}

const char *digest_of(struct arena *arena, const void *bytes, size_t len)
{
	struct digest_check *check = digest_begin(NULL);
	char text[DIGEST_TEXT_MAX + 1];

	digest_add(check, bytes, len);
	(void)digest_end(check, text);
	return arena_strdup(arena, text);
}

bool digest_matches(const char *digest, const void *bytes, size_t len)
{
	struct digest_check *check = digest_begin(digest);

	digest_add(check, bytes, len);
	return digest_end(check, NULL);
}
