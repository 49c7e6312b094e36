#include "store/verify_directory.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace theater::store {
namespace {

constexpr std::uint64_t kEventsPerProgress = 100'000;

/// Gives each link to its actor's verifier as the segments are read.
class Verification final : public ScanObserver, public ChainVerifier::KeptValues {
 public:
  Verification(const std::map<ActorId, std::vector<KnownHead>>& heads, const ContentStore& content,
               std::function<void(std::uint64_t)> progress)
      : heads_(heads), content_(content), progress_(std::move(progress)) {}

  void segment_begins() override { payloads_.clear(); }
  void payload(const Digest& digest, std::uint64_t size) override { payloads_.insert_or_assign(digest, size); }
  void link(const ActorId& actor, ByteView bytes, const Digest& hash) override {
    ChainVerifier& verifier = verifier_of(actor);
    const std::uint64_t before = verifier.report().events;
    if (verifier.link_with_hash(bytes, hash)) events_ += verifier.report().events - before;
    if (progress_ && events_ >= next_progress_) {
      progress_(events_);
      next_progress_ = events_ + kEventsPerProgress;
    }
  }

  std::optional<std::uint64_t> size_of(const Digest& digest) const override {
    if (const auto found = payloads_.find(digest); found != payloads_.end()) return found->second;
    const auto content = content_.get(digest, limits::kComponentBytes);
    if (!content) return std::nullopt;
    return content->size();
  }

  ChainVerifier& verifier_of(const ActorId& actor) {
    auto found = verifiers_.find(actor);
    if (found == verifiers_.end()) {
      VerifyExpectation expectation;
      expectation.actor = actor;
      if (const auto heads = heads_.find(actor); heads != heads_.end()) expectation.heads = heads->second;
      found = verifiers_.emplace(actor, std::move(expectation)).first;
      found->second.use_values(this);
    }
    return found->second;
  }
  std::unordered_map<ActorId, ChainVerifier>& verifiers() { return verifiers_; }

 private:
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t value;
      std::memcpy(&value, digest.data(), sizeof(value));
      return value;
    }
  };

  const std::map<ActorId, std::vector<KnownHead>>& heads_;
  const ContentStore& content_;
  const std::function<void(std::uint64_t)> progress_;
  /// Of the segment that is read.
  std::unordered_map<Digest, std::uint64_t, DigestHash> payloads_;
  std::unordered_map<ActorId, ChainVerifier> verifiers_;
  std::uint64_t events_ = 0;
  std::uint64_t next_progress_ = kEventsPerProgress;
};

/// Of a chain of which nothing is kept: what is left still has to end as the heads tell.
VerifyReport report_on(const RemovedEvents& removed, const std::vector<KnownHead>& heads) {
  VerifyReport report;
  report.first_sequence = removed.next_sequence;
  report.head_hash = removed.head;
  report.complete = false;
  for (const KnownHead& known : heads) {
    if (known.next_sequence < removed.next_sequence) {
      ++report.heads_before;
    } else if (known.next_sequence == removed.next_sequence && known.head == removed.head) {
      ++report.heads_checked;
    } else {
      report.fault = Fault{removed.next_sequence, "what was removed ended elsewhere than the log of heads tells"};
      break;
    }
  }
  return report;
}

/// The directory's log, verified; none when it keeps none and nobody asks for it.
Result<std::optional<HeadLogVerdict>> verify_log(const std::filesystem::path& path,
                                                 const DirectoryVerifyOptions& options) {
  const auto key = read_verifier_key(*options.files, path);
  HeadLogVerdict verdict;
  if (!key) {
    if (key.error().code() == ErrorCode::kIo) return fail(key.error());
    if (key.error().code() != ErrorCode::kNotFound) {
      verdict.log.fault = "the log's key cannot be read: " + key.error().to_string();
      return std::optional(std::move(verdict));
    }
    if (!options.older_note && !options.log_name) return std::optional<HeadLogVerdict>();
    return fail(ErrorCode::kNotFound, path.string() + " keeps no signed log that a checkpoint could be compared with");
  }
  std::optional<Checkpoint> older;
  if (options.older_note) {
    auto opened = open_checkpoint(*options.older_note, *key);
    if (!opened) {
      verdict.log.fault =
          "the older checkpoint is not of this directory's log, " + key->name() + ": " + opened.error().message();
      return std::optional(std::move(verdict));
    }
    older = std::move(*opened);
  }
  if (options.log_name && *options.log_name != key->name()) {
    verdict.log.fault = "the directory's log is " + key->name() + ", not " + *options.log_name;
    return std::optional(std::move(verdict));
  }
  auto verified = verify_head_log(*options.files, path, older);
  if (!verified) {
    if (verified.error().code() != ErrorCode::kNotFound) return fail(std::move(verified.error()));
    verdict.log.fault = "the log of heads is gone, though its key is there";
    return std::optional(std::move(verdict));
  }
  return std::optional(std::move(*verified));
}

}  // namespace

std::uint64_t DirectoryVerifyReport::broken_chains() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(chains, [](const auto& chain) { return !chain.second.report.ok(); }));
}

bool DirectoryVerifyReport::ok() const { return damages.empty() && (!log || log->log.ok()) && broken_chains() == 0; }

Result<DirectoryVerifyReport> verify_directory(const std::filesystem::path& path, DirectoryVerifyOptions options) {
  // The log first: of a directory that is being written the chains may only be ahead of it.
  auto log = verify_log(path, options);
  if (!log) return fail(std::move(log.error()));
  std::map<ActorId, std::vector<KnownHead>> heads;
  if (*log) heads = (*log)->log.heads;
  for (const HeadEntry& known : options.heads) {
    std::vector<KnownHead>& of_actor = heads[known.actor];
    of_actor.push_back({.next_sequence = known.next_sequence, .head = known.head});
    std::ranges::sort(of_actor);
  }

  const ContentStore content(*options.files, DataDirectory::content_path(path));
  Verification verification(heads, content, std::move(options.progress));
  DataDirectory::Options reading;
  reading.files = options.files;
  reading.check_bytes = UINT64_MAX;
  reading.observer = &verification;
  const auto directory = DataDirectory::open(path, DataDirectory::Access::kRead, reading);
  if (!directory) return fail(directory.error());

  DirectoryVerifyReport report;
  report.torn_bytes = (*directory)->torn_bytes();
  for (const Damage& damage : (*directory)->damages()) {
    if (!damage.actor) report.damages.push_back(damage);
  }
  // A chain of which nothing is left has its fault as well.
  for (const auto& known : heads) verification.verifier_of(known.first);
  auto actors = (*directory)->actors();
  if (!actors) return fail(std::move(actors.error()));
  std::map<ActorId, const StoredActor*> stored;
  for (const StoredActor& actor : *actors) {
    stored[actor.id] = &actor;
    verification.verifier_of(actor.id);
  }
  const RemovedChains removed = (*directory)->removed();
  for (auto& [id, verifier] : verification.verifiers()) {
    DirectoryVerifyReport::Chain& chain = report.chains[id];
    if (const auto before = removed.find(id); before != removed.end()) chain.removed = before->second;
    const bool is_all_removed = chain.removed && verifier.report().links == 0 && verifier.report().ok();
    chain.report = is_all_removed ? report_on(*chain.removed, heads[id]) : verifier.finish();
    chain.report.actor = id;
    const auto actor = stored.find(id);
    if (actor == stored.end()) continue;
    chain.name = actor->second->name;
    const std::optional<Damage>& damage = actor->second->damage;
    if (damage && (!chain.report.fault || damage->sequence <= chain.report.fault->sequence)) {
      chain.report.fault = Fault{damage->sequence, damage->what};
    }
  }
  report.log = std::move(*log);
  return report;
}

}  // namespace theater::store
