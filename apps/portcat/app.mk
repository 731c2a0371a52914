# portcat: echoes what comes in by a console port. Wants virtio-serial with a named port.
CMDLINE := -- org.ferrule.0
LINK :=
