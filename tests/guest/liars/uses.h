/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What is done with each kind of device: 0, a negative error, or WRONG. */

#ifndef LIARS_USES_H
#define LIARS_USES_H

#define WRONG 1

int use_blk(void);
int use_scsi(void);
int use_net(void);   /* a datagram to 10.0.2.2, port 7, and back */
int use_fs(void);    /* the folder /host: lists it, reads its file and its link */
int use_rng(void);   /* so many random bytes that the device is asked for more */
int use_vsock(void); /* a connection to port 7 of the host */

#endif
