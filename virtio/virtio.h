/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The virtio device model, in the three parts of Russell's paper (§3):
 *
 *	driver (virtio/device/)  knows requests; never sees a bus
 *	virtqueue (virtio/ring/) knows buffers; knows neither bus nor device
 *	transport (virtio/transport/) knows registers; never sees a packet or a sector
 *
 * A driver declares what it needs and what it can use; virtio.c walks the device through
 * VIRTIO 1.3 §3.1.1 and calls probe() between FEATURES_OK and DRIVER_OK. */

#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/irq.h>
#include <kernel/linkset.h>
#include <kernel/time.h>
#include <virtio/features.h>
#include <virtio/ring/virtqueue.h>

enum virtio_device_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_ENTROPY = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_SCSI = 8,
	VIRTIO_ID_9P = 9,
	VIRTIO_ID_VSOCK = 19,
	VIRTIO_ID_FS = 26,
	VIRTIO_ID_PMEM = 27,
};

/* Device status bits (VIRTIO 1.3 §2.1). */
enum virtio_status {
	VIRTIO_STATUS_ACKNOWLEDGE = 1,
	VIRTIO_STATUS_DRIVER = 2,
	VIRTIO_STATUS_DRIVER_OK = 4,
	VIRTIO_STATUS_FEATURES_OK = 8,
	VIRTIO_STATUS_NEEDS_RESET = 64,
	VIRTIO_STATUS_FAILED = 128,
};

struct virtio_device;

/* A driver in the paper's sense: one per device type. */
struct virtio_driver {
	const char *name;
	uint32_t device_id;
	struct virtio_features required; /* without one of these: FAILED */
	struct virtio_features wanted; /* used if offered and their prerequisites hold */
	/* Dependencies between this device's own bits: `bit` needs one of `needs`. */
	const struct virtio_dependency *dependencies;
	unsigned dependency_count;

	/* Before negotiation: may clear bits of `wanted` by what the configuration of an
	 * offered feature holds (§3.1.1 step 4 allows reading it), or by what is linked in.
	 * May be NULL. */
	void (*validate)(struct virtio_device *device, struct virtio_features *wanted);
	/* Reads configuration, sets up queues (virtio_find_queues), may pre-fill them.
	 * Must not kick: DRIVER_OK comes after. 0, or -errno: the device is FAILED. */
	int (*probe)(struct virtio_device *device);
	/* After DRIVER_OK, in thread context: kick pre-filled queues, announce. May be NULL. */
	void (*ready)(struct virtio_device *device);
	/* Configuration changed; in interrupt context, may be spurious. May be NULL. */
	void (*config_changed)(struct virtio_device *device);
	/* The device broke a rule, needs a reset, or went away. Its queues are dead and it
	 * was reset: take back what is in flight (virtqueue_detach), fail it or keep it to
	 * be issued again. From a timer interrupt, once each time it breaks, so never
	 * under a lock of the driver's. May be NULL. */
	void (*broken)(struct virtio_device *device);

	/* After broken(), before restore() and before the queues of an unplugged device are
	 * freed: false while some thread is in the middle of a call that uses a queue in no
	 * lock; it is asked again a moment later. Thread context. NULL: always true. */
	bool (*quiet)(struct virtio_device *device);
	/* Bringing a broken device back, after broken(), in thread context: it was reset
	 * and the same features were negotiated again (§2.2.1). Asks for the same queues
	 * as probe() did (virtio_find_queues gives the same ones, empty again) and may
	 * pre-fill them; what users hold stays valid. Must not kick. 0, or -errno: broken()
	 * is called again and it is tried again, some times. NULL: it stays broken. */
	int (*restore)(struct virtio_device *device);
	/* After the DRIVER_OK that follows restore(): kick, go on. May be NULL. */
	void (*restored)(struct virtio_device *device);

	/* One queue broke a rule and was reset alone (RING_RESET, §2.6.1): take back what
	 * is in flight (virtqueue_detach), fail or keep it. Timer interrupt, under no
	 * lock. NULL: without this and queue_restored() the whole device is reset. */
	void (*queue_broken)(struct virtqueue *vq);
	/* The queue is empty and enabled again: refill and kick. The same context. */
	void (*queue_restored)(struct virtqueue *vq);
	/* Whether devices of the field are known to go on with the buffers of such a queue when
	 * it was reset, which they must not (§2.6.1.1): it is reset alone only when it has
	 * none. Any context. NULL: no queue is such a one; virtio_queue_leaks: each is. */
	bool (*queue_leaks)(const struct virtqueue *vq);
	/* Before queue_broken(), in a timer interrupt: false while some thread is in the middle
	 * of a call that uses the queue in no lock; it is asked again a moment later. NULL:
	 * always true. */
	bool (*queue_quiet)(const struct virtqueue *vq);

	/* After broken(), in thread context: the device was unplugged and does not come
	 * back. Users that still hold it get -ENODEV from here on. A second later, when
	 * nobody can be in the middle of a call any more, its queues are freed, the device,
	 * and what removed() put into device->leftover (kfree). NULL: nothing ever is. */
	void (*removed)(struct virtio_device *device);
};
/* Whoever links a driver gets the transports with it (virtio/transport/transports.c), and
 * what of the core an image can do without (virtio/complete.c). The console, which is in
 * every image, brings the transports alone. */
extern const void *const virtio_transports[], *const virtio_complete[];
#define VIRTIO_DRIVER(object)                            \
	static const void *const *const object##_core    \
		__attribute__((used)) = virtio_complete; \
	VIRTIO_DRIVER_BASIC(object)
#define VIRTIO_DRIVER_BASIC(object)                         \
	static const void *const *const object##_transports \
		__attribute__((used)) = virtio_transports;  \
	LINKSET_ENTRY(virtio_drivers, object)

/* A shared memory region (§2.10): memory of the device's that the driver maps. */
struct virtio_shared_memory {
	uint64_t phys;
	uint64_t bytes;
};

/* What a transport offers; a dozen functions, none knows a device type. */
struct virtio_transport {
	const char *name; /* "PCI", "PCI legacy" */
	bool legacy;	  /* no VERSION_1: §2.2.3 rules, native endian, 32 features */

	void (*features_get)(struct virtio_device *, struct virtio_features *offered);
	void (*features_set)(struct virtio_device *, const struct virtio_features *);
	uint8_t (*status_get)(struct virtio_device *);
	void (*status_set)(struct virtio_device *, uint8_t status); /* not for 0 */
	/* Writes 0 and waits until status reads 0, at most a second; -ETIMEDOUT after that:
	 * then the memory the device knows may never be reused (§2.4.2). */
	int (*reset)(struct virtio_device *);
	/* One access of width 1, 2 or 4, aligned. */
	uint32_t (*config_read)(struct virtio_device *, unsigned offset, unsigned width);
	void (*config_write)(struct virtio_device *, unsigned offset, unsigned width,
			     uint32_t value);
	uint32_t (*config_generation)(struct virtio_device *); /* legacy: always 0 */

	/* The most the device allows for queue `index`; 0: there is no such queue. */
	unsigned (*queue_size)(struct virtio_device *, unsigned index);
	/* Tells the device the ring's size and addresses, binds its vector, enables it and
	 * fills in vq->doorbell. -errno: refused. */
	int (*queue_enable)(struct virtio_device *, struct virtqueue *vq);
	/* §2.6.1 virtqueue reset: 0 when the device let go of the queue, -ETIMEDOUT; NULL:
	 * the transport has none. Only with RING_RESET. queue_enable() follows. */
	int (*queue_reset)(struct virtio_device *, struct virtqueue *vq);
	/* Rings the doorbell of a queue that has neither a register nor a port for it; NULL:
	 * each has one. Any context. */
	void (*notify)(struct virtqueue *vq);
	/* §2.10: the shared memory region of that id; false: there is none. NULL: never. */
	bool (*shared_memory)(struct virtio_device *, uint8_t id,
			      struct virtio_shared_memory *out);

	/* Attaches interrupts for `count` queues and configuration changes: a vector each,
	 * shared ones when there are few, a line when there are none. Handlers do nothing
	 * until the device is live. */
	int (*interrupts_attach)(struct virtio_device *, unsigned count);
	/* Also from a timer interrupt, and of a device that is `gone`: then without touching
	 * its registers. */
	void (*interrupts_detach)(struct virtio_device *);

	/* The last call for a device that was unplugged: nobody knows it any more, it can
	 * be freed. Thread context. NULL: it never is. */
	void (*release)(struct virtio_device *);
};

struct virtio_counters {
	uint64_t config_interrupts, spurious_interrupts;
	uint64_t resets, recoveries; /* of the device; back in service after one */
	uint64_t queue_resets;	     /* of one queue alone */
	uint64_t violations; /* rules it broke, and its own requests for a reset */
};

/* recovery.c's notes about a device; timer interrupts and its thread alone touch them. */
struct virtio_recovery {
	struct virtio_device *next; /* in line for the thread */
	bool busy;		    /* in line, or the thread is at it */
	bool hopeless;		    /* it stays out of service */
	bool unlisted;		    /* gone, and removed() was called */
	unsigned attempts;	    /* in a row, without a quiet while between them */
	uint64_t last_ns;	    /* the last one */
	unsigned queue_attempts;    /* the same of queues that were reset alone */
	uint64_t queue_last_ns;
	unsigned silences; /* for which it was reset, and `used` buffers did not change */
	uint64_t silent_used; /* since then; both under recovery.c's lock */
};

/* storm.c's notes: interrupts in vain since start_ns, with `used` buffers then. */
struct virtio_storm {
	uint64_t start_ns, used;
	unsigned count;
};

struct virtio_device {
	const struct virtio_transport *transport;
	const struct virtio_driver *driver;
	void *driver_data; /* the driver's */
	void *leftover;	   /* by removed(): freed together with the queues */
	uint32_t id;	   /* enum virtio_device_id, or one we do not know */
	char name[16];	   /* "net0", "block1": driver name and number, unique */
	unsigned number;   /* that one; virtio.c's */
	struct virtio_features offered;	   /* as first read; for display */
	struct virtio_features negotiated; /* the only copy that decisions look at */
	uint8_t status;			   /* as last written; virtio.c's */
	bool live;	/* DRIVER_OK was set; interrupts are served only then */
	bool was_live;	/* it was once: its driver knows it */
	bool settled;	/* virtio_device_add() is through with it */
	bool broken;	/* a rule was broken or the device is gone: no more requests */
	bool gone;	/* unplugged: its registers are not touched any more */
	bool restoring; /* between the reset and DRIVER_OK of a recovery */
	struct virtqueue **queues;
	unsigned queue_count;
	const char *interrupts; /* "MSI-X ×3", "INTx 11", "none": for display */
	char where[16];		/* "pci 0:03.0", by the transport: for display */
	struct virtio_counters counters;
	struct virtio_storm storm;
	struct timer recovery; /* recovery.c's, as the next */
	struct virtio_recovery recovering;
	struct timer queue_recovery; /* queue_recovery.c's */
	struct virtio_device *next;
};

/* All devices found by any transport, in the order of their finding. One that was unplugged
 * leaves the list, but lasts a second longer: whoever walks it needs no lock. */
extern struct virtio_device *virtio_devices;

static inline bool virtio_has(const struct virtio_device *device, unsigned feature)
{
	return virtio_features_has(&device->negotiated, feature);
}

/* Whether a driver for that type is linked in. */
bool virtio_driver_linked(uint32_t id);

/* From a transport: a device was found. Initialises it with the driver that is linked
 * in for its type, if any. Returns -errno when initialisation failed (FAILED is set). */
int virtio_device_add(struct virtio_device *device);

/* For drivers, in probe: one virtqueue per entry of `wanted`; an entry with size_max 0
 * takes the device's size. The queue is allocated, enabled and has its callback; its
 * interrupts start with DRIVER_OK. 0 or -errno; on error all are gone again. */
struct virtqueue_wanted {
	const char *name;
	unsigned index;	   /* queue number of the device type */
	unsigned size_max; /* 0: no limit of ours */
	/* Interrupt context; NULL: this queue never wants an interrupt (it is polled). */
	void (*callback)(struct virtqueue *vq);
	/* Pieces our usual buffers have at most: what an indirect table has room for (size
	 * × this × 16 bytes of memory). 1: no tables. 0: 16. Longer buffers still work, as
	 * chains. */
	unsigned pieces_max;
};
int virtio_find_queues(struct virtio_device *device,
		       const struct virtqueue_wanted *wanted, unsigned count,
		       struct virtqueue **queues);

/* Configuration space. Reads of several fields or of 64 bits run in a bounded generation
 * loop (§2.5.1); fields keep their natural width (§4.1.3.1); bytes come out in CPU order. A
 * field of a feature is read only where that is negotiated (in validate(): offered)
 * [CFG-03], and none is written but those that §5 has the driver write [CFG-10]. */
uint8_t virtio_config_read8(struct virtio_device *device, unsigned offset);
uint16_t virtio_config_read16(struct virtio_device *device, unsigned offset);
uint32_t virtio_config_read32(struct virtio_device *device, unsigned offset);
uint64_t virtio_config_read64(struct virtio_device *device, unsigned offset);
void virtio_config_read_bytes(struct virtio_device *device, unsigned offset, void *out,
			      unsigned bytes);
void virtio_config_write8(struct virtio_device *device, unsigned offset, uint8_t value);
void virtio_config_write16(struct virtio_device *device, unsigned offset, uint16_t value);
void virtio_config_write32(struct virtio_device *device, unsigned offset, uint32_t value);

/* Marks the device and its queues broken at once; resets it and calls the driver's
 * broken() from a timer interrupt as soon as interrupts are on, then brings it back
 * (recovery.c). Any context, also under the driver's locks; what comes after the first
 * time is ignored. */
void virtio_device_break(struct virtio_device *device, const char *why);

/* The same for one queue: where RING_RESET was negotiated it alone is reset (§2.6.1), and
 * comes back by queue_broken() and queue_restored() of the driver; else the device is. */
void virtio_queue_break(struct virtqueue *vq, const char *why);
bool virtio_queue_leaks(const struct virtqueue *vq); /* true: for struct virtio_driver */

/* For a driver that waited in vain: looks whether the device asks for a reset or went
 * away (§2.1.1). True: it is broken, as after virtio_device_break(). False: by its own
 * account it is well; the driver decides. Any context. */
bool virtio_device_suspect(struct virtio_device *device);

/* The same, and one that says it is well is broken for its silence. One that is reset for that
 * again and again, and between used no buffer of its queues from `first` on, stays out of
 * service: until it is plugged in anew, its callers get errors. */
void virtio_device_silent(struct virtio_device *device, unsigned first, const char *why);

/* From a transport's interrupt handler. */
void virtio_interrupt_config(struct virtio_device *device);
bool virtio_interrupt_queue(struct virtqueue *vq); /* a vector of its own; true */
void virtio_interrupt_queues(
	struct virtio_device *device); /* all queues: shared vector */

/* From a transport, any context: the device was unplugged. Its registers are not touched
 * any more; broken() and removed() of its driver follow. */
void virtio_device_gone(struct virtio_device *device);

/* Orderly end: every device is reset so that nothing is written after us (§3.3). */
void virtio_shutdown(void);

#endif
