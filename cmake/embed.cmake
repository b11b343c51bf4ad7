# SPDX-License-Identifier: Apache-2.0
# claviger_embed(TARGET FILE HEADER NAME): a text file as data of a target's, `extern const std::string_view NAME`, declared by
# HEADER in the namespace claviger::<module>. Read when CMake runs, which it does again when the file changes.
function(claviger_embed module file header name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  file(READ ${file} content)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${module}_${name}.cc)
  file(CONFIGURE OUTPUT ${made} @ONLY CONTENT [[
#include "@header@"
namespace claviger::@module@ {
const std::string_view @name@ = R"clv_embed(@content@)clv_embed";
}
]])
  target_sources(claviger_${module} PRIVATE ${made})
endfunction()
