# find_package(Brink CONFIG REQUIRED) gives Brink::brink (shared) and Brink::brink_static. Found from where this file lies.
get_filename_component(_brink_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET Brink::brink)
  add_library(Brink::brink SHARED IMPORTED)
  set_target_properties(Brink::brink PROPERTIES
    IMPORTED_LOCATION "${_brink_prefix}/lib/@SONAME@"
    IMPORTED_SONAME "@SONAME@"
    INTERFACE_INCLUDE_DIRECTORIES "${_brink_prefix}/include")
endif()

if(NOT TARGET Brink::brink_static)
  add_library(Brink::brink_static STATIC IMPORTED)
  set_target_properties(Brink::brink_static PROPERTIES
    IMPORTED_LOCATION "${_brink_prefix}/lib/libbrink.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES "C"
    INTERFACE_INCLUDE_DIRECTORIES "${_brink_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;pthread;m;dl")
endif()

unset(_brink_prefix)
