# hello: prints a greeting and its arguments. The smallest application.
CMDLINE := -- one two
LINK :=
