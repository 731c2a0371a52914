/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Device configuration space (VIRTIO 1.3 §2.5). One field of up to 32 bits is one access of
 * its width [CFG-05], so that drivers have a copy which is checked and does not change
 * [CFG-09]; more than that must not be torn by a change on the device's side [CFG-01]. How
 * long it is does not matter: a field that is not there reads 0 [CFG-04]. */

#include <kernel/log.h>
#include <virtio/virtio.h>

/* A device may change its generation for ever; then the last reading stands [CFG-02]. */
#define ATTEMPTS 16

static uint32_t read(struct virtio_device *device, unsigned offset, unsigned width)
{
	return device->transport->config_read(device, offset, width);
}

/* Reads `count` fields of `width` bytes once into out; true if they were there already. */
static bool read_fields(struct virtio_device *device, unsigned offset, unsigned width,
			unsigned count, uint8_t *out)
{
	bool same = true;

	for (unsigned i = 0; i < count; i++) {
		uint32_t value = read(device, offset + i * width, width);

		for (unsigned byte = 0; byte < width; byte++) {
			uint8_t part = (uint8_t)(value >> 8 * byte);

			same &= *out == part;
			*out++ = part;
		}
	}
	return same;
}

/* §2.5.1: consistent when the generation is the same before and after. Legacy devices
 * have none: there, until two readings agree (§2.5.4) [CFG-06]. */
static void read_consistently(struct virtio_device *device, unsigned offset,
			      unsigned width, unsigned count, uint8_t *out)
{
	bool legacy = device->transport->legacy;

	if (legacy)
		read_fields(device, offset, width, count, out);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		uint32_t before = legacy ? 0
					 : device->transport->config_generation(device);
		bool same = read_fields(device, offset, width, count, out);

		if (legacy ? same
			   : device->transport->config_generation(device) == before)
			return;
	}
	log_warn("virtio: %s: its configuration does not stand still", device->where);
}

uint8_t virtio_config_read8(struct virtio_device *device, unsigned offset)
{
	return (uint8_t)read(device, offset, 1);
}

uint16_t virtio_config_read16(struct virtio_device *device, unsigned offset)
{
	return (uint16_t)read(device, offset, 2);
}

uint32_t virtio_config_read32(struct virtio_device *device, unsigned offset)
{
	return read(device, offset, 4);
}

uint64_t virtio_config_read64(struct virtio_device *device, unsigned offset)
{
	uint8_t bytes[8] = { 0 };
	uint64_t value = 0;

	read_consistently(device, offset, 4, 2, bytes); /* §4.1.3.1: two halves */
	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

void virtio_config_read_bytes(struct virtio_device *device, unsigned offset, void *out,
			      unsigned bytes)
{
	read_consistently(device, offset, 1, bytes, out);
}

void virtio_config_write8(struct virtio_device *device, unsigned offset, uint8_t value)
{
	device->transport->config_write(device, offset, 1, value);
}

void virtio_config_write16(struct virtio_device *device, unsigned offset, uint16_t value)
{
	device->transport->config_write(device, offset, 2, value);
}

void virtio_config_write32(struct virtio_device *device, unsigned offset, uint32_t value)
{
	device->transport->config_write(device, offset, 4, value);
}
