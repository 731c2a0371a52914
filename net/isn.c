/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Initial sequence numbers of TCP (RFC 6528): a clock of 4 µs, so that a connection reused
 * soon starts above its predecessor, plus a keyed hash of the connection, so that who sees
 * one cannot guess another. The hash is SipHash-2-4. */

#include <arch/cc.h>
#include <lwip/opt.h>
#include <lwip/ip_addr.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/time.h>

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t siphash(const uint64_t key[2], const uint64_t *words, unsigned count)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)count * 8 << 56;

	for (unsigned i = 0; i <= count; i++) {
		uint64_t word = i < count ? words[i] : last;

		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Two words of an address; what an IPv4 address leaves unused is zero. */
static void address_words(uint64_t out[2], const ip_addr_t *address)
{
	out[0] = out[1] = 0;
	if (IP_IS_V6(address))
		__builtin_memcpy(out, ip_2_ip6(address)->addr, 16);
	else
		__builtin_memcpy(out, &ip_2_ip4(address)->addr, 4);
}

uint32_t net_lwip_isn(const struct ip_addr *local, uint16_t local_port,
		      const struct ip_addr *remote, uint16_t remote_port)
{
	static uint64_t key[2]; /* under net_lock(); made at the first connection */
	uint64_t words[5];

	if (!key[0] && !key[1])
		ferrule_entropy_read(key, sizeof(key));
	address_words(&words[0], local);
	address_words(&words[2], remote);
	words[4] = (uint64_t)local_port << 16 | remote_port;
	return net_time_wait_isn((uint32_t)(clock_ns() >> 12) +
				 (uint32_t)siphash(key, words, 5));
}
