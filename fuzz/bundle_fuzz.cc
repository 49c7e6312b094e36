// Bundles from anywhere: reading and verifying one ends well, and what is found true can be read as a chain.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "chain/bundle.h"

namespace {

void read_as_source(const std::string& path, const theater::VerifyReport& report) {
  const auto source = theater::open_bundle(path);
  THEATER_CHECK(source.has_value());
  THEATER_CHECK((*source)->actor() == report.actor);
  auto links = (*source)->links(0);
  THEATER_CHECK(links.has_value());
  std::uint64_t count = 0;
  while (true) {
    const auto link = (*links)->next();
    THEATER_CHECK(link.has_value());
    if (!*link) break;
    ++count;
  }
  THEATER_CHECK(count == report.links);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int descriptor = memfd_create("bundle", MFD_CLOEXEC);
  THEATER_CHECK(descriptor >= 0);
  THEATER_CHECK(write(descriptor, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  const auto report = theater::verify_bundle(path);
  if (report && report->ok() && report->chain.links > 0) read_as_source(path, report->chain);
  close(descriptor);
  return 0;
}
