/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The filter on the owner of a socket: what filter.h and sockets-map.h have together.
 * Whichever of the two comes second includes this.
 */
#ifndef GADGET_FILTER_SOCKET_H
#define GADGET_FILTER_SOCKET_H

/*
 * True when the socket's owner is not one the user asked for.  `socket` comes from
 * gadget_socket_lookup(); an owner nobody knows (NULL) is wanted only when nothing
 * at all was asked for.
 */
static __always_inline bool
gadget_should_discard_data_by_skb(const struct gadget_socket_value *socket)
{
	bool is_asked = gadget_filter_by_mntns || targ_pid || targ_tid ||
			targ_uid != GADGET_INVALID_ID || targ_gid != GADGET_INVALID_ID ||
			targ_comm[0];

	if (!is_asked)
		return false;
	if (!socket)
		return true;
	return gadget_should_discard_data(socket->mntns, (__u32)(socket->pid_tgid >> 32),
					  (__u32)socket->pid_tgid, socket->task,
					  (__u32)socket->uid_gid, (__u32)(socket->uid_gid >> 32));
}

#endif
