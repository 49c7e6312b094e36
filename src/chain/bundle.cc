#include "chain/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <system_error>

#include "base/limits.h"
#include "chain/forwarding_chain_source.h"
#include "chain/link_codec.h"
#include "chain/tar.h"

namespace theater {
namespace {

/// Format and version in one; the first in the file, so that its first bytes say what it is.
constexpr std::string_view kReadme = "theater-bundle-1.txt";
constexpr std::string_view kReadmeText =
    "This is a bundle: the record of one actor that ran in Theater, with what is needed to check it and to run it\n"
    "again. `theater verify FILE` or `python3 verify_chain.py FILE` verifies it, `theater replay FILE` runs it again.\n"
    "\n"
    "<actor>.chain             what the actor did: every event, each sealed by the hash of those before it\n"
    "components/<SHA-256>.wasm the programs it ran, as the chain names them\n"
    "manifests/<SHA-256>.toml  the manifests it ran with, as the chain names them\n"
    "permissions.json          for people: what the manifest grants, with all defaults spelled out\n"
    "proofs/<N>.tlog-proof     that the chain is in a signed log: the checkpoint of its first N entries\n";
constexpr std::string_view kChainSuffix = ".chain";
constexpr std::string_view kComponents = "components/";
constexpr std::string_view kComponentSuffix = ".wasm";
constexpr std::string_view kManifests = "manifests/";
constexpr std::string_view kManifestSuffix = ".toml";
constexpr std::string_view kPermissions = "permissions.json";
constexpr std::string_view kProofs = "proofs/";
constexpr std::string_view kProofSuffix = ".tlog-proof";

constexpr std::size_t kReadmeBytesMax = 64u << 10;
constexpr std::size_t kPermissionsBytesMax = 1u << 20;
constexpr std::size_t kProofsMax = 100;
/// A checkpoint with many signatures, and the hashes before it.
constexpr std::size_t kProofBytesMax = limits::kNoteBytes + (64u << 10);
constexpr std::uint64_t kEventsPerBundleProgress = 100'000;

std::unexpected<Error> corrupt(const std::string& path, std::string_view what) {
  return fail(ErrorCode::kCorrupt, path + " is not in order: " + std::string(what));
}

std::string name_of(std::string_view folder, const Digest& digest, std::string_view suffix) {
  return std::string(folder) + to_hex(digest) + std::string(suffix);
}

/// What is between a folder and a suffix, if the name has both.
std::optional<std::string_view> between(std::string_view name, std::string_view folder, std::string_view suffix) {
  if (!name.starts_with(folder) || !name.ends_with(suffix) || name.size() < folder.size() + suffix.size()) {
    return std::nullopt;
  }
  return name.substr(folder.size(), name.size() - folder.size() - suffix.size());
}

std::optional<Digest> digest_between(std::string_view name, std::string_view folder, std::string_view suffix) {
  const auto text = between(name, folder, suffix);
  Digest digest;
  // Lower-case digits, so that a digest has one name.
  if (!text || !parse_hex(*text, digest) || to_hex(digest) != *text) return std::nullopt;
  return digest;
}

/// The components and manifests that a chain's started events name.
struct NamedContent {
  std::set<Digest> components;
  std::set<Digest> manifests;

  void add(const chain::EventView& event) {
    const auto* started = std::get_if<chain::StartedView>(&event.body);
    if (started == nullptr) return;
    Digest digest;
    std::ranges::copy(started->component, digest.begin());
    components.insert(digest);
    std::ranges::copy(started->manifest, digest.begin());
    manifests.insert(digest);
  }
};

/// Proofs' heads in the order that a verifier wants.
std::vector<KnownHead> heads_of(const std::vector<HeadProof>& proofs) {
  std::vector<KnownHead> heads;
  for (const HeadProof& proof : proofs) {
    heads.push_back({.next_sequence = proof.entry.next_sequence, .head = proof.entry.head});
  }
  std::ranges::sort(heads);
  return heads;
}

/// Writes the chain and notes what it names.
class ChainCopy {
 public:
  ChainCopy(const ChainSource& source, ChainFileWriter& writer, const std::vector<HeadProof>& proofs)
      : source_(source), writer_(writer), verifier_(expectation(source, proofs)) {}

  Result<void> run(const std::function<void(std::uint64_t)>& progress) {
    auto links = source_.links(0);
    if (!links) return fail(std::move(links.error()));
    std::uint64_t next_progress = kEventsPerBundleProgress;
    while (true) {
      auto link = (*links)->next();
      if (!link) return fail(std::move(link.error()));
      if (!*link) break;
      if (auto copied = copy(**link); !copied) return copied;
      if (progress && verifier_.report().events >= next_progress) {
        progress(verifier_.report().events);
        next_progress = verifier_.report().events + kEventsPerBundleProgress;
      }
    }
    report_ = verifier_.finish();
    return check();
  }

  const VerifyReport& report() const { return report_; }
  const NamedContent& named() const { return named_; }

 private:
  static VerifyExpectation expectation(const ChainSource& source, const std::vector<HeadProof>& proofs) {
    VerifyExpectation expectation;
    expectation.actor = source.actor();
    expectation.heads = heads_of(proofs);
    return expectation;
  }

  Result<void> copy(const KeptLink& kept) {
    // The view ends when the source is asked for values.
    const Bytes bytes = to_bytes(kept.bytes);
    const Digest hash = kept.hash;
    chain::LinkDecoder decoder(bytes);
    chain::EventView event;
    std::set<Digest> values;
    while (decoder.next(event)) {
      named_.add(event);
      chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
        Digest digest;
        std::ranges::copy(named, digest.begin());
        values.insert(digest);
      });
    }
    for (const Digest& digest : values) {
      const auto content = source_.find(digest);
      if (!content) continue;
      verifier_.provide_payload(*content, digest);
      if (auto written = writer_.keep(*content); !written) return written;
    }
    if (!verifier_.link(bytes, &hash)) {
      report_ = verifier_.finish();
      return check();
    }
    verifier_.forget_payloads();
    const chain::LinkHeader& header = decoder.header();
    return writer_.append({.actor = header.actor,
                           .first_sequence = header.first_sequence,
                           .event_count = header.event_count,
                           .bytes = bytes,
                           .hash = hash,
                           .payloads = {}});
  }

  Result<void> check() const {
    if (report_.fault) {
      return fail(ErrorCode::kCorrupt, source_.name() + " cannot be bundled, since it is not true: at event " +
                                           std::to_string(report_.fault->sequence) + ": " + report_.fault->what);
    }
    if (report_.links == 0) return fail(ErrorCode::kInvalidArgument, source_.name() + " holds no event");
    return {};
  }

  const ChainSource& source_;
  ChainFileWriter& writer_;
  ChainVerifier verifier_;
  VerifyReport report_;
  NamedContent named_;
};

/// Content by digest: what was given first, then what the source keeps.
class Contents {
 public:
  void give(ByteView content) { given_[sha256(content)] = content; }
  /// None when it is nowhere.
  template <class Find>
  Result<bool> add(tar::Writer& tar, std::string_view folder, const Digest& digest, std::string_view suffix,
                   const Find& find) {
    const std::string name = name_of(folder, digest, suffix);
    if (const auto given = given_.extract(digest)) {
      auto added = tar.add(name, given.mapped());
      if (!added) return fail(std::move(added.error()));
      return true;
    }
    const auto kept = find(digest);
    if (!kept) return false;
    auto added = tar.add(name, *kept);
    if (!added) return fail(std::move(added.error()));
    return true;
  }
  /// That all that was given was wanted.
  Result<void> check(std::string_view what) const {
    if (given_.empty()) return {};
    return fail(ErrorCode::kInvalidArgument, "the chain names no " + std::string(what) + " with SHA-256 " +
                                                 to_hex(given_.begin()->first) + ": it is not one that the actor ran");
  }

 private:
  std::map<Digest, ByteView> given_;
};

Result<void> add_contents(tar::Writer& tar, const ChainSource& source, const NamedContent& named,
                          const BundleExtras& extras, BundleSummary& summary) {
  Contents components;
  for (const Bytes& component : extras.components) components.give(component);
  for (const Digest& digest : named.components) {
    const auto added = components.add(tar, kComponents, digest, kComponentSuffix,
                                      [&](const Digest& wanted) { return source.component(wanted); });
    if (!added) return fail(added.error());
    ++(*added ? summary.components : summary.components_missing);
  }
  if (auto checked = components.check("component"); !checked) return checked;
  Contents manifests;
  for (const std::string& manifest : extras.manifests) manifests.give(as_bytes(manifest));
  for (const Digest& digest : named.manifests) {
    const auto added =
        manifests.add(tar, kManifests, digest, kManifestSuffix, [&](const Digest& wanted) -> std::optional<Bytes> {
          const auto text = source.manifest(wanted);
          return text ? std::optional(to_bytes(*text)) : std::nullopt;
        });
    if (!added) return fail(added.error());
    ++(*added ? summary.manifests : summary.manifests_missing);
  }
  return manifests.check("manifest");
}

Result<void> add_proofs(tar::Writer& tar, const std::vector<HeadProof>& proofs) {
  // By the size of the checkpoint's log, which is the name: one for each.
  std::map<std::uint64_t, const HeadProof*> by_size;
  for (const HeadProof& proof : proofs) {
    const auto checkpoint = proof.verify();
    if (!checkpoint) return fail(checkpoint.error());
    by_size[checkpoint->size] = &proof;
  }
  for (const auto& [size, proof] : by_size) {
    const std::string text = proof->to_text();
    const std::string name = std::string(kProofs) + std::to_string(size) + std::string(kProofSuffix);
    if (auto added = tar.add(name, as_bytes(text)); !added) return added;
  }
  return {};
}

class BundleSource final : public ForwardingChainSource {
 public:
  BundleSource(const std::shared_ptr<const Bundle>& bundle, std::unique_ptr<ChainSource> chain)
      : ForwardingChainSource(std::move(chain), bundle), bundle_(*bundle) {}

  const std::string& name() const override { return bundle_.path(); }
  std::optional<Bytes> component(const Digest& digest) const override {
    return content(bundle_.components(), digest, limits::kComponentBytes);
  }
  std::optional<std::string> manifest(const Digest& digest) const override {
    const auto text = content(bundle_.manifests(), digest, limits::kManifestBytes);
    return text ? std::optional(std::string(as_text(*text))) : std::nullopt;
  }

 private:
  std::optional<Bytes> content(const std::map<Digest, FileSection>& sections, const Digest& digest,
                               std::size_t max_bytes) const {
    const auto found = sections.find(digest);
    if (found == sections.end()) return std::nullopt;
    auto bytes = tar::read_section(bundle_.path(), found->second, max_bytes);
    if (!bytes || sha256(*bytes) != digest) return std::nullopt;
    return std::move(*bytes);
  }

  const Bundle& bundle_;
};

/// Checks what goes with a chain that was found true.
class BundleCheck {
 public:
  BundleCheck(const Bundle& bundle, BundleVerifyReport& report) : bundle_(bundle), report_(report) {}

  Result<void> run() {
    NamedContent named;
    if (auto read = read_names(named); !read) return read;
    if (auto checked = check(bundle_.components(), named.components, limits::kComponentBytes, "component",
                             report_.components, report_.components_missing);
        !checked) {
      return checked;
    }
    return check(bundle_.manifests(), named.manifests, limits::kManifestBytes, "manifest", report_.manifests,
                 report_.manifests_missing);
  }

 private:
  Result<void> read_names(NamedContent& named) {
    auto reader = ChainFileReader::open(bundle_.path(), bundle_.chain());
    if (!reader) return fail(std::move(reader.error()));
    while (true) {
      const auto record = (*reader)->next();
      if (!record) return fail(record.error());
      if (!*record) return {};
      if ((*record)->type != ChainFileRecord::Type::kLink) continue;
      chain::LinkDecoder decoder((*record)->bytes);
      chain::EventView event;
      while (decoder.next(event)) named.add(event);
    }
  }

  Result<void> check(const std::map<Digest, FileSection>& sections, const std::set<Digest>& named,
                     std::size_t max_bytes, std::string_view what, std::uint64_t& there, std::uint64_t& missing) {
    for (const auto& [digest, section] : sections) {
      if (!named.contains(digest)) {
        return corrupt(bundle_.path(), "it holds a " + std::string(what) + " that the chain does not name");
      }
      const auto content = tar::read_section(bundle_.path(), section, max_bytes);
      if (!content) return fail(content.error());
      if (sha256(*content) != digest) {
        return corrupt(bundle_.path(), "a " + std::string(what) + " was changed: it does not have its digest");
      }
    }
    there = sections.size();
    missing = named.size() - sections.size();
    return {};
  }

  const Bundle& bundle_;
  BundleVerifyReport& report_;
};

/// Verifies each proof by itself; what they say of the chain is for the chain's verifier.
Result<void> check_proofs(const Bundle& bundle, const BundleVerifyOptions& options, BundleVerifyReport& report) {
  bool leads_to_older = false;
  for (const HeadProof& proof : bundle.proofs()) {
    const auto checkpoint = proof.verify();
    if (!checkpoint) return corrupt(bundle.path(), "a proof does not hold: " + checkpoint.error().message());
    if (proof.entry.actor != bundle.actor()) return corrupt(bundle.path(), "a proof is of another actor's chain");
    if (options.log_name && checkpoint->origin != *options.log_name) {
      return corrupt(bundle.path(), "a proof is of the log " + checkpoint->origin + ", not of " + *options.log_name);
    }
    if (options.older_note) {
      const auto older = open_checkpoint(*options.older_note, proof.verifier());
      leads_to_older |= older && *older == *checkpoint;
    }
    report.checkpoints.push_back(*checkpoint);
  }
  if (options.older_note && !leads_to_older) {
    return fail(ErrorCode::kNotFound, bundle.path() +
                                          " holds no proof that leads to this checkpoint; `theater bundle --checkpoint "
                                          "FILE` makes a bundle with one");
  }
  if (options.log_name && bundle.proofs().empty()) {
    return fail(ErrorCode::kNotFound, bundle.path() + " holds no proof that it is in a log");
  }
  return {};
}

}  // namespace

Result<BundleSummary> write_bundle(const std::string& path, const ChainSource& source, const BundleExtras& extras,
                                   const std::function<void(std::uint64_t)>& progress) {
  for (const HeadProof& proof : extras.proofs) {
    if (proof.entry.actor != source.actor()) {
      return fail(ErrorCode::kInvalidArgument, "a proof is of another actor, " + to_string(proof.entry.actor));
    }
  }
  auto tar = tar::Writer::create(path);
  if (!tar) return fail(std::move(tar.error()));
  if (auto added = (*tar)->add(kReadme, as_bytes(kReadmeText)); !added) return fail(std::move(added.error()));

  const auto descriptor = (*tar)->begin(to_string(source.actor()) + std::string(kChainSuffix));
  if (!descriptor) return fail(descriptor.error());
  const int own = ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return fail(ErrorCode::kIo, "cannot write " + path + ": " + std::system_category().message(errno));
  const auto writer = ChainFileWriter::onto(own, path);
  ChainCopy copy(source, *writer, extras.proofs);
  if (auto copied = copy.run(progress); !copied) return fail(std::move(copied.error()));
  if (auto closed = writer->close(); !closed) return fail(std::move(closed.error()));
  if (auto ended = (*tar)->end(); !ended) return fail(std::move(ended.error()));

  BundleSummary summary;
  summary.actor = source.actor();
  summary.links = copy.report().links;
  summary.events = copy.report().events;
  summary.head = copy.report().head_hash;
  summary.values_missing = copy.report().payloads_missing;
  summary.proofs = extras.proofs.size();
  if (auto added = add_contents(**tar, source, copy.named(), extras, summary); !added) {
    return fail(std::move(added.error()));
  }
  if (!extras.permissions.empty()) {
    if (auto added = (*tar)->add(kPermissions, as_bytes(extras.permissions)); !added) {
      return fail(std::move(added.error()));
    }
  }
  if (auto added = add_proofs(**tar, extras.proofs); !added) return fail(std::move(added.error()));
  if (auto finished = (*tar)->finish(); !finished) return fail(std::move(finished.error()));
  return summary;
}

bool is_bundle(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  char begin[kReadme.size() + 1];
  const ssize_t count = ::pread(descriptor, begin, sizeof(begin), 0);
  ::close(descriptor);
  return count == static_cast<ssize_t>(sizeof(begin)) &&
         std::string_view(begin, sizeof(begin)) == std::string(kReadme) + '\0';
}

Result<std::unique_ptr<Bundle>> Bundle::open(const std::string& path) {
  std::unique_ptr<Bundle> bundle(new Bundle(path));
  if (auto read = bundle->read(); !read) return fail(std::move(read.error()));
  return bundle;
}

Result<void> Bundle::read() {
  const auto members = tar::list(path_);
  if (!members) return fail(members.error());
  if (members->size() < 2 || members->front().name != kReadme || members->front().content.size > kReadmeBytesMax) {
    return corrupt(path_, "it does not begin with " + std::string(kReadme));
  }
  const auto actor = between((*members)[1].name, "", kChainSuffix);
  const auto id = actor ? parse_id<ActorId>(*actor) : std::nullopt;
  if (!id || to_string(*id) != *actor) return corrupt(path_, "the second file is no actor's chain");
  actor_ = *id;
  chain_ = (*members)[1].content;
  for (std::size_t i = 2; i < members->size(); ++i) {
    if (auto taken = take((*members)[i].name, (*members)[i].content); !taken) return taken;
  }
  return {};
}

Result<void> Bundle::take(const std::string& name, FileSection content) {
  const auto wrong = [&](std::string_view what) {
    return corrupt(path_, printable(as_bytes(name), tar::kNameBytesMax) + " " + std::string(what));
  };
  // Each name once, in this order, so that equal bundles are equal files.
  const bool nothing_follows = !permissions_ && proofs_.empty();
  if (const auto digest = digest_between(name, kComponents, kComponentSuffix)) {
    const bool is_in_order = components_.empty() || components_.rbegin()->first < *digest;
    if (!is_in_order || !manifests_.empty() || !nothing_follows) return wrong("is out of order");
    components_[*digest] = content;
    return {};
  }
  if (const auto digest = digest_between(name, kManifests, kManifestSuffix)) {
    const bool is_in_order = manifests_.empty() || manifests_.rbegin()->first < *digest;
    if (!is_in_order || !nothing_follows) return wrong("is out of order");
    manifests_[*digest] = content;
    return {};
  }
  if (name == kPermissions) {
    if (!nothing_follows) return wrong("is out of order");
    const auto text = tar::read_section(path_, content, kPermissionsBytesMax);
    if (!text) return fail(text.error());
    if (!is_utf8(*text)) return wrong("is not UTF-8");
    permissions_ = std::string(as_text(*text));
    return {};
  }
  const auto size = between(name, kProofs, kProofSuffix);
  if (!size) return wrong("has no place in a bundle");
  if (proofs_.size() == kProofsMax) return corrupt(path_, "it holds too many proofs");
  const auto text = tar::read_section(path_, content, kProofBytesMax);
  if (!text) return fail(text.error());
  auto proof = HeadProof::parse(as_text(*text));
  if (!proof) return wrong("does not hold: " + proof.error().message());
  const auto checkpoint = unverified_checkpoint(proof->checkpoint_note);
  if (!checkpoint || std::to_string(checkpoint->size) != *size) {
    return wrong("is not named after its checkpoint's size");
  }
  if (!proofs_.empty()) {
    const auto before = unverified_checkpoint(proofs_.back().checkpoint_note);
    if (before && before->size >= checkpoint->size) return wrong("is out of order");
  }
  proofs_.push_back(std::move(*proof));
  return {};
}

Result<std::unique_ptr<ChainSource>> open_bundle(const std::string& path) {
  auto bundle = Bundle::open(path);
  if (!bundle) return fail(std::move(bundle.error()));
  auto chain = open_chain_file(path, (*bundle)->chain());
  if (!chain) return fail(std::move(chain.error()));
  return std::make_unique<BundleSource>(std::shared_ptr<const Bundle>(std::move(*bundle)), std::move(*chain));
}

Result<BundleVerifyReport> verify_bundle(const std::string& path, BundleVerifyOptions options) {
  const auto bundle = Bundle::open(path);
  BundleVerifyReport report;
  const auto take_fault = [&](const Error& error) -> Result<BundleVerifyReport> {
    if (error.code() == ErrorCode::kIo) return fail(error);
    report.fault = error.message();
    return report;
  };
  if (!bundle) return is_bundle(path) ? take_fault(bundle.error()) : fail(bundle.error());
  if (auto checked = check_proofs(**bundle, options, report); !checked) return take_fault(checked.error());

  VerifyExpectation expectation = std::move(options.expectation);
  expectation.actor = (*bundle)->actor();
  const std::vector<KnownHead> heads = heads_of((*bundle)->proofs());
  expectation.heads.insert(expectation.heads.end(), heads.begin(), heads.end());
  std::ranges::sort(expectation.heads);
  auto chain = verify_chain_file(path, std::move(expectation), (*bundle)->chain(), options.progress);
  if (!chain) return take_fault(chain.error());
  report.chain = std::move(chain->chain);
  if (!report.chain.ok()) return report;
  if (!chain->closed) return take_fault(Error(ErrorCode::kCorrupt, path + " is not in order: its chain is not whole"));
  if (auto checked = BundleCheck(**bundle, report).run(); !checked) return take_fault(checked.error());
  return report;
}

}  // namespace theater
