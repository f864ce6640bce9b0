/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: "host:port" as users write it.
 *
 *     collector.example:24224    a name
 *     192.0.2.7                  without a port: the default one
 *     [2001:db8::7]:24224        IPv6 in brackets
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/error.h"

struct address {
	char host[254]; /* a name has at most 253 characters; without brackets */
	char port[6];   /* decimal, 1..65535 */
};

/* -EINVAL when it is neither of the above.  Does not look anything up. */
int address_parse(const char *text, const char *default_port, struct address *ret_address,
		  struct error *err) __attribute__((warn_unused_result));

#endif
