# Run by ctest: installs the build into an empty folder, moves that folder (a package must not know where it was made), then
# configures, builds and runs consumer/ against it, and builds an installed example.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nended with ${result}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_FOLDER})
run(${CMAKE_COMMAND} --install ${BUILD_FOLDER} --prefix ${WORK_FOLDER}/first)
file(RENAME ${WORK_FOLDER}/first ${WORK_FOLDER}/installed)

foreach(file include/theater/value.h ${SHARE_FOLDER}/wit/theater-simple.wit
    ${SHARE_FOLDER}/wit/theater-ext.wit)
  if(NOT EXISTS ${WORK_FOLDER}/installed/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()

run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK_FOLDER}/consumer -D CMAKE_CXX_COMPILER=${CXX}
  -D CMAKE_PREFIX_PATH=${WORK_FOLDER}/installed)
run(${CMAKE_COMMAND} --build ${WORK_FOLDER}/consumer)
run(${WORK_FOLDER}/consumer/consumer)

run(${CMAKE_COMMAND} -G Ninja -S ${WORK_FOLDER}/installed/${SHARE_FOLDER}/examples/custom_handler/host -B ${WORK_FOLDER}/example
  -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${WORK_FOLDER}/installed)
run(${CMAKE_COMMAND} --build ${WORK_FOLDER}/example)

# The program by both of its names.
foreach(program theater theater-server)
  run(${WORK_FOLDER}/installed/${BIN_FOLDER}/${program} --version)
endforeach()

# The archives are large and nobody reads them again.
file(REMOVE_RECURSE ${WORK_FOLDER})
