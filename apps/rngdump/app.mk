# rngdump: prints random bytes in hexadecimal. Better with virtio-rng, but needs no device.
CMDLINE := -- 64
LINK :=
