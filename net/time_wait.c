/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A peer that opens a connection anew, from the port of one that is in TIME-WAIT here: behind
 * an address translator, or on a busy client, that is soon. lwIP alone would answer as to a
 * late segment of the old one, for a minute. It is taken, as by others, where no segment of
 * the old connection can be meant (RFC 9293 §3.6.1, MAY-2). */

#include <arch/cc.h>
#include <lwip/opt.h>
#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <stdbool.h>

#define ABOVE 65537 /* beyond any window of the old connection that is not scaled */

/* Under net_lock(): while such a connection is taken. */
static bool reopening;
static uint32_t last_sent;

uint32_t net_time_wait_isn(uint32_t isn)
{
	return reopening && TCP_SEQ_LEQ(isn, last_sent) ? last_sent + ABOVE : isn;
}

/* As it was before tcp_input() looked at it. */
static bool restore(struct tcp_hdr *head, uint16_t options, struct pbuf *p)
{
	if (pbuf_add_header_force(p, TCP_HLEN + (size_t)options))
		return false;
	head->src = lwip_htons(head->src);
	head->dest = lwip_htons(head->dest);
	head->seqno = lwip_htonl(head->seqno);
	head->ackno = lwip_htonl(head->ackno);
	head->wnd = lwip_htons(head->wnd);
	return true;
}

err_t net_time_wait_input(struct tcp_pcb *pcb, struct tcp_hdr *head, uint16_t options,
			  uint16_t options_before_data, struct pbuf *p)
{
	unsigned flags = TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	if (flags != TCP_SYN || TCP_SEQ_LEQ(head->seqno, pcb->rcv_nxt) ||
	    options != options_before_data || !restore(head, options, p))
		return ERR_OK;
	last_sent = pcb->snd_nxt;
	tcp_abort(pcb);
	pbuf_ref(p); /* who called gives it up as well */
	reopening = true;
	tcp_input(p, ip_current_input_netif());
	reopening = false;
	return ERR_ABRT;
}
