/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between struct sockaddr and lwIP's addresses. An AF_INET6 socket that is not V6ONLY
 * speaks IPv4 with mapped addresses (RFC 3493 §3.7). */

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <string.h>
#include <posix/pointer.h>
#include <posix/socket.h>
#include <lwip/netif.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

uint8_t socket_ip_type(const struct socket *socket)
{
	if (socket->family == AF_INET)
		return IPADDR_TYPE_V4;
	return socket->v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

static int parse_ipv6(const struct socket *socket, const struct sockaddr_in6 *from,
		      ip_addr_t *address)
{
	const uint8_t *bytes = from->sin6_addr.s6_addr;

	memset(address, 0, sizeof(*address));
	if (!memcmp(bytes, mapped_prefix, 12)) {
		if (socket->v6only)
			return -ENETUNREACH;
		IP_SET_TYPE_VAL(*address, IPADDR_TYPE_V4);
		__builtin_memcpy(&ip_2_ip4(address)->addr, bytes + 12, 4);
		return 0;
	}
	IP_SET_TYPE_VAL(*address, IPADDR_TYPE_V6);
	__builtin_memcpy(ip_2_ip6(address)->addr, bytes, 16);
	if (ip6_addr_has_scope(ip_2_ip6(address), IP6_UNKNOWN))
		ip6_addr_set_zone(ip_2_ip6(address), (u8_t)from->sin6_scope_id);
	return 0;
}

/* AF_VSOCK: the first words of the address hold the context id and the port. */
static int parse_vsock(const struct sockaddr_vm *from, socklen_t bytes,
		       ip_addr_t *address)
{
	if (bytes < sizeof(*from) || from->svm_flags & ~VMADDR_FLAG_TO_HOST)
		return -EINVAL;
	memset(address, 0, sizeof(*address));
	ip_2_ip6(address)->addr[0] = from->svm_cid;
	ip_2_ip6(address)->addr[1] = from->svm_port;
	return 0;
}

int socket_address_parse(const struct socket *socket, const struct sockaddr *from,
			 socklen_t bytes, ip_addr_t *address, uint16_t *port)
{
	if ((int)bytes < (int)sizeof(sa_family_t))
		return -EINVAL;
	if (buffer_is_bad(from, bytes))
		return -EFAULT;
	if (from->sa_family != socket->family)
		return socket->family == AF_VSOCK ? -EINVAL : -EAFNOSUPPORT;
	if (socket->family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)from;

		if (bytes < sizeof(*in))
			return -EINVAL;
		memset(address, 0, sizeof(*address));
		IP_SET_TYPE_VAL(*address, IPADDR_TYPE_V4);
		ip_2_ip4(address)->addr = in->sin_addr.s_addr;
		*port = lwip_ntohs(in->sin_port);
		return 0;
	}
	if (socket->family == AF_VSOCK) {
		*port = 0;
		return parse_vsock((const struct sockaddr_vm *)from, bytes, address);
	}
	if (bytes < offsetof(struct sockaddr_in6, sin6_scope_id) + 4)
		return -EINVAL;
	*port = lwip_ntohs(((const struct sockaddr_in6 *)from)->sin6_port);
	return parse_ipv6(socket, (const struct sockaddr_in6 *)from, address);
}

static void fill_ipv6(struct sockaddr_in6 *out, const ip_addr_t *address, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	out->sin6_family = AF_INET6;
	out->sin6_port = lwip_htons(port);
	if (IP_IS_V6(address)) {
		__builtin_memcpy(&out->sin6_addr, ip_2_ip6(address)->addr, 16);
		out->sin6_scope_id = ip6_addr_zone(ip_2_ip6(address));
	} else if (!ip4_addr_isany(ip_2_ip4(address))) {
		__builtin_memcpy(&out->sin6_addr, mapped_prefix, 12);
		__builtin_memcpy((uint8_t *)&out->sin6_addr + 12,
				 &ip_2_ip4(address)->addr, 4);
	}
}

static int store(const void *name, socklen_t size, struct sockaddr *to, socklen_t *bytes)
{
	if (*bytes == size && size == sizeof(struct sockaddr_in))
		__builtin_memcpy(to, name, sizeof(struct sockaddr_in)); /* as most ask */
	else
		memcpy(to, name, *bytes < size ? *bytes : size);
	*bytes = size;
	return 0;
}

int socket_address_store(const struct socket *socket, const ip_addr_t *address,
			 uint16_t port, struct sockaddr *to, socklen_t *bytes)
{
	struct sockaddr_in6 in6;
	socklen_t room;

	if (buffer_is_bad(bytes, sizeof(*bytes)))
		return -EFAULT;
	room = *bytes;
	if ((int)room < 0)
		return -EINVAL;
	if (buffer_is_bad(to, room))
		return -EFAULT;
	if (socket->family == AF_INET) {
		struct sockaddr_in in = { .sin_family = AF_INET,
					  .sin_port = lwip_htons(port),
					  .sin_addr.s_addr = ip_2_ip4(address)->addr };

		return store(&in, sizeof(in), to, bytes);
	}
	if (socket->family == AF_UNIX) /* no name: the family alone */
		return store(&socket->family, sizeof(socket->family), to, bytes);
	if (socket->family == AF_VSOCK) {
		struct sockaddr_vm vm = { .svm_family = AF_VSOCK,
					  .svm_cid = ip_2_ip6(address)->addr[0],
					  .svm_port = ip_2_ip6(address)->addr[1] };

		return store(&vm, sizeof(vm), to, bytes);
	}
	fill_ipv6(&in6, address, port);
	return store(&in6, sizeof(in6), to, bytes);
}

bool socket_address_is_local(const ip_addr_t *address)
{
	struct netif *netif;

	if (IP_IS_V4(address) && ip4_addr_isloopback(ip_2_ip4(address)))
		return true;
	NETIF_FOREACH(netif)
	{
		if (IP_IS_V6(address)
			    ? netif_get_ip6_addr_match(netif, ip_2_ip6(address)) >= 0
			    : ip4_addr_eq(netif_ip4_addr(netif), ip_2_ip4(address)))
			return true;
	}
	return false;
}

void socket_address_loopback(ip_addr_t *address)
{
	if (!ip_addr_isany(address))
		return;
	if (IP_IS_V6(address))
		IP_ADDR6_HOST(address, 0, 0, 0, 1);
	else
		ip4_addr_set_loopback(ip_2_ip4(address));
}
