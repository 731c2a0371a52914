/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A fault on purpose: with FERRULE_QTEST_REFUSE=N in the environment feature N is not
 * accepted, whatever was decided (--wrap=virtio_features_negotiate). */

#include <stdlib.h>
#include <virtio/core.h>

int __wrap_virtio_features_negotiate(const struct virtio_device *device,
				     const struct virtio_driver *driver,
				     const struct virtio_features *wanted,
				     struct virtio_features *accepted);
int __real_virtio_features_negotiate(const struct virtio_device *device,
				     const struct virtio_driver *driver,
				     const struct virtio_features *wanted,
				     struct virtio_features *accepted);

int __wrap_virtio_features_negotiate(const struct virtio_device *device,
				     const struct virtio_driver *driver,
				     const struct virtio_features *wanted,
				     struct virtio_features *accepted)
{
	const char *refused = getenv("FERRULE_QTEST_REFUSE");
	int error = __real_virtio_features_negotiate(device, driver, wanted, accepted);

	if (refused)
		virtio_features_clear(accepted, (unsigned)strtoul(refused, NULL, 10));
	return error;
}
