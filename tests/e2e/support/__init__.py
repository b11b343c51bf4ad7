# SPDX-License-Identifier: Apache-2.0
"""What the tests drive the binary with: peers, a client, keys and certificates. Standard library only."""
