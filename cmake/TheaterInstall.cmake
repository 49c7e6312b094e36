# What `cmake --install` puts where, and the package that find_package(theater) finds.
include(CMakePackageConfigHelpers)

# The CMake package of each imported target that a layer may link. A layer's link to anything else stops the configuration, since
# an installed Theater could not find it again.
function(theater_package_of target result)
  if(target MATCHES "^OpenSSL::")
    set(${result} "OpenSSL 3 COMPONENTS Crypto SSL" PARENT_SCOPE)
  elseif(target MATCHES "^(Threads|spdlog|fmt|nlohmann_json|tomlplusplus|CLI11|SQLite3|Boost)::")
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

# theater::theater is every layer that stands below the programs' own.
function(theater_install_package)
  get_property(layers GLOBAL PROPERTY THEATER_LAYERS)
  add_library(theater_theater INTERFACE)
  add_library(theater::theater ALIAS theater_theater)
  set_target_properties(theater_theater PROPERTIES EXPORT_NAME theater)
  set(targets theater_theater)
  set(packages "")
  set(archives "")
  set(interfaces "")
  foreach(layer ${layers})
    list(APPEND targets theater_${layer})
    if(NOT layer STREQUAL "cli")
      target_link_libraries(theater_theater INTERFACE theater::${layer})
    endif()
    theater_outside_links(theater_${layer} packages archives interfaces)
  endforeach()
  foreach(interface ${interfaces})
    list(APPEND targets ${interface})
  endforeach()
  install(TARGETS ${targets} EXPORT theater-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

  # An archive made outside CMake (the engine) is installed as a file and described anew in the package.
  set(archive_targets "")
  foreach(archive ${archives})
    get_target_property(links ${archive} INTERFACE_LINK_LIBRARIES)
    if(NOT links)
      set(links "")
    endif()
    install(FILES $<TARGET_FILE:${archive}> DESTINATION ${CMAKE_INSTALL_LIBDIR})
    get_target_property(location ${archive} IMPORTED_LOCATION)
    cmake_path(GET location FILENAME file)
    string(APPEND archive_targets
      "if(NOT TARGET ${archive})\n"
      "  add_library(${archive} STATIC IMPORTED)\n"
      "  set_target_properties(${archive} PROPERTIES\n"
      "    IMPORTED_LOCATION \"\${theater_prefix}/${CMAKE_INSTALL_LIBDIR}/${file}\"\n"
      "    INTERFACE_LINK_LIBRARIES \"${links}\")\n"
      "endif()\n")
  endforeach()

  set(THEATER_FIND_DEPENDENCIES "")
  list(REMOVE_DUPLICATES packages)
  foreach(package IN LISTS packages)
    string(APPEND THEATER_FIND_DEPENDENCIES "find_dependency(${package})\n")
  endforeach()
  set(THEATER_ARCHIVE_TARGETS "${archive_targets}")
  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/theater)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/theaterConfig.cmake.in ${PROJECT_BINARY_DIR}/theaterConfig.cmake
    INSTALL_DESTINATION ${package_folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/theaterConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/theaterConfig.cmake ${PROJECT_BINARY_DIR}/theaterConfigVersion.cmake
    DESTINATION ${package_folder})
  install(EXPORT theater-targets NAMESPACE theater:: DESTINATION ${package_folder})

  install(DIRECTORY include/theater DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
  # Folders that do not exist yet are left out; folders without a file that matches are not made.
  foreach(folder sdk wit examples docs tools web)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
      install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/theater
        PATTERN "*_test.*" EXCLUDE PATTERN "CMakeLists.txt" EXCLUDE PATTERN "__pycache__" EXCLUDE PATTERN "target" EXCLUDE
        PATTERN "build" EXCLUDE PATTERN "node_modules" EXCLUDE)
    endif()
  endforeach()
  # Programs among the examples are projects of their own.
  foreach(program embedding custom_handler/host handler_patterns/host)
    install(FILES examples/${program}/CMakeLists.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/theater/examples/${program})
  endforeach()
  foreach(file README.md LICENSE)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
      install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DOCDIR})
    endif()
  endforeach()
endfunction()

# Adds what a layer links beside other layers: packages to find again, archives that are installed with it, and the project's own
# interface libraries.
function(theater_outside_links library packages_result archives_result interfaces_result)
  set(found_packages ${${packages_result}})
  set(found_archives ${${archives_result}})
  set(found_interfaces ${${interfaces_result}})
  get_property(layers GLOBAL PROPERTY THEATER_LAYERS)
  get_target_property(links ${library} LINK_LIBRARIES)
  foreach(link ${links})
    if(link MATCHES "^\\$<BUILD_INTERFACE:" OR link MATCHES "^(dl|m|rt|pthread|util|gcc_s)$")
      continue()
    endif()
    if(link MATCHES "^theater::(.*)$")
      if(CMAKE_MATCH_1 IN_LIST layers)
        continue()
      endif()
    endif()
    theater_package_of("${link}" package)
    if(package)
      list(APPEND found_packages "${package}")
      continue()
    endif()
    if(NOT TARGET ${link})
      message(WARNING "${library} links ${link}, which is no target here: find its package at the top, or make it GLOBAL.")
      continue()
    endif()
    get_target_property(is_imported ${link} IMPORTED)
    get_target_property(type ${link} TYPE)
    if(NOT is_imported AND type STREQUAL "INTERFACE_LIBRARY")
      list(APPEND found_interfaces ${link})
    elseif(is_imported AND type STREQUAL "STATIC_LIBRARY")
      list(APPEND found_archives ${link})
    else()
      message(FATAL_ERROR
        "${library} links ${link}, which an installed Theater could not find: add its package to theater_package_of().")
    endif()
  endforeach()
  foreach(kind packages archives interfaces)
    list(REMOVE_DUPLICATES found_${kind})
    set(${${kind}_result} "${found_${kind}}" PARENT_SCOPE)
  endforeach()
endfunction()
