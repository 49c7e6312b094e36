// theater_build_component OUTPUT BUILD_DIRECTORY SDK_OBJECTS WIT|- SOURCE…: makes one component while Theater itself is
// built, for its tests, examples and benchmarks. Not installed; people use `theater build`.
#include <cstdio>
#include <string_view>

#include "toolchain/build.h"

int main(int count, char** words) {
  if (count < 6) {
    std::fputs("usage: theater_build_component OUTPUT BUILD_DIRECTORY SDK_OBJECTS WIT|- SOURCE...\n", stderr);
    return 1;
  }
  theater::toolchain::BuildOptions options;
  options.output = words[1];
  options.build_directory = words[2];
  options.sdk_objects = words[3];
  if (std::string_view(words[4]) != "-") options.wit = words[4];
  options.sources.assign(words + 5, words + count);
  options.directory = options.sources.front().parent_path();
  // The build runs several of these at once.
  options.parallel = 1;
  const auto report = theater::toolchain::build(options);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().to_string().c_str());
    return 1;
  }
  std::fputs(report->components.front().warnings.c_str(), stderr);
  return 0;
}
