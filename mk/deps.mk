# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Packages that are missing are installed by the goals that a person types; `DEPS=no`
# leaves the machine as it is. What they build is built on all processors, unless -j says
# something else.

JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: app deps deps-test deps-bench
app:
	@[ -n '$(wildcard apps/$(APP)/*.c)' ] || \
		{ echo 'APP=$(APP): there is no apps/$(APP)/*.c; there are: $(APPS)' >&2; exit 1; }
deps:
	@[ "$(DEPS)" = no ] || tools/install-deps build
deps-test:
	@[ "$(DEPS)" = no ] || tools/install-deps build test
deps-bench:
	@[ "$(DEPS)" = no ] || tools/install-deps build bench
