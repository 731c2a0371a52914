# SPDX-License-Identifier: BSD-2-Clause
# Copyright The Ferrule developers
#
# make models: what Spin says of the races between a ring's two sides.

.PHONY: models
models: deps-test ## checks the models of the rings, and that they notice a missing barrier
	@tests/models/run
