# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# Packages that are missing are installed by the goals that a person types; `DEPS=no`
# leaves the machine as it is. What they build is built on all processors, unless -j says
# something else.

JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: deps deps-test deps-bench
deps:
	@[ "$(DEPS)" = no ] || tools/install-deps build
deps-test:
	@[ "$(DEPS)" = no ] || tools/install-deps build test
deps-bench:
	@[ "$(DEPS)" = no ] || tools/install-deps build bench
