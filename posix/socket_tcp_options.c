/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* TCP's options, and what a control block must know of all options. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct tcp_info */
#endif
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <posix/socket_tcp.h>
#include <lwip/priv/tcp_priv.h>

void tcp_options_apply(struct socket *socket)
{
	struct tcp_socket *self = tcp_socket(socket);
	struct tcp_pcb *pcb = self->pcb;

	if (!pcb)
		return;
	if (socket->reuse_address)
		ip_set_option(pcb, SOF_REUSEADDR);
	else
		ip_reset_option(pcb, SOF_REUSEADDR);
	if (socket->keep_alive)
		ip_set_option(pcb, SOF_KEEPALIVE);
	else
		ip_reset_option(pcb, SOF_KEEPALIVE);
	if (self->state == TCP_LISTENING)
		return; /* the rest is not in a listener */
	if (self->no_delay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	pcb->keep_idle = (u32_t)self->keep_idle_s * 1000;
	pcb->keep_intvl = (u32_t)self->keep_interval_s * 1000;
	pcb->keep_cnt = (u32_t)self->keep_count;
	if (self->state == TCP_FRESH && !pcb->local_port) {
		IP_SET_TYPE_VAL(pcb->local_ip, socket_ip_type(socket));
		IP_SET_TYPE_VAL(pcb->remote_ip, socket_ip_type(socket));
	}
}

static void fill_info(const struct tcp_socket *self, struct tcp_info *info)
{
	/* Linux's numbers of the states, by lwIP's. */
	static const uint8_t states[] = { 7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6 };
	const struct tcp_pcb *pcb = self->pcb;

	memset(info, 0, sizeof(*info));
	info->tcpi_state = pcb ? states[pcb->state] : 7;
	if (!pcb || self->state == TCP_LISTENING)
		return;
	info->tcpi_snd_mss = info->tcpi_rcv_mss = pcb->mss;
	info->tcpi_retransmits = pcb->nrtx;
	info->tcpi_rto = (uint32_t)pcb->rto * TCP_SLOW_INTERVAL * 1000;
	info->tcpi_rtt = (uint32_t)(pcb->sa >> 3) * TCP_SLOW_INTERVAL * 1000;
	info->tcpi_rttvar = (uint32_t)(pcb->sv >> 2) * TCP_SLOW_INTERVAL * 1000;
	info->tcpi_snd_cwnd = pcb->mss ? pcb->cwnd / pcb->mss : 0;
	info->tcpi_snd_ssthresh = pcb->mss ? pcb->ssthresh / pcb->mss : 0;
	info->tcpi_rcv_space = pcb->rcv_wnd;
	info->tcpi_options = pcb->flags & TF_WND_SCALE ? 4 : 0;
}

static int positive(int value, int limit, int *out)
{
	if (value < 1 || value > limit)
		return -EINVAL;
	*out = value;
	return 0;
}

int tcp_option_set(struct socket *socket, int option, const void *from, socklen_t bytes)
{
	struct tcp_socket *self = tcp_socket(socket);
	int value, error = socket_option_number(from, bytes, &value);

	if (error)
		return error;
	switch (option) {
	case TCP_NODELAY:
		self->no_delay = value;
		break;
	case TCP_CORK:
		self->corked = value;
		if (!value)
			tcp_stream_push(self);
		return 0;
	case TCP_KEEPIDLE:
		error = positive(value, 32767, &self->keep_idle_s);
		break;
	case TCP_KEEPINTVL:
		error = positive(value, 32767, &self->keep_interval_s);
		break;
	case TCP_KEEPCNT:
		error = positive(value, 127, &self->keep_count);
		break;
	case TCP_QUICKACK: /* hints: nothing depends on them */
	case TCP_DEFER_ACCEPT:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
	if (!error)
		tcp_options_apply(socket);
	if (!error && option == TCP_NODELAY && value)
		tcp_stream_push(self);
	return error;
}

static int store(const void *value, socklen_t size, void *out, socklen_t *bytes)
{
	if (*bytes > size)
		*bytes = size;
	memcpy(out, value, *bytes);
	return 0;
}

int tcp_option_get(struct socket *socket, int option, void *out, socklen_t *bytes)
{
	struct tcp_socket *self = tcp_socket(socket);
	struct tcp_info info;
	int value;

	switch (option) {
	case TCP_NODELAY:
		value = self->no_delay;
		break;
	case TCP_CORK:
		value = self->corked;
		break;
	case TCP_MAXSEG:
		value = self->pcb && self->state == TCP_CONNECTED ? self->pcb->mss : 536;
		break;
	case TCP_KEEPIDLE:
		value = self->keep_idle_s;
		break;
	case TCP_KEEPINTVL:
		value = self->keep_interval_s;
		break;
	case TCP_KEEPCNT:
		value = self->keep_count;
		break;
	case TCP_CONGESTION:
		return store("reno", 5, out, bytes);
	case TCP_INFO:
		fill_info(self, &info);
		return store(&info, sizeof(info), out, bytes);
	default:
		return -ENOPROTOOPT;
	}
	return store(&value, sizeof(value), out, bytes);
}
