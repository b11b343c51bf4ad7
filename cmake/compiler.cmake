# SPDX-License-Identifier: Apache-2.0
# Which compiler, which language, which flags. See docs/adr/0001-compiler.md.

if(NOT CLAVIGER_ALLOW_ANY_COMPILER
   AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19))
  message(FATAL_ERROR
    "Claviger is built with clang 19 or newer; this is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}.\n"
    "g++ 12 destroys temporaries in co_await expressions twice, which no review would catch.\n"
    "Run ./dev build (it installs clang-19), or pass -DCLAVIGER_ALLOW_ANY_COMPILER=ON at your own risk.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
                    -Wimplicit-fallthrough -Wno-gnu-statement-expression-from-macro-expansion
                    -Wno-missing-field-initializers -Werror)
add_link_options(-fuse-ld=lld-19)

# Frame pointers stay in: a profile of production must be readable, and costs about one percent.
add_compile_options(-fno-omit-frame-pointer -fvisibility=hidden)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  add_compile_options(-flto=thin -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=3
                      -D_GLIBCXX_ASSERTIONS -ftrivial-auto-var-init=zero -fcf-protection=full)
  add_link_options(-flto=thin -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto)
endif()

set(CLAVIGER_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
if(CLAVIGER_SANITIZE)
  add_compile_options(-fsanitize=${CLAVIGER_SANITIZE} -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${CLAVIGER_SANITIZE})
endif()

option(CLAVIGER_COVERAGE "Instrument for source-based coverage" OFF)
if(CLAVIGER_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
