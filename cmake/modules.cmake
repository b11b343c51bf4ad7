# SPDX-License-Identifier: Apache-2.0
# claviger_module(NAME [USES module...] [PRIVATE_LIBS target...] [PUBLIC_LIBS target...])
#
# One static library from every .cc below the folder, one `<name>_testing` library from its testing/
# folder, one test binary from its *_test.cc. USES is the whole truth about what a module may include:
# tools/check_layers.py holds the sources to it.

function(claviger_module name)
  cmake_parse_arguments(arg "" "" "USES;PRIVATE_LIBS;PUBLIC_LIBS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${all})
  set(testing ${all})
  set(sources ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER testing INCLUDE REGEX "/testing/[^/]*\\.cc$")
  list(FILTER testing EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/testing/")

  if(NOT sources)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cc "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cc)
  endif()
  add_library(claviger_${name} STATIC ${sources})
  target_include_directories(claviger_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_USES PREPEND claviger_)
  target_link_libraries(claviger_${name} PUBLIC ${arg_USES} ${arg_PUBLIC_LIBS} PRIVATE ${arg_PRIVATE_LIBS})
  target_precompile_headers(claviger_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)

  set(testing_target)
  if(testing)
    add_library(claviger_${name}_testing STATIC EXCLUDE_FROM_ALL ${testing})
    target_link_libraries(claviger_${name}_testing PUBLIC claviger_${name})
    set(testing_target claviger_${name}_testing)
  endif()

  if(CLAVIGER_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE claviger_${name} ${testing_target} ${arg_PRIVATE_LIBS}
                                               GTest::gtest_main GTest::gmock)
    target_precompile_headers(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch_test.h)
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
endfunction()
