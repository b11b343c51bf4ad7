# SPDX-License-Identifier: Apache-2.0
# Aliases for ./dev, for those whose fingers say make.

.PHONY: help run test build bench soak fuzz lint format

help run test build bench soak fuzz lint format:
	@./dev $@
