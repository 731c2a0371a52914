# netecho: sends Ethernet frames back to where they came from. Wants a virtio-net card.
CMDLINE := -- net0
LINK :=
