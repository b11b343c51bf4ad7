// SPDX-License-Identifier: Apache-2.0
// Precompiled in every module: only what nearly all sources include anyway, and nothing heavy.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
