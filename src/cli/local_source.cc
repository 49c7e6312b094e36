#include "cli/local_source.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace theater::cli {

LocalSource::~LocalSource() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<LocalSource> LocalSource::find(const Configuration& configuration, const RemoteOptions& remote,
                                      const std::string& source) {
  if (!names_an_actor(source, remote)) return LocalSource(source);
  auto client = find_server(configuration, remote);
  if (!client) return fail(std::move(client.error()));
  std::error_code error;
  std::string folder = (std::filesystem::temp_directory_path(error) / "theater-XXXXXX").string();
  if (error || mkdtemp(folder.data()) == nullptr) {
    return fail(ErrorCode::kIo, "cannot make a folder for what comes from the server: " +
                                    (error ? error.message() : std::string(std::strerror(errno))));
  }
  LocalSource fetched((std::filesystem::path(folder) / "actor.bundle").string());
  fetched.folder_ = folder;
  if (auto saved = client->save_bundle(source, fetched.path()); !saved) {
    return fail(neither_here_nor_there(source, remote, std::move(saved.error())));
  }
  return fetched;
}

}  // namespace theater::cli
