/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* How lwIP is built for Ferrule: the core with its raw API under one lock of ours
 * (net/stack.c), timers of ours (net/timers.c), sockets of ours (posix/socket*.c). */

#ifndef NET_LWIP_LWIPOPTS_H
#define NET_LWIP_LWIPOPTS_H

#include <stddef.h>
#include <stdint.h>

#define NO_SYS		     1
#define LWIP_TIMERS	     0 /* net/timers.c: no tick while nothing is due */
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET	     0
#define LWIP_NETCONN	     0
#define LWIP_STATS	     0
#define LWIP_SINGLE_NETIF    0
#define LWIP_NETIF_API	     0
#define LWIP_CALLBACK_API    1

/* Memory: everything from the kernel heap, so nothing has a number of its own. */
void *kmalloc(size_t bytes);
void *net_lwip_calloc(size_t count, size_t bytes);
void kfree(void *memory);
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC    kmalloc
#define MEM_CUSTOM_CALLOC    net_lwip_calloc
#define MEM_CUSTOM_FREE	     kfree
#define MEMP_MEM_MALLOC	     1
#define MEM_ALIGNMENT	     8

/* Buffers. The space before an Ethernet header takes the card's own header (12 bytes for
 * virtio-net), so that a frame in one piece is one descriptor. */
#define PBUF_LINK_ENCAPSULATION_HLEN 12
#define LWIP_SUPPORT_CUSTOM_PBUF     1
#define LWIP_NETIF_TX_SINGLE_PBUF    0
#define PBUF_POOL_BUFSIZE	     1536

/* Interfaces */
#define LWIP_IPV4     1
#define LWIP_IPV6     1
#define LWIP_ARP      1
#define LWIP_ETHERNET 1
#define LWIP_RAW      1
#define LWIP_UDP      1
#define LWIP_TCP      1
#define LWIP_ICMP     1
/* Every frame that comes in has room for the headers of its answer: a card's has them before
 * it (net/card_rx.c), a copy and the loopback's have PBUF_LINK. */
#define LWIP_ICMP_ECHO_CHECK_INPUT_PBUF_LEN 0
#define LWIP_ICMP6			    1
#define LWIP_IGMP			    0
#define LWIP_DHCP			    1
#define LWIP_DHCP_DOES_ACD_CHECK \
	0 /* seconds of waiting that hypervisors' leases don't need */
#define LWIP_ACD		      0
#define LWIP_AUTOIP		      0
#define LWIP_DNS		      1 /* keeps the servers; names are resolved by the C library */
#define DNS_MAX_SERVERS		      4
#define LWIP_HAVE_LOOPIF	      1
#define LWIP_NETIF_LOOPBACK	      1
#define LWIP_LOOPBACK_MAX_PBUFS	      0
#define LWIP_NETIF_HOSTNAME	      1
#define LWIP_NETIF_STATUS_CALLBACK    1
#define LWIP_NETIF_LINK_CALLBACK      0
#define LWIP_NETIF_HWADDRHINT	      1
#define LWIP_CHECKSUM_CTRL_PER_NETIF  1
#define ARP_TABLE_SIZE		      64
#define ARP_QUEUEING		      1
#define ARP_QUEUE_LEN		      16
#define ETHARP_SUPPORT_STATIC_ENTRIES 0

/* IP */
#define IP_FORWARD		       0
#define IP_REASSEMBLY		       1
#define IP_FRAG			       1
#define IP_REASS_MAX_PBUFS	       192 /* four datagrams of 64 KiB */
#define IP_SOF_BROADCAST	       1
#define IP_SOF_BROADCAST_RECV	       0
#define LWIP_IPV6_NUM_ADDRESSES	       4
#define LWIP_IPV6_AUTOCONFIG	       1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT  1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_IPV6_MLD		       1
#define LWIP_IPV6_DHCP6		       0
#define LWIP_IPV6_FRAG		       1
#define LWIP_IPV6_REASS		       1
#define LWIP_IPV6_SCOPES	       1
#define LWIP_ND6_QUEUEING	       1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_ND6_NUM_NEIGHBORS	       32
#define LWIP_ND6_NUM_DESTINATIONS      32
/* The first pbuf of a fragment has no room for pointers (64 bits) before its payload. */
#define IPV6_FRAG_COPYHEADER 1

/* UDP and RAW */
#define LWIP_UDPLITE		  0
#define LWIP_MULTICAST_TX_OPTIONS 1

/* TCP. Windows of 256 KiB: above that lwIP walks its unacknowledged list for too long. */
#define TCP_MSS			   8960 /* upper limit; the interface's MTU decides */
#define LWIP_WND_SCALE		   1
#define TCP_RCV_SCALE		   3
#define TCP_WND			   (256 * 1024)
#define TCP_SND_BUF		   (256 * 1024)
#define TCP_SND_QUEUELEN	   4096
#define TCP_SNDLOWAT		   16384
#define TCP_SNDQUEUELOWAT	   2048
#define TCP_QUEUE_OOSEQ		   1
#define TCP_OOSEQ_MAX_PBUFS	   512
#define LWIP_TCP_SACK_OUT	   1
#define LWIP_TCP_TIMESTAMPS	   0
#define LWIP_TCP_KEEPALIVE	   1
#define TCP_LISTEN_BACKLOG	   1 /* counts half-open connections; the full ones are ours */
#define TCP_DEFAULT_LISTEN_BACKLOG 0xff
#define TCP_MSL			   30000 /* TIME-WAIT of 60 s */
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define SO_REUSE		   1

/* RFC 6528: initial sequence numbers nobody can guess. */
struct ip_addr;
uint32_t net_lwip_isn(const struct ip_addr *local, uint16_t local_port,
		      const struct ip_addr *remote, uint16_t remote_port);
#define LWIP_HOOK_TCP_ISN net_lwip_isn

/* net/time_wait.c: of connections in TIME-WAIT, which are few, takes those that their peer
 * opens anew; and the number they begin with, which is beyond all that were used before. */
uint32_t net_time_wait_isn(uint32_t isn);
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;
signed char net_time_wait_input(struct tcp_pcb *pcb, struct tcp_hdr *head,
				uint16_t options, uint16_t options_before_data,
				struct pbuf *p);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, head, options, before_data, after, p) \
	((pcb)->state == TIME_WAIT                                            \
		 ? net_time_wait_input(pcb, head, options, before_data, p)    \
		 : ERR_OK)

#define CHECKSUM_CHECK_ICMP6 1

#endif
