/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Layouts of the modern PCI transport (VIRTIO 1.3 §4.1.4): its capabilities and its common
 * configuration. */

#ifndef VIRTIO_TRANSPORT_PCI_COMMON_H
#define VIRTIO_TRANSPORT_PCI_COMMON_H

/* struct virtio_pci_cap (§4.1.4). Never written, but for the window's [PCI-07]. */
#define CAPABILITY_VENDOR 0x09
#define CAP_LEN_TYPE	  0 /* id, next, length, type: one byte each */
#define CAP_BAR		  4
#define CAP_OFFSET	  8
#define CAP_BYTES	  12
#define CAP_MULTIPLIER	  16 /* notify only */
#define CAP_WINDOW_DATA	  16 /* window only */
#define CAP_SIZE	  16
#define CAP_NOTIFY_SIZE	  20
#define CAP_WINDOW_SIZE	  20

/* A structure, save the doorbells', that claims so much more than its fields need is not
 * mapped: page tables are ours. */
#define STRUCTURE_MORE_MAX 0x100000

enum {
	TYPE_COMMON = 1,
	TYPE_NOTIFY = 2,
	TYPE_ISR = 3,
	TYPE_DEVICE = 4,
	TYPE_WINDOW = 5, /* "PCI configuration access" (§4.1.4.9) */
};

/* struct virtio_pci_common_cfg (§4.1.4.3). Of these the driver writes the selects, its
 * features, the vectors, the status and the queue's size, enable, reset and addresses, and
 * no other [PCI-08]. */
#define DEVICE_FEATURE_SELECT 0
#define DEVICE_FEATURE	      4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE	      12
#define CONFIG_VECTOR	      16
#define DEVICE_STATUS	      20
#define CONFIG_GENERATION     21
#define QUEUE_SELECT	      22
#define QUEUE_SIZE	      24
#define QUEUE_VECTOR	      26
#define QUEUE_ENABLE	      28
#define QUEUE_NOTIFY_OFFSET   30
#define QUEUE_DESC	      32
#define QUEUE_DRIVER	      40
#define QUEUE_DEVICE	      48
#define COMMON_BYTES	      56
#define QUEUE_NOTIFY_DATA     56 /* with NOTIF_CONFIG_DATA, and so on: */
#define NOTIFY_DATA_BYTES     58
#define QUEUE_RESET	      58
#define QUEUE_RESET_BYTES     60

#endif
