# blkcat: prints sectors of a raw disk. Wants a virtio-blk disk; arguments: disk first count.
CMDLINE := -- vda 0 1
LINK :=
