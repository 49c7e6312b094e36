#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "chain/checkpoint.h"
#include "chain/verify.h"

/// A bundle: one actor's chain and what goes with it, in one file that can be opened with any tar and verified by
/// anyone (docs/event-format.md, "Bundle").
namespace theater {

/// What goes into a bundle beside what the chain's source has.
struct BundleExtras {
  /// Components and manifests from elsewhere, for a source that does not keep them. One that the chain does not name is
  /// kInvalidArgument.
  std::vector<Bytes> components;
  std::vector<std::string> manifests;
  /// For people: what the manifest grants, as JSON. Left out when empty.
  std::string permissions;
  /// That the actor's chain is in signed logs; each with another checkpoint.
  std::vector<HeadProof> proofs;
};

/// What went into a bundle.
struct BundleSummary {
  ActorId actor;
  std::uint64_t links = 0;
  std::uint64_t events = 0;
  Digest head{};
  std::uint64_t values_missing = 0;
  std::uint64_t components = 0;
  std::uint64_t components_missing = 0;
  std::uint64_t manifests = 0;
  std::uint64_t manifests_missing = 0;
  std::uint64_t proofs = 0;
};

/// Writes the chain up to where it is now. It is verified on the way: a broken one is kCorrupt, and no file is left.
/// kAlreadyExists. `progress`: told now and then how many events were written.
Result<BundleSummary> write_bundle(const std::string& path, const ChainSource& source, const BundleExtras& extras = {},
                                   const std::function<void(std::uint64_t events)>& progress = {});

/// Whether the file begins as bundles do.
bool is_bundle(const std::string& path);

/// What is in a bundle, not verified but for its form. One thread at a time.
class Bundle {
 public:
  /// kIo; kCorrupt when it is no bundle, or not quite.
  static Result<std::unique_ptr<Bundle>> open(const std::string& path);

  const std::string& path() const { return path_; }
  /// As its name says; the chain may say otherwise.
  const ActorId& actor() const { return actor_; }
  FileSection chain() const { return chain_; }
  /// By the digests in their names.
  const std::map<Digest, FileSection>& components() const { return components_; }
  const std::map<Digest, FileSection>& manifests() const { return manifests_; }
  const std::vector<HeadProof>& proofs() const { return proofs_; }
  const std::optional<std::string>& permissions() const { return permissions_; }

 private:
  explicit Bundle(std::string path) : path_(std::move(path)) {}
  Result<void> read();
  Result<void> take(const std::string& name, FileSection content);

  const std::string path_;
  ActorId actor_;
  FileSection chain_;
  std::map<Digest, FileSection> components_;
  std::map<Digest, FileSection> manifests_;
  std::vector<HeadProof> proofs_;
  std::optional<std::string> permissions_;
};

/// The chain in a bundle, with its component and manifest.
Result<std::unique_ptr<ChainSource>> open_bundle(const std::string& path);

/// What was found out about a bundle.
struct BundleVerifyReport {
  VerifyReport chain;
  /// Components and manifests that the chain names: there, or not.
  std::uint64_t components = 0;
  std::uint64_t components_missing = 0;
  std::uint64_t manifests = 0;
  std::uint64_t manifests_missing = 0;
  /// The checkpoints that its proofs lead to. Who the log is of the reader must know.
  std::vector<Checkpoint> checkpoints;
  /// What is wrong with the bundle beside its chain.
  std::optional<std::string> fault;

  bool ok() const { return chain.ok() && !fault; }
};

struct BundleVerifyOptions {
  VerifyExpectation expectation;
  /// A checkpoint kept elsewhere, to which one of the proofs must lead.
  std::optional<std::string> older_note;
  /// The name of the log that all proofs must be of; there must be one at least.
  std::optional<std::string> log_name;
  /// Told now and then how many events were verified.
  std::function<void(std::uint64_t events)> progress;
};

/// Verifies a bundle, trusting nothing but it. An error only when it cannot be read or is no bundle.
Result<BundleVerifyReport> verify_bundle(const std::string& path, BundleVerifyOptions options = {});

}  // namespace theater
