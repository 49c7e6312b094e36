# The project's own building blocks: one library a layer, one program a folder that has a main, one test program a group of claims.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(BUILD_TESTING "Build the tests" ON)
option(THEATER_FUZZ "Build the fuzz targets with libFuzzer (needs clang); otherwise they replay their corpus" OFF)
option(THEATER_WARNINGS_AS_ERRORS "Warnings stop the build" OFF)
option(THEATER_UNITY "Compile the sources of a layer in groups: cold builds are quicker, a changed source takes its group along" OFF)
set(THEATER_SANITIZE "" CACHE STRING "Sanitizers for everything, e.g. address,undefined")

if(BUILD_TESTING)
  enable_testing()
  find_package(GTest REQUIRED)
endif()

find_program(THEATER_CCACHE ccache)
if(THEATER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${THEATER_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${THEATER_CCACHE})
endif()

# The engine archive is large and every test program links it: lld takes a fraction of a second where GNU ld takes several.
# -B because Debian keeps lld's plain name outside the path. lld is an option, not a need.
find_program(THEATER_LLD NAMES ld.lld PATHS /usr/lib/llvm-19/bin)
if(THEATER_LLD)
  cmake_path(GET THEATER_LLD PARENT_PATH lld_folder)
  add_link_options(-fuse-ld=lld -B${lld_folder})
endif()

# Sanitizers and fuzzing must see every object, so these flags are not the layers' own.
if(THEATER_SANITIZE)
  add_compile_options(-fsanitize=${THEATER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${THEATER_SANITIZE})
endif()
if(THEATER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(theater_options INTERFACE)
# A designated initializer names what it sets; the members left out are zero on purpose, which g++ 12 warns about.
target_compile_options(theater_options INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 takes text put before a string for an overlapping copy (GCC bug 105651).
  target_compile_options(theater_options INTERFACE -Wno-restrict)
endif()
if(THEATER_WARNINGS_AS_ERRORS)
  target_compile_options(theater_options INTERFACE -Werror)
endif()

# Lets a target's sources be compiled four at a time, since most of a source's time goes into the headers that its neighbours
# include as well. Their unnamed namespaces become one, so names in them must differ; a source with SKIP_UNITY_BUILD_INCLUSION
# stays by itself.
function(theater_group_sources target)
  if(THEATER_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  endif()
endfunction()

# theater_library(<layer> [GROUPED] SOURCES … [PUBLIC …] [PRIVATE …]) makes theater_<layer>, alias theater::<layer>, and installs it.
# PUBLIC is what the layer's headers include, PRIVATE what only its sources do, GROUPED see theater_group_sources.
function(theater_library layer)
  cmake_parse_arguments(ARG "GROUPED" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(theater_${layer} STATIC ${ARG_SOURCES})
  if(ARG_GROUPED)
    theater_group_sources(theater_${layer})
  endif()
  add_library(theater::${layer} ALIAS theater_${layer})
  set_target_properties(theater_${layer} PROPERTIES EXPORT_NAME ${layer})
  target_compile_features(theater_${layer} PUBLIC cxx_std_23)
  target_include_directories(theater_${layer} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(theater_${layer} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:theater_options> ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY THEATER_LAYERS ${layer})
endfunction()

# theater_program(<name> SOURCES … LIBRARIES …) makes bin/<name> and installs it. The target is program_<name>, since theater
# itself is the name of the library that others link.
function(theater_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(program_${name} ${ARG_SOURCES})
  set_target_properties(program_${name} PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(program_${name} PRIVATE ${ARG_LIBRARIES} theater_options)
  install(TARGETS program_${name} RUNTIME COMPONENT programs)
endfunction()

# theater_test(<name> [GROUPED] <sources…> LIBRARIES … [ENVIRONMENT …] [DEFINITIONS …] [TIMEOUT seconds]) makes a GoogleTest program that is
# one ctest test.
function(theater_test name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(ARG "GROUPED" "TIMEOUT" "LIBRARIES;ENVIRONMENT;DEFINITIONS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_GROUPED)
    theater_group_sources(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} theater_options GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINITIONS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()

# theater_benchmark(<name>_bench <sources…> LIBRARIES …) makes a measuring program that only the target `benchmarks` builds.
add_custom_target(benchmarks)
function(theater_benchmark name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} theater_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  add_dependencies(benchmarks ${name})
endfunction()
