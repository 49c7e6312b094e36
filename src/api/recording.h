#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "chain/chain_source.h"
#include "theater/error.h"
#include "theater/id.h"
#include "theater/runtime.h"

namespace theater::api {

/// A folder that nobody else may look into and that goes with this.
class PrivateFolder {
 public:
  static Result<std::unique_ptr<PrivateFolder>> make();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit PrivateFolder(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path path_;
};

/// What the manifest grants that the chain ends with, as JSON for the people who open a bundle of it; empty when the
/// manifest is not kept, neither there nor among `manifests`. kInvalidManifest when it alone does not say all, or names
/// a handler that this program does not know.
Result<std::string> grants_of(const ChainSource& chain, std::span<const std::string> manifests = {});

/// A bundle of what is kept of one actor's chain now, with its components and manifests as far as they are to be had,
/// what these grant, and a proof where the chain is signed: in a file that goes with this. Never changes. Any thread.
class Recording {
 public:
  /// `data_directory`: the runtime's, if it has one. Any thread but a shard's. kNotFound; kCorrupt when the chain is
  /// broken.
  static Result<std::shared_ptr<const Recording>> make(const Runtime& runtime,
                                                       const std::optional<std::filesystem::path>& data_directory,
                                                       const ActorId& id);

  std::filesystem::path file() const { return folder_->path() / "actor.bundle"; }

 private:
  explicit Recording(std::unique_ptr<PrivateFolder> folder) : folder_(std::move(folder)) {}
  const std::unique_ptr<PrivateFolder> folder_;
};

}  // namespace theater::api
